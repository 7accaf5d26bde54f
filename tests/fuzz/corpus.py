# SPDX-License-Identifier: Apache-2.0
"""What is mutated: real models if they are beside the checkout, the onnx package's tests, random networks, IR text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path

from qopt_mlir.backends.interface import function
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import shape_of

from .generator import Generator

ROOT = Path(__file__).parents[2]
MODELS = ROOT.parent / "shared" / "data"
LEVELS = {"graph": "", "typed": "q-to-typed", "dataflow": "q-to-typed,q-to-dataflow"}
SEPARATOR = "// -----\n"
MAX_TEXT = 60_000  # characters of IR that is mutated: few of the characters of more are anything but weights
MAX_FRAME = 20_000  # elements of a frame of such networks: FIFOs of large images take long to size
NUM_NETWORKS = 60  # random ones


def absent_models() -> str | None:
    """Says that the real models are not here, if so."""
    return None if any(MODELS.glob("models*/*.onnx")) else f"without real models: there are none in {MODELS.name}"


@cache
def real_models() -> Sequence[Path]:
    """Real models and the example of the checkout, in the order of their size."""
    paths = [*MODELS.glob("models*/*.onnx"), *(ROOT / "examples").glob("*/*.onnx")]
    return sorted(paths, key=lambda path: (path.stat().st_size, path.name))


@cache
def node_tests() -> Sequence[bytes]:
    """The models of the onnx package's own tests of each op."""
    from ..backend_nodes.cases import cases

    return [case.model.SerializeToString() for case in cases()]


def network(number: int) -> bytes:
    return Generator(number).model().SerializeToString()


def model_bytes(rng: random.Random) -> bytes:
    """A model; small real ones are taken more often than large ones."""
    kind = rng.random()
    if kind < 0.45:
        models = real_models()
        return models[int(len(models) * rng.random() ** 1.7)].read_bytes()
    if kind < 0.85:
        return rng.choice(node_tests())
    return network(rng.randrange(NUM_NETWORKS))


@cache
def lit_parts() -> Sequence[str]:
    """The inputs of the textual tests, one example of every op and pass among them."""
    files = sorted((ROOT / "lit_tests").rglob("*.mlir"))
    return [part for file in files for part in file.read_text(encoding="utf-8").split(SEPARATOR) if is_read(part)]


def is_read(text: str) -> bool:
    try:
        verify_module(parse_module(text, "part.mlir"))
    except QoptError:
        return False
    return True


@cache
def level_text(source: int | Path, level: str) -> str | None:
    """IR of a random network (by number) or of a model (by path); None if it has no such level, or is long."""
    try:
        module = import_onnx(network(source) if isinstance(source, int) else source)
        if sum(prod(shape_of(argument)) for argument in function(module, "main").args) > MAX_FRAME:
            return None
        run_passes(new_context(), module, parse_passes(LEVELS[level]))
    except QoptError:
        return None
    text = module_text(module)
    return text if len(text) <= MAX_TEXT else None


def ir_text(rng: random.Random, level: str) -> str:
    """IR of a level."""
    models = [path for path in real_models() if path.stat().st_size < MAX_TEXT]
    for _ in range(20):
        real = rng.random() < (0.6 if level == "graph" else 0.2)
        text = level_text(rng.choice(models) if real else rng.randrange(NUM_NETWORKS), level)
        if text is not None:
            return text
    return rng.choice(lit_parts())
