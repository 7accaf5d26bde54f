# SPDX-License-Identifier: Apache-2.0
"""Random quantised convolutional networks: the typed level gives what the graph level gives.

The graph level computes in float32, the typed level exactly. If every constant is a small multiple of a power of two
float32 is exact as well, and all outputs are equal. Otherwise sums that cancel leave float32 noise, which may round to
the next code: there only the passes behind the conversion to exact numbers are judged, bit by bit.
"""

from __future__ import annotations

import numpy as np
import pytest
from qopt_mlir.backends.execute import run_module
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.verify_each import EquivalenceChecker
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module

from .generator import frames_for
from .random_cnn import ConvolutionGenerator

INEXACT = {"Softmax", "GlobalAveragePool"}  # float functions, quotients


def check(seed: int) -> None:
    """Every exact pass keeps every bit; text and back keeps them; the typed level is as the graph level."""
    generator = ConvolutionGenerator(seed)
    generator.dyadic = seed % 3 != 0
    proto = generator.model()
    x = frames_for(proto, seed)
    module = import_onnx(proto.SerializeToString())
    expected = run_module(module, {"": x}).outputs
    checker = EquivalenceChecker(module, {"": x})
    passes = [pass_ for pass_ in parse_passes(to_typed()) if pass_.name != "q-partition"]
    run_passes(new_context(), module, passes, checker.check)
    typed = run_module(module, {"": x}).outputs
    again = parse_module(module_text(module), "again.mlir")
    verify_module(again)
    assert all(map(np.array_equal, run_module(again, {"": x}).outputs, typed)), f"seed {seed}: text"
    if generator.dyadic and not INEXACT & {node.op_type for node in proto.graph.node}:
        assert all(map(np.array_equal, typed, expected)), f"seed {seed}: graph and typed level"


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_typed_level(start: int) -> None:
    for seed in range(start, start + 20):
        check(seed)


def test_a_narrow_quantiser_behind_a_sum_stays_narrow() -> None:
    """The layer behind counts on the codes that its type has besides."""
    check(1710)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 2000, 100))
def test_typed_level_of_many(start: int) -> None:
    for seed in range(start, start + 100):
        check(seed)
