# SPDX-License-Identifier: Apache-2.0
"""One case: a damaged input goes through everything that reads it. It works, or a QoptError says so in one screen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper

import numpy as np
from qopt_mlir.backends import make_target
from qopt_mlir.backends.coverage import random_inputs
from qopt_mlir.backends.execute import run_module
from qopt_mlir.backends.interface import function
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from . import corpus, model_mutations, text_mutations

Array = np.ndarray
KINDS = ("onnx", "graph", "typed", "dataflow", "lit")
MAX_MESSAGE = 4000  # characters
MAX_LINES = 40
MAX_ELEMENTS = 300_000  # of all values of a network that is run
MAX_OPS = 70  # of a network that goes through passes
PASSES = {
    "onnx": ["q-to-typed"],
    "graph": ["q-to-typed", 'q-set-input-format{input-format="x: uint<8>"},q-to-typed', "q-fold-constants"],
    "typed": ["q-to-dataflow", "q-infer-ranges,q-check-ranges", "q-to-typed"],
    "dataflow": ["q-insert-width-converters,q-insert-fifos", "q-check-ranges", "q-set-folding"],
    "lit": ["q-to-typed", "q-to-dataflow", "q-streamline", "q-infer-ranges", "canonicalize,cse,dce"],
}
TARGETS = {"dataflow": ["estimate"], "lit": ["estimate", "onnx"]}
ONNX_TARGETS = ["onnx", "onnx{style=qonnx}", "onnx{real=float64}"]


class Fault(AssertionError):
    """What a case must not do, besides raising anything but a QoptError."""


@dataclass(frozen=True)
class Case:
    """An input, and the choices of what is done with it."""

    kind: str
    data: bytes | str
    seed: str


def make_case(seed: int, kind: str) -> Case:
    rng = random.Random(f"{kind} {seed}")
    if kind == "onnx":
        return Case(kind, model_mutations.mutated(corpus.model_bytes(rng), rng), f"{seed}")
    text = rng.choice(corpus.lit_parts()) if kind == "lit" else corpus.ir_text(rng, kind)
    return Case(kind, text_mutations.mutated(text, rng), f"{seed}")


def run_case(case: Case) -> str:
    """Where the case was refused, or `ok`. Raises whatever is a fault."""
    rng = random.Random(case.seed)
    step = "read"
    try:
        module = read(case)
        step = "text"
        again = reread(module)
        step = "run"
        ran = run_twice(module, again, rng)
        step = "target"
        target = rng.choice(TARGETS.get(case.kind, ONNX_TARGETS))
        refused = refusal(lambda: emit(module, target))
        step = "passes"
        if sum(1 for _ in module.walk()) <= MAX_OPS:
            run_passes(new_context(), module, parse_passes(rng.choice(PASSES[case.kind])))
            again = reread(module)
            if ran:
                run_twice(module, again, rng)
        return "target" if refused else "ok"
    except QoptError as error:
        check_message(error)
        return step


def refusal(attempt: object) -> bool:
    """Whether a step refuses, after which the next is tried."""
    try:
        attempt()  # type: ignore[operator]
    except QoptError as error:
        check_message(error)
        return True
    return False


def read(case: Case) -> ModuleOp:
    if isinstance(case.data, bytes):
        module = import_onnx(case.data)
        try:
            verify_module(module)
        except QoptError as error:
            raise Fault(f"the import does not verify: {error}") from error
        return module
    module = parse_module(case.data, "case.mlir")
    verify_module(module)
    return module


def reread(module: ModuleOp) -> ModuleOp:
    """The module by way of its text, which must not be refused and must be the same the second time."""
    text = module_text(module)
    try:
        again = parse_module(text, "again.mlir")
        verify_module(again)
    except QoptError as error:
        raise Fault(f"the printed module is not read: {error}") from error
    if module_text(again) != text:
        raise Fault("the text of the module that was read from text differs")
    return again


def values(module: ModuleOp) -> list[SSAValue]:
    results = [result for op in module.walk() for result in op.results]
    return [*results, *(arg for op in module.walk() if isinstance(op, FuncOp) and op.body.blocks for arg in op.args)]


def is_small(module: ModuleOp) -> bool:
    shapes = [shape_of(value) for value in values(module) if hasattr(value.type, "get_shape")]
    return sum(int(np.prod(shape, dtype=object)) for shape in shapes) <= MAX_ELEMENTS


def run_twice(module: ModuleOp, again: ModuleOp, rng: random.Random) -> bool:
    """One random frame through both; whether they ran. A refusal of one must be one of the other."""
    if not is_small(module):
        return False
    frames = random_inputs(function(module, "main"))
    if rng.random() < 0.2:
        frames = {name: extreme(array, rng) for name, array in frames.items()}
    first, second = outputs(module, frames), outputs(again, frames)
    if isinstance(first, str) or isinstance(second, str):
        if first != second:
            raise Fault(f"before and after the text: {str(first)[:300]} / {str(second)[:300]}")
        return False
    if not all(equal(a, b) for a, b in zip(first, second, strict=True)):
        raise Fault("values differ after the text")
    return True


def extreme(array: Array, rng: random.Random) -> Array:
    if array.dtype.kind != "f" or not array.size:
        return array
    array = array.copy()
    array.reshape(-1)[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -0.0, 1e-42])
    return array


def outputs(module: ModuleOp, frames: dict[str, Array]) -> Sequence[Array] | str:
    try:
        return run_module(module, frames).outputs
    except QoptError as error:
        check_message(error)
        return error.what


def equal(a: Array, b: Array) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def emit(module: ModuleOp, target: str) -> None:
    stream = TextIOWrapper(BytesIO(), "utf-8") if target.startswith("onnx") else StringIO()
    make_target(target).emit(new_context(), module, stream)


def check_message(error: QoptError) -> None:
    text = str(error)
    if not error.what or len(text) >= MAX_MESSAGE or text.count("\n") > MAX_LINES:
        raise Fault(f"a message of {len(text)} characters, {text.count(chr(10))} lines: {text[:200]}") from error
    if not error.mend:
        raise Fault(f"no word on how to mend: {text[:200]}") from error
