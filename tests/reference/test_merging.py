# SPDX-License-Identifier: Apache-2.0
"""Chains of ops made one step, and two sums in one number: the same numbers as without."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange, Overflow, Rounding
from qopt_mlir.qdialect.q import AddOp, ClipOp, MatMulOp, MulOp, QuantizeOp, ReluOp, SubOp
from qopt_mlir.qdialect.reference import Plan, affine_counts, compile_function
from qopt_mlir.qdialect.reference.affine_counts import affine_kernel
from qopt_mlir.qdialect.reference.products import Product
from qopt_mlir.qdialect.reference.values import FLOAT32, FLOAT64, Numbers
from qopt_mlir.qdialect.types import FixedType, UFixedType
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Attribute, SSAValue

from .helpers import constant, function, random_codes

Build = Callable[[SSAValue], Sequence[SSAValue]]


def plans(type_: Attribute, shape: Sequence[int], build: Build) -> tuple[Plan, Plan]:
    """As it is, and for many frames."""
    module = ModuleOp([function([TensorType(type_, shape)], build)])
    module.verify()
    plain, quick = compile_function(module), compile_function(module, many_frames=True)
    assert plain.quick is None
    assert quick.quick is not None
    return plain, quick


def same(plain: Plan, quick: Plan, x: np.ndarray) -> None:
    for a, b in zip(plain.run_codes({0: x}), quick.run_codes({0: x}), strict=True):
        assert isinstance(a, np.ndarray)
        assert isinstance(b, np.ndarray)
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


def layer(rng: np.random.Generator, x: SSAValue, channels: int, rounding: Rounding) -> SSAValue:
    """Scale, bias, rounding and clip of integers, each channel with its own scale of either sign."""
    scales = rng.integers(-(1 << 15), 1 << 15, channels)
    biases = rng.integers(-(1 << 19), 1 << 19, channels)
    total = AddOp(MulOp(x, constant(scales, FixedType(16, 15))).result, constant(biases, FixedType(20, 12))).result
    type_ = FixedType(8, int(rng.integers(-2, 1)))
    codes = QuantizeOp(total, type_, rounding, Overflow.SATURATE).result
    low, high = (constant(rng.integers(a, b, channels), type_) for a, b in ((-128, -40), (40, 128)))
    return ClipOp(codes, low, high).result if rng.integers(2) else ReluOp(codes).result


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("bits", [6, 12, 20, 26])
def test_layers(bits: int, rounding: Rounding) -> None:
    """Every integer of short types, and many of long ones, through chains of four ops.

    Rounding to or from zero makes zero wider or narrower than other codes: there may be no line.
    """
    rng = np.random.default_rng(bits)
    for channels in (1, 3, 16):
        plain, quick = plans(FixedType(bits), (1, 5, channels), lambda x, c=channels: [layer(rng, x, c, rounding)])
        assert len(plain.steps) == 4
        assert quick.quick is not None
        assert len(quick.quick) == 1 or rounding in (Rounding.UP, Rounding.DOWN)
        low, high = -1 << (bits - 1), 1 << (bits - 1)
        numbers = np.arange(low, high) if bits <= 12 else rng.integers(low, high, 1 << 13)
        same(plain, quick, np.broadcast_to(numbers[:, None, None, None], (len(numbers), 1, 5, channels)))


def test_points_where_codes_change() -> None:
    """20-bit sums around every threshold, of layers that float32 suits for some channels only."""
    rng, channels = np.random.default_rng(3), 32
    plain, quick = plans(FixedType(20), (1, 4, channels), lambda x: [layer(rng, x, channels, Rounding.HALF_EVEN)])
    numbers = np.arange(-(1 << 19), 1 << 19)
    for part in np.split(numbers, 64)[::7]:
        same(plain, quick, np.broadcast_to(part.reshape(-1, 1, 4, 1), (len(part) // 4, 1, 4, channels)))


@pytest.mark.parametrize("few", [0, 1])
def test_each_channel_in_its_own_way(few: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines in float32, some that float32 cannot hold, and some that are clipped where other channels are not."""
    monkeypatch.setattr(affine_counts, "FEW", few)
    x = Numbers(FixedType(21), (1, 12), FLOAT32, Fraction(1), IntRange(-(1 << 20), (1 << 20) - 1))
    rows = np.ceil((np.arange(255) - 127.37) / np.geomspace(0.00031, 0.0021, 12)[:, None]).astype(np.int64)
    rows[3, 100:] = 1 << 20  # never reached
    rows[4, :10], rows[4, 10:] = 7, 1 << 20  # some at once, others never
    kernel = affine_kernel(x, rows, np.arange(12) == 5, IntRange(-127, 128), FLOAT32, 0)
    assert kernel is not None
    near = np.concatenate([rows + step for step in (-1, 0, 1)], axis=1).clip(-(1 << 20), (1 << 20) - 1).T
    counts = np.stack([np.searchsorted(row, at, side="right") for row, at in zip(rows, near.T, strict=True)], axis=1)
    wanted = np.where(np.arange(12) == 5, 128 - counts, counts - 127)
    got = kernel(near.astype(np.float32)[:, None])
    assert got.dtype == np.float32
    assert np.array_equal(got[:, 0], wanted)


