# SPDX-License-Identifier: Apache-2.0
"""Pools, reductions and moves by their definitions, in Python integers, whatever the reference carries them in."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from qopt_mlir.qdialect.float_formats import value_of
from qopt_mlir.qdialect.q import (
    ConcatOp,
    ExpandOp,
    GatherOp,
    MaxPoolOp,
    PadOp,
    ReduceMaxOp,
    ReduceMinOp,
    ReduceSumOp,
    ReluOp,
    SliceOp,
    SumPoolOp,
)
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.reference import Plan
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, RealType, UFixedType, element_type, shape_of
from xdsl.dialects.builtin import Float32Type, TensorType
from xdsl.ir import Attribute, SSAValue

from .helpers import compiled, constant, real_constant, values

WIDTHS = [FixedType(4), UFixedType(20, 3), FixedType(40), FixedType(60, -5), FixedType(64), FixedType(90)]
SHAPE = (1, 2, 5, 4)


def plan_of(type_: Attribute, build: Callable[[SSAValue], Any], shape: tuple[int, ...] = SHAPE) -> Plan:
    return compiled([TensorType(type_, shape)], lambda x: [build(x).results[0]])


def codes_of(type_: Attribute, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Two frames: ends of the type and random codes, as Python integers."""
    range_ = type_.format.code_range  # pyright: ignore[reportAttributeAccessIssue]
    random = np.random.default_rng(seed)
    result = np.empty((2, *shape), dtype=object)
    spread = range_.hi - range_.lo + 1
    flat = [range_.lo + int.from_bytes(random.bytes(16), "little") % spread for _ in range(result.size)]
    flat[: result.size // 2] = [range_.lo if random.random() < 0.5 else range_.hi for _ in range(result.size // 2)]
    result.reshape(-1)[:] = flat
    return result


def windows(x: np.ndarray, window: Window, function: Callable[[list[Any]], Any]) -> np.ndarray:
    """`function` of the elements of each window that lie inside."""
    counts = window.positions("test", x.shape[3:])
    result = np.empty((*x.shape[:3], *counts), dtype=object)
    for index in np.ndindex(*result.shape):
        places = [
            [o * s + tap * d - p for tap in range(k)]
            for o, s, d, p, k in zip(
                index[3:], window.strides, window.dilations, window.low, window.kernel, strict=True
            )
        ]
        inside = [
            [place for place in axis if 0 <= place < size] for axis, size in zip(places, x.shape[3:], strict=True)
        ]
        result[index] = function([x[(*index[:3], a, b)] for a in inside[0] for b in inside[1]])
    return result


def random_window(seed: int) -> Window:
    random = np.random.default_rng(seed)
    kernel = tuple(random.integers(1, 4, 2).tolist())
    dilations = tuple(random.integers(1, 3, 2).tolist()) if seed % 2 else (1, 1)
    pads = tuple(int(random.integers(0, size)) for size in kernel * 2)
    window = Window(kernel, tuple(random.integers(1, 4, 2).tolist()), pads, dilations)
    fits = all(extent <= size for extent, size in zip(window.extents, SHAPE[2:], strict=True))
    return window if fits else Window((2, 2), (1, 1), (1, 0, 0, 1), (1, 1))


@pytest.mark.parametrize("type_", WIDTHS, ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_pools(type_: FixedType | UFixedType, seed: int) -> None:
    window, codes = random_window(seed), codes_of(type_, SHAPE, seed)
    frames = codes.astype(np.int64) if type_.format.word_length <= 64 else codes
    (largest,) = plan_of(type_, lambda x: MaxPoolOp(x, window)).run_codes({0: frames})
    assert (largest == windows(codes, window, max)).all()
    (total,) = plan_of(type_, lambda x: SumPoolOp(x, window)).run_codes({0: frames})
    assert (total == windows(codes, window, sum)).all()


@pytest.mark.parametrize("type_", WIDTHS, ids=str)
@pytest.mark.parametrize("axes", [(3,), (1, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions(type_: FixedType | UFixedType, axes: tuple[int, ...], keep: bool) -> None:
    codes = codes_of(type_, SHAPE)
    frames = codes.astype(np.int64) if type_.format.word_length <= 64 else codes
    behind = tuple(axis + 1 for axis in axes)
    for op, function in ((ReduceSumOp, np.sum), (ReduceMaxOp, np.max), (ReduceMinOp, np.min)):
        (result,) = plan_of(type_, lambda x, op=op: op(x, axes, keep)).run_codes({0: frames})
        assert (result == function(codes, axis=behind, keepdims=keep)).all()


def test_sums_at_the_ends_of_their_types_are_the_ends() -> None:
    """One bit less would not do: the least and the greatest sum occur."""
    for type_ in (FixedType(5, 2), UFixedType(3)):
        build: Callable[[SSAValue], Any]
        for build in (
            lambda x: SumPoolOp(x, Window((2, 2), (1, 1), (0, 0, 0, 0), (1, 1))),
            lambda x: ReduceSumOp(x, [1, 2, 3]),
        ):
            held: list[Attribute] = []
            plan = compiled([TensorType(type_, SHAPE)], lambda x, build=build: _kept(build(x), held))
            range_ = type_.format.code_range
            for code in (range_.lo, range_.hi):
                (sums,) = plan.run_codes({0: np.full((1, *SHAPE), code)})
                widest = held[0].format  # pyright: ignore[reportAttributeAccessIssue]
                assert code == 0 or not all(
                    int(s) in type(widest)(widest.word_length - 1, 0, widest.signed).code_range
                    for s in sums.reshape(-1)
                )


def _kept(op: Any, types: list[Attribute]) -> list[SSAValue]:
    types.append(element_type(op.results[0]))
    return list(op.results)


def test_largest_of_bipolar_and_real() -> None:
    window = Window((2, 2), (2, 2), (0, 0, 0, 0), (1, 1))
    signs = np.random.default_rng(0).choice([-1, 1], (3, 1, 2, 4, 4))
    plan = plan_of(BipolarType(), lambda x: MaxPoolOp(x, window), (1, 2, 4, 4))
    assert (plan.run_codes({0: signs})[0] == windows(signs.astype(object), window, max)).all()
    numbers = [[[Fraction(1, 3), Fraction(-2, 7)], [Fraction(5, 9), Fraction(1, 2)]]]

    def build(x: SSAValue) -> list[SSAValue]:
        total = ConcatOp([MaxPoolOp(real_constant([numbers]), window).result, x], 1)
        return [ReduceSumOp(total.result, [1, 2, 3]).result]

    (total,) = compiled([TensorType(FixedType(4, 2), (1, 1, 1, 1))], build).run_codes({0: np.full((1, 1, 1, 1, 1), 3)})
    assert values(total, RealType()).tolist() == [[Fraction(5, 9) + Fraction(3, 4)]]


@pytest.mark.parametrize("type_", [FloatType(4, 3), FloatType(2, 1), FloatType(11, 52)], ids=str)
def test_largest_of_custom_floats(type_: FloatType) -> None:
    window = Window((2, 3), (1, 1), (1, 0, 0, 2), (1, 1))
    format_ = type_.format
    random = np.random.default_rng(0)
    top = min(format_.word_length, 62)
    codes = random.integers(0, 1 << top, (2, *SHAPE)).astype(np.uint64) << np.uint64(format_.word_length - top)
    numbers = values(codes, type_)
    (largest,) = plan_of(type_, lambda x: MaxPoolOp(x, window)).run_codes({0: codes})
    assert (values(largest, type_) == windows(numbers, window, max)).all()
    (least,) = plan_of(type_, lambda x: ReduceMinOp(x, [2, 3])).run_codes({0: codes})
    assert (values(least, type_) == numbers.min(axis=(3, 4))).all()
    assert value_of(int(least.reshape(-1)[0]), format_) <= 0


def test_float32_pools() -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, 2, 6, 6)).astype(np.float32)
    window = Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    plan = plan_of(Float32Type(), lambda v: MaxPoolOp(v, window), (1, 2, 6, 6))
    assert (plan.run({0: x})[0] == windows(x.astype(object), window, max).astype(np.float32)).all()
    plan = plan_of(Float32Type(), lambda v: SumPoolOp(v, window), (1, 2, 6, 6))
    exact = windows(x.astype(np.float64).astype(object), window, sum).astype(np.float64)
    np.testing.assert_allclose(plan.run({0: x})[0], exact, rtol=1e-6, atol=1e-6)


def test_moves() -> None:
    """Slices, picks, borders, joins and repetitions are numpy's; also of constants, and where types differ."""
    type_, x = FixedType(4, 1), np.random.default_rng(0).integers(-8, 8, (3, 1, 4, 5))
    cases: list[tuple[Callable[[SSAValue], Any], np.ndarray]] = [
        (lambda v: SliceOp(v, [0, 3, 0], [1, 2, 5], [1, -3, 1]), x[:, :, ::-3]),
        (lambda v: GatherOp(v, [4, 4, 0], 2), x[..., [4, 4, 0]]),
        (lambda v: PadOp(v, constant(3, UFixedType(4)), [0, 1, 0], [0, 0, 2]),
         np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)), constant_values=6)),
        (lambda v: ConcatOp([v, constant([[[9]] * 4], UFixedType(8, 3)), v], 2),
         np.concatenate([4 * x, np.full((3, 1, 4, 1), 9), 4 * x], axis=3)),
        (lambda v: ExpandOp(v, (2, 3, 4, 5)), np.broadcast_to(x[:, None], (3, 2, 3, 4, 5))),
    ]  # fmt: skip
    for build, want in cases:
        codes = plan_of(type_, build, (1, 4, 5)).run_codes({0: x})[0]
        assert (np.broadcast_to(codes, want.shape) == want).all()


def test_what_is_written_into_is_not_shared() -> None:
    """Ops behind a move may work in place: parts of one tensor, repetitions of one element."""
    x = np.arange(-4, 4).reshape(1, 1, 8)

    def build(v: SSAValue) -> list[SSAValue]:
        first = SliceOp(v, [0, 0], [1, 4])
        second = SliceOp(v, [0, 2], [1, 4])
        return [ReluOp(ExpandOp(first.result, (2, 4)).result).result, ReluOp(second.result).result, v]

    wide, part, whole = compiled([TensorType(FixedType(8), (1, 8))], build).run_codes({0: x})
    assert wide.tolist() == [[[0] * 4] * 2]
    assert part.tolist() == [[[0, 0, 0, 1]]]
    assert whole.tolist() == x.tolist()


def test_shapes_of_results() -> None:
    held: list[SSAValue] = []

    def build(x: SSAValue) -> list[SSAValue]:
        held.extend([ReduceSumOp(x, [2]).result, ReduceSumOp(x, [2], True).result])
        return held

    compiled([TensorType(FixedType(4), (1, 2, 3))], build)
    assert [shape_of(value) for value in held] == [(1, 2), (1, 2, 1)]
