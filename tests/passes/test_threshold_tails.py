# SPDX-License-Identifier: Apache-2.0
"""Thresholds of real numbers as thresholds of integer codes: every output bit stays, for every code."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.qdialect.q import ThresholdOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import parse_module, verify_module
from qopt_mlir.qdialect.types import element_type, is_f32, is_integer_type
from xdsl.dialects.builtin import ModuleOp

Run = Callable[[ModuleOp, str], ModuleOp]

PASSES = ("q-lower-quantizers-to-thresholds", "q-lower-quantizers")
ROWS = 8


def fractions(rng: random.Random, count: int, step: int = 12) -> str:
    return ", ".join(f'"{Fraction(rng.randint(-40, 40), rng.randint(1, step))}"' for _ in range(count))


def rows(rng: random.Random, channels: int, count: int) -> str:
    drawn = [sorted(Fraction(rng.randint(-60, 60), rng.randint(1, 9)) for _ in range(count)) for _ in range(channels)]
    return ", ".join("[" + ", ".join(f'"{number}"' for number in row) + "]" for row in drawn)


def network(seed: int, axis: int) -> ModuleOp:
    """All codes of six bits, times factors (also negative and zero), plus terms, perhaps a ReLU; then thresholds."""
    rng = random.Random(seed)
    shape, constants = ((64, 3), "3") if axis == 1 else ((3, 64), "3x1")
    count, num_rows = rng.randint(1, 5), rng.choice((1, 3, 3))
    relu = "q.relu %m : tensor<{0}x!q.real> -> tensor<{0}x!q.real>" if rng.random() < 0.4 else ""
    size = "x".join(map(str, shape))
    parts = [f"[{part.strip()}]" if axis == 0 else part for part in fractions(rng, 3).split(",")]
    terms = [f"[{part.strip()}]" if axis == 0 else part for part in fractions(rng, 3).split(",")]
    wide = f"tensor<{size}x!q.real>"
    lines = [
        f"func.func @main(%x: tensor<{size}x!q.fixed<6, 1>>) -> tensor<{size}x!q.fixed<4, 0>> {{",
        f"%k = q.constant #q.dense<[{', '.join(parts)}] : tensor<{constants}x!q.real>>",
        f"%b = q.constant #q.dense<[{', '.join(terms)}] : tensor<{constants}x!q.real>>",
        f"%t = q.constant #q.dense<[{rows(rng, num_rows, count)}] : tensor<{num_rows}x{count}x!q.real>>",
        f"%p = q.mul %x, %k : tensor<{size}x!q.fixed<6, 1>>, tensor<{constants}x!q.real> -> {wide}",
        f"%m = q.add %p, %b : {wide}, tensor<{constants}x!q.real> -> {wide}",
        f"%r = {relu.format(size)}" if relu else "",
        f"%y = q.threshold %{'r' if relu else 'm'}, %t base -2 axis {axis} : {wide}, "
        f"tensor<{num_rows}x{count}x!q.real> -> tensor<{size}x!q.fixed<4, 0>>",
        f"func.return %y : tensor<{size}x!q.fixed<4, 0>>",
        "}",
    ]
    module = parse_module("\n".join(lines), "network")
    verify_module(module)
    return module


def thresholds(module: ModuleOp) -> list[ThresholdOp]:
    return [op for op in module.walk() if isinstance(op, ThresholdOp)]


@pytest.mark.parametrize("passes", PASSES)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", range(40))
def test_every_code_gives_the_same_code(seed: int, axis: int, passes: str, run_passes: Run) -> None:
    before = network(seed, axis)
    after = run_passes(before, passes)
    assert [is_integer_type(element_type(op.input)) for op in thresholds(after)] == [True]
    codes = np.arange(-32, 32)
    x = np.broadcast_to(codes[:, None], (64, 3)) if axis == 1 else np.broadcast_to(codes, (3, 64))
    results = [compile_function(module, "main").run({0: x[None] / 2})[0] for module in (before, after)]
    np.testing.assert_array_equal(*results)


def test_float32_thresholds_become_integer_codes(run_passes: Run) -> None:
    """Behind a quantiser: a code reaches a threshold between two codes if it is the upper one."""
    text = """
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4x!q.ufixed<2, 0>> {
  %t = q.constant #q.dense<[[-0.3, 0.5, 0.6]] : tensor<1x3xf32>>
  %s = q.constant #q.dense<0.5 : tensor<f32>>
  %q = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<4, 1>>
  %f = q.quantize %q half_even saturate : tensor<1x4x!q.fixed<4, 1>> -> tensor<1x4xf32>
  %y = q.threshold %f, %t base 0 : tensor<1x4xf32>, tensor<1x3xf32> -> tensor<1x4x!q.ufixed<2, 0>>
  func.return %y : tensor<1x4x!q.ufixed<2, 0>>
}"""
    before = parse_module(text, "thresholds")
    after = run_passes(before, "q-convert-to-typed")
    (op,) = thresholds(after)
    assert is_integer_type(element_type(op.thresholds))
    x = np.array([[-0.5, 0, 0.5, 1]], np.float32)
    for module in (before, after):
        np.testing.assert_array_equal(compile_function(module, "main").run({0: x[None]})[0][0], [[0, 1, 2, 3]])


def test_thresholds_of_float32_inputs_are_left(run_passes: Run) -> None:
    text = """
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4x!q.bipolar> {
  %t = q.constant #q.dense<[[0.25]] : tensor<1x1xf32>>
  %y = q.threshold %x, %t base -1 : tensor<1x4xf32>, tensor<1x1xf32> -> tensor<1x4x!q.bipolar>
  func.return %y : tensor<1x4x!q.bipolar>
}"""
    module = parse_module(text, "thresholds")
    after = run_passes(module, "q-convert-to-typed,q-lower-quantizers")
    assert is_f32(element_type(thresholds(after)[0].input))
    x = np.array([[-1, 0.25, 0.2499, np.inf]], np.float32)
    np.testing.assert_array_equal(compile_function(after, "main").run({0: x[None]})[0][0], [[-1, 1, -1, 1]])


def test_real_numbers_without_integers_are_left_with_a_remark(run_passes: Run) -> None:
    text = """
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>, %z: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.ufixed<1, 0>> {
  %t = q.constant #q.dense<[["1/3"]] : tensor<1x1x!q.real>>
  %s = q.constant #q.dense<"1/7" : tensor<!q.real>>
  %a = q.mul %x, %s : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %b = q.mul %a, %z : tensor<1x2x!q.real>, tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2x!q.real>
  %y = q.threshold %b, %t base 0 : tensor<1x2x!q.real>, tensor<1x1x!q.real> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return %y : tensor<1x2x!q.ufixed<1, 0>>
}"""
    with collected_remarks() as remarks:
        run_passes(parse_module(text, "thresholds"), "q-lower-quantizers")
    assert any("thresholds of real numbers are left as they are" in str(remark) for remark in remarks)
