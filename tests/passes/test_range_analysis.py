# SPDX-License-Identifier: Apache-2.0
"""Range analysis: no value leaves its interval, and bounds of linear layers are reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from qopt_mlir.passes import interval
from qopt_mlir.passes.interval import Array, Interval
from qopt_mlir.passes.range_analysis import Ranges, analyse
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.reference import ExactReal, compile_function
from qopt_mlir.qdialect.text import module_text, parse_module
from qopt_mlir.qdialect.types import element_type, is_f32, is_integer_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation


def module_of(text: str) -> ModuleOp:
    return parse_module(text, "test.mlir")


def main_of(module: ModuleOp) -> FuncOp:
    return next(op for op in module.ops if isinstance(op, FuncOp))


def result_range(text: str) -> Interval:
    module = module_of(text)
    returned = main_of(module).body.block.last_op
    assert returned is not None
    return analyse(module)[returned.operands[0]]


def corner_and_random_frames(module: ModuleOp) -> Array:
    (argument,) = main_of(module).args
    codes = element_type(argument).format.code_range  # pyright: ignore[reportAttributeAccessIssue]
    generator = np.random.default_rng(3)
    shape = shape_of(argument)
    noise = generator.integers(codes.lo, codes.hi + 1, size=(20, *shape))
    corners = np.where(generator.random((20, *shape)) < 0.5, codes.lo, codes.hi)
    ends = np.stack([np.full(shape, code) for code in (codes.lo, codes.hi, 0)])
    return np.concatenate([noise, corners, ends])


def assert_inside(module: ModuleOp, ranges: Ranges, frames: Array) -> int:
    """Every traced value lies in its interval; the number of values compared."""
    compared = 0

    def trace(op: Operation, results: Sequence[Any]) -> None:
        nonlocal compared
        for value, codes in zip(op.results, results, strict=True):
            if is_f32(element_type(value)):
                continue
            known = ranges[value]
            factor = Fraction(1)
            if isinstance(codes, ExactReal):
                factor, codes = codes.scale / known.scale, codes.numerators
            actual = codes.astype(object) * factor
            assert (actual >= np.broadcast_to(known.lo, shape_of(value) or 1)).all(), (op.name, module_text(module))
            assert (actual <= np.broadcast_to(known.hi, shape_of(value) or 1)).all(), (op.name, module_text(module))
            compared += 1

    compile_function(module).run_codes({0: frames}, trace)
    return compared


def test_every_value_stays_inside(typed: Callable[[int], ModuleOp]) -> None:
    compared = 0
    for seed in range(120):
        module = typed(seed)
        compared += assert_inside(module, analyse(module), corner_and_random_frames(module))
    assert compared > 400


def brute_force(function: Callable[..., Array], *operands: tuple[int, int]) -> tuple[int, int]:
    grids = np.meshgrid(*[np.arange(lo, hi + 1) for lo, hi in operands], indexing="ij")
    values = function(*grids)
    return int(values.min()), int(values.max())


def test_arithmetic_is_tight() -> None:
    generator = np.random.default_rng(5)
    for _ in range(200):
        (a, b), (c, d) = (sorted(generator.integers(-9, 10, 2).tolist()) for _ in range(2))
        x, y = interval.whole(IntRange(a, b), Fraction(1)), interval.whole(IntRange(c, d), Fraction(1))
        for mine, definition in ((interval.add, np.add), (interval.multiply, np.multiply)):
            found = mine(x, y).hull
            assert (found.lo, found.hi) == brute_force(definition, (a, b), (c, d))
        found = interval.square(x).hull
        assert (found.lo, found.hi) == brute_force(lambda v: v * v, (a, b))


def test_matmul_bounds_are_reached() -> None:
    """The row-wise corner vectors give exactly the two bounds, so one bit less would overflow."""
    generator = np.random.default_rng(7)
    for _ in range(50):
        depth, columns = generator.integers(1, 9, 2).tolist()
        weights = generator.integers(-8, 8, (depth, columns))
        lo = generator.integers(-6, 3, depth)
        hi = lo + generator.integers(0, 9, depth)
        x = Interval(lo[None], hi[None], Fraction(1))
        found = interval.matmul(x, interval.points(weights, Fraction(1)), (1, depth), (depth, columns))
        for column in range(columns):
            w = weights[:, column]
            assert found.hi[0, column] == np.where(w > 0, hi, lo) @ w
            assert found.lo[0, column] == np.where(w > 0, lo, hi) @ w


@pytest.mark.parametrize(("a_shape", "b_shape"), [((2, 3), (3, 2)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,))])
@pytest.mark.parametrize("known", ["left", "right", "none"])
def test_matmul_shapes(a_shape: tuple[int, ...], b_shape: tuple[int, ...], known: str) -> None:
    generator = np.random.default_rng(9)
    a, b = generator.integers(-4, 5, a_shape), generator.integers(-4, 5, b_shape)
    spread_a, spread_b = (0 if known == "left" else 1), (0 if known == "right" else 1)
    x, y = Interval(a - spread_a, a + spread_a, Fraction(1)), Interval(b - spread_b, b + spread_b, Fraction(1))
    found = interval.matmul(x, y, a_shape, b_shape)
    assert found.lo.shape == found.hi.shape == ((a @ b).shape or (1,))
    seen = []
    for _ in range(400):
        left = a + generator.integers(-spread_a, spread_a + 1, a_shape)
        right = b + generator.integers(-spread_b, spread_b + 1, b_shape)
        seen.append(left @ right)
        assert (found.lo <= seen[-1]).all()
        assert (seen[-1] <= found.hi).all()


def test_bounds_beyond_int64_are_exact() -> None:
    big = interval.whole(IntRange(-(1 << 62), (1 << 62) - 1), Fraction(1))
    assert interval.multiply(big, big).hull == IntRange(-(1 << 62) * ((1 << 62) - 1), 1 << 124)
    assert interval.add(big, big).hull == IntRange(-(1 << 63), (1 << 63) - 2)
    weights = interval.points(np.full((4, 1), 3), Fraction(1))
    assert interval.matmul(big, weights, (1, 4), (4, 1)).hull == IntRange(-12 << 62, 12 * ((1 << 62) - 1))


def test_the_same_value_twice() -> None:
    text = """
    func.func @main(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.fixed<{}, 0>> {{
      %y = q.{} %x, %x : tensor<2x!q.fixed<3, 0>>, tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<{}, 0>>
      func.return %y : tensor<2x!q.fixed<{}, 0>>
    }}"""
    assert result_range(text.format(6, "mul", 6, 6)).hull == IntRange(0, 16)
    assert result_range(text.format(4, "sub", 4, 4)).hull == IntRange(0, 0)


def test_quantizers_narrow_and_stuck_channels() -> None:
    text = """
    func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {
      %s = q.constant #q.dense<["1/100", "5/2"] : tensor<2x!q.real>>
      %0 = q.mul %x, %s : tensor<1x2x!q.fixed<3, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
      %y = q.quantize %0 half_even saturate narrow : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
      func.return %y : tensor<1x2x!q.fixed<4, 0>>
    }"""
    found = result_range(text)
    assert found.lo.tolist() == [0, -7]
    assert found.hi.tolist() == [0, 7]


def test_wrapping_gives_every_code_unless_it_fits() -> None:
    text = """
    func.func @main(%x: tensor<1x!q.fixed<4, 0>>) -> tensor<1x!q.fixed<{}, 0>> {{
      %y = q.quantize %x floor wrap : tensor<1x!q.fixed<4, 0>> -> tensor<1x!q.fixed<{}, 0>>
      func.return %y : tensor<1x!q.fixed<{}, 0>>
    }}"""
    assert result_range(text.format(3, 3, 3)).hull == IntRange(-4, 3)
    assert result_range(text.format(6, 6, 6)).hull == IntRange(-8, 7)


def test_thresholds_count_over_the_input_range() -> None:
    text = """
    func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
      %t = q.constant #q.dense<[[-4, 0, 9], [1, 2, 5]] : tensor<2x3x!q.fixed<5, 0>>>
      %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
      %y = q.threshold %x, %t descending %d : tensor<2x!q.ufixed<1, 0>> base 0
          : tensor<1x2x!q.fixed<3, 0>>, tensor<2x3x!q.fixed<5, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
      func.return %y : tensor<1x2x!q.ufixed<2, 0>>
    }"""
    found = result_range(text)
    assert found.lo.tolist() == [1, 1]
    assert found.hi.tolist() == [2, 3]


CALLS = """
func.func @main(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<9, 0>> {{
  %q = q.quantize %x floor saturate : tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<3, 0>>
  %w = q.quantize %q floor saturate : tensor<1x!q.fixed<3, 0>> -> tensor<1x!q.fixed<8, 0>>
  {}
  %y = func.call @double(%w) : (tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<9, 0>>
  func.return %y : tensor<1x!q.fixed<9, 0>>
}}
func.func private @double(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<9, 0>> {{
  %y = q.add %x, %x : tensor<1x!q.fixed<8, 0>>, tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<9, 0>>
  func.return %y : tensor<1x!q.fixed<9, 0>>
}}"""


def test_a_private_function_called_once_sees_its_caller() -> None:
    assert result_range(CALLS.format("")).hull == IntRange(-8, 6)


def test_a_function_called_twice_takes_anything() -> None:
    again = "%z = func.call @double(%x) : (tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<9, 0>>"
    assert result_range(CALLS.format(again)).hull == IntRange(-256, 255)


def test_integer_values_always_have_a_range(graph: Callable[[int], ModuleOp]) -> None:
    for seed in range(30):
        module = graph(seed)
        ranges = analyse(module)
        for op in main_of(module).body.block.ops:
            for value in op.results:
                assert (value in ranges) or not is_integer_type(element_type(value))


def test_padding_by_a_computed_scalar() -> None:
    """One bound of a scalar may have an axis of its own, which the scalar has not."""
    known = result_range("""
!t = tensor<!q.fixed<4, 0>>
func.func @main(%x: tensor<1x2x!q.ufixed<2, 0>>, %v: tensor<!q.fixed<3, 0>>) -> tensor<1x4x!q.fixed<4, 0>> {
  %r = q.relu %v : tensor<!q.fixed<3, 0>> -> tensor<!q.ufixed<2, 0>>
  %s = q.sub %r, %v : tensor<!q.ufixed<2, 0>>, tensor<!q.fixed<3, 0>> -> !t
  %y = q.pad %x, %s low [0, 1] high [0, 1] : tensor<1x2x!q.ufixed<2, 0>>, !t -> tensor<1x4x!q.fixed<4, 0>>
  func.return %y : tensor<1x4x!q.fixed<4, 0>>
}""")
    assert (known.lo.ravel().tolist(), known.hi.ravel().tolist()) == ([-1, 0, 0, -1], [4, 3, 3, 4])
