# SPDX-License-Identifier: Apache-2.0
"""Variants of a network: equal to running each by itself, with what they share computed once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from qopt_mlir.backends.execute import run_module
from qopt_mlir.passes.accuracy_evaluation import Evaluator, percent_equal
from qopt_mlir.qdialect.text import parse_module

TEXT = """
func.func @main(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
  %w = q.constant #q.dense<[[1.0, -2.0, 0.5], [0.25, 1.5, 3.0], [-1.0, 1.0, 2.0]] : tensor<3x3xf32>>
  %a = q.matmul %x, %w : tensor<1x3xf32>, tensor<3x3xf32> -> tensor<1x3xf32>
  %b = q.quantize %a half_even saturate : tensor<1x3xf32> -> tensor<1x3x!q.fixed<FIRST, 1>>
  %v = q.constant #q.dense<[[1.0, -1.0], [2.0, 0.5], [-3.0, 1.0]] : tensor<3x2xf32>>
  %c = q.matmul %b, %v : tensor<1x3x!q.fixed<FIRST, 1>>, tensor<3x2xf32> -> tensor<1x2xf32>
  %d = q.quantize %c half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<LAST, 0>>
  %s = q.constant #q.dense<0.5 : tensor<f32>>
  %y = q.mul %d, %s : tensor<1x2x!q.fixed<LAST, 0>>, tensor<f32> -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
"""


def variant(first: int, last: int) -> str:
    return TEXT.replace("FIRST", str(first)).replace("LAST", str(last))


def test_variants_equal_whole_runs() -> None:
    frames = np.random.default_rng(1).normal(size=(500, 1, 3)).astype(np.float32) * 4
    evaluator = Evaluator(frames)
    for first, last in [(8, 8), (8, 6), (4, 6), (8, 4), (4, 8), (8, 8)]:
        text = variant(first, last)
        expected = run_module(parse_module(text, "v.mlir"), {"": frames}).outputs[0]
        assert np.array_equal(evaluator.outputs(parse_module(text, "v.mlir")), expected)
    assert (evaluator.runs, evaluator.hits) == (5, 1)


def test_what_variants_share_is_not_run_again() -> None:
    frames = np.ones((1, 1, 3), np.float32)
    evaluator = Evaluator(frames)
    evaluator.outputs(parse_module(variant(8, 8), "v.mlir"))
    evaluator.frames = np.full_like(frames, np.nan)  # which a run from the input on would refuse
    assert evaluator.outputs(parse_module(variant(8, 4), "v.mlir")).shape == (1, 1, 2)


def test_little_room_makes_no_difference() -> None:
    frames = np.random.default_rng(2).normal(size=(50, 1, 3)).astype(np.float32)
    roomy, small = Evaluator(frames), Evaluator(frames, capacity=100)
    for last in (8, 3, 5):
        module = parse_module(variant(6, last), "v.mlir")
        assert np.array_equal(roomy.outputs(module), small.outputs(module))


def test_accuracy_takes_the_first_of_equal_outputs() -> None:
    module = parse_module(variant(8, 1), "v.mlir")  # codes -1 and 0
    frames = np.random.default_rng(3).normal(size=(40, 1, 3)).astype(np.float32)
    outputs = run_module(module, {"": frames}).outputs[0].reshape(40, 2)
    evaluator = Evaluator(frames, labels=(outputs[:, 1] > outputs[:, 0]).astype(np.int64))
    assert evaluator.accuracy(module) == 100


def test_percentages_are_rounded_once() -> None:
    """A share that is exactly a bound of one decimal keeps it: 476 of 500 are 95.2 %."""
    for frames in (250, 500, 1000):
        for equal in range(frames + 1):
            exact = Fraction(100 * equal, frames)
            assert percent_equal(np.arange(frames) < equal, np.ones(frames, bool)) == float(exact)