def test_what_is_used_twice_or_returned_stays() -> None:
    def build(x: SSAValue) -> list[SSAValue]:
        scaled = MulOp(x, constant(5, FixedType(4, 3))).result
        codes = QuantizeOp(scaled, FixedType(4), Rounding.FLOOR, Overflow.SATURATE).result
        wrapped = QuantizeOp(SubOp(constant(3, FixedType(8)), x).result, FixedType(4), overflow=Overflow.WRAP).result
        return [AddOp(codes, ReluOp(codes).result).result, scaled, wrapped]

    plain, quick = plans(FixedType(9), (1, 3), build)
    assert quick.quick == tuple(quick.steps)
    same(plain, quick, random_codes(np.random.default_rng(1), FixedType(9), (50, 1, 3)))


def test_traces_see_all_ops() -> None:
    rng = np.random.default_rng(0)
    plain, quick = plans(FixedType(9), (1, 3), lambda x: [layer(rng, x, 3, Rounding.HALF_UP)])
    names: list[str] = []
    quick.run_codes({0: np.zeros((1, 3), int)}, lambda op, _: names.append(op.name))
    assert names == [step.op.name for step in plain.steps]


def test_false_ranges_are_still_found() -> None:
    def build(x: SSAValue) -> list[SSAValue]:
        total = AddOp(x, constant([1, 2, 3], FixedType(4)))
        total.properties["range"] = RangeAttr(-10, 10)
        return [ReluOp(QuantizeOp(total.result, FixedType(4), Rounding.FLOOR, Overflow.SATURATE).result).result]

    _, quick = plans(FixedType(8), (1, 3), build)
    with pytest.raises(QoptError, match="outside its range -10 to 10"):
        quick.run_codes({0: np.full((1, 3), 100)})


@pytest.mark.parametrize(("depth", "weight", "packs"), [(128, 1, True), (150, 1, True), (400, 40, False)])
def test_products(depth: int, weight: int, packs: bool) -> None:
    """Two columns share a number where their sums leave room, and only there; extreme inputs are exact too."""
    rng, x = np.random.default_rng(depth), IntRange(-3, 12)
    matrices = [rng.integers(-weight, weight + 1, (depth, 6)).astype(FLOAT32) for _ in range(2)]
    product = Product(matrices, x)
    assert (product.columns == 3) == packs
    signs = np.sign(np.concatenate(matrices))
    worst = np.concatenate([np.where(signs > 0, x.hi, x.lo).T, np.where(signs < 0, x.hi, x.lo).T])
    rows = np.concatenate([worst, rng.integers(x.lo, x.hi + 1, (40, 2 * depth))])
    result = np.empty((len(rows), 6), FLOAT32)
    product(np.split(rows.astype(FLOAT32), 2, axis=1), result)
    assert np.array_equal(result, rows @ np.concatenate(matrices).astype(np.int64))


def test_products_in_float64_do_not_pack() -> None:
    assert Product([np.ones((500, 4), FLOAT64)], IntRange(0, 1)).columns == 4


def test_a_network_with_packed_products() -> None:
    rng = np.random.default_rng(5)

    def build(x: SSAValue) -> list[SSAValue]:
        weights = constant(rng.integers(-1, 2, (200, 8)), FixedType(2))
        return [layer(rng, MatMulOp(x, weights).result, 8, Rounding.HALF_EVEN)]

    type_ = UFixedType(3, 1)
    plain, quick = plans(type_, (1, 200), build)
    x = random_codes(rng, type_, (64, 1, 200))
    same(plain, quick, x)
    sums: list[np.ndarray] = []
    plain.run_codes({0: x}, lambda op, results: sums.append(results[0]), [plain.steps[0].op])  # pyright: ignore
    weights = plain.steps[0].operands[1].constant
    assert weights is not None
    assert np.array_equal(sums[0], x @ weights.astype(np.int64))
    assert plain.steps[0].results[0].scale == Fraction(1, 2)
