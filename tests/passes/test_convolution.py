# SPDX-License-Identifier: Apache-2.0
"""Convolutions on the typed level: ranges that are reached, scales and offsets that move, channels along axis 1."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    BatchNormOp,
    ConstantOp,
    Convolution,
    ConvOp,
    ConvTransposeOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ThresholdOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import (
    FixedType,
    RealType,
    UFixedType,
    element_type,
    fixed_type,
    is_integer_type,
    shape_of,
)
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

Check = Callable[[ModuleOp, str], ModuleOp]
TYPED = ["q-lower-batch-norm", "q-lower-sub-div", "q-collapse-affine", "q-move-affine-past-linear", "q-streamline"]
LOWER = ["q-lower-quantizers-to-thresholds", "q-lower-quantizers-to-multiply-shift", "q-lower-quantizers"]


class Builder:
    """A network of convolutions in the making."""

    def __init__(self, seed: int, type_: Attribute = FixedType(4), shape: tuple[int, ...] = (1, 2, 4, 3)):
        self.random = random.Random(seed)
        self.block = Block(arg_types=[tensor(type_, shape)])
        self.value: SSAValue = self.block.args[0]

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        self.value = op.results[0]
        return self.value

    def constant(self, numbers: object, type_: Attribute) -> SSAValue:
        array = np.array(numbers, dtype=object)
        op = ConstantOp(DenseAttr(array, tensor(type_, array.shape)))
        self.block.add_op(op)
        return op.result

    def reals(self, shape: tuple[int, ...]) -> SSAValue:
        array = np.empty(shape, dtype=object)
        numbers = [
            Fraction(self.random.choice([-3, -2, -1, 1, 2, 4, 5]), self.random.choice([1, 2, 3, 7]))
            for _ in range(array.size)
        ]
        array.reshape(-1)[:] = numbers
        return self.constant(array, RealType())

    def codes(self, shape: tuple[int, ...], low: int, high: int) -> SSAValue:
        array = [self.random.randint(low, high) for _ in range(int(np.prod(shape)))]
        return self.constant(np.array(array).reshape(shape), fixed_type(IntRange(low, high)))

    def per_channel(self) -> tuple[int, ...]:
        """A shape that gives every channel its own constant, or none."""
        trailing = (1,) * (len(shape_of(self.value)) - 2)
        return self.random.choice([(), (shape_of(self.value)[1], *trailing)])

    def scale(self) -> None:
        self.add(MulOp(self.value, self.reals(self.per_channel())))

    def offset(self) -> None:
        if self.random.random() < 0.5:
            self.add(AddOp(self.value, self.codes(self.per_channel(), -3, 3)))
        else:
            self.add(AddOp(self.value, self.reals(self.per_channel())))

    def norm(self) -> None:
        count = (shape_of(self.value)[1],)
        scale, bias, mean = (self.reals(count) for _ in range(3))
        variance = self.constant([Fraction(1, 4)] * count[0], RealType())
        self.add(BatchNormOp(self.value, scale, bias, mean, variance, 1e-5, 1))

    def conv(self, transposed: bool | None = None) -> Convolution:
        x, rng = self.value, self.random
        rank, channels = len(shape_of(x)) - 2, shape_of(x)[1]
        transposed = rng.random() < 0.3 if transposed is None else transposed
        groups = rng.choice([n for n in range(1, channels + 1) if channels % n == 0])
        outs, kernel = groups * rng.randint(1, 2), [rng.randint(1, min(3, size)) for size in shape_of(x)[2:]]
        shape = (channels, outs // groups, *kernel) if transposed else (outs, channels // groups, *kernel)
        weights = self.codes(shape, -3, 3)
        if rng.random() < 0.7:
            first = rng.choice([1, shape[0]])
            weights = self.add(MulOp(weights, self.reals((first, *(1,) * (rank + 1)))))
        strides, ones = [rng.randint(1, 2) for _ in range(rank)], (1,) * rank
        pads = [0] * 2 * rank if transposed or rng.random() < 0.4 else [rng.randint(0, 2) for _ in range(2 * rank)]
        if transposed:
            op: Convolution = ConvTransposeOp(
                x, weights, strides, pads, [rng.randint(0, 1) for _ in ones], ones, groups
            )
        else:
            op = ConvOp(x, weights, strides, pads, ones, groups)
        self.add(op)
        return op

    def quantize(self) -> None:
        type_ = self.random.choice([FixedType(4), UFixedType(3), FixedType(5, 1)])
        self.add(QuantizeOp(self.value, type_, self.random.choice(list(Rounding))))

    def build(self) -> ModuleOp:
        self.block.add_op(ReturnOp(self.value))
        module = ModuleOp([FuncOp("main", ([self.block.args[0].type], [self.value.type]), Region(self.block))])
        verify_module(module)
        return module


def network(seed: int) -> ModuleOp:
    """Scales, offsets and convolutions, with quantisers between them."""
    builder = Builder(seed)
    steps = [builder.scale, builder.offset, builder.conv, builder.conv, builder.norm, builder.quantize]
    for _ in range(builder.random.randint(2, 6)):
        builder.random.choice(steps)()
    builder.quantize()
    return builder.build()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", [*TYPED, *LOWER])
def test_passes_keep_every_bit(name: str, seed: int, exact_pass: Check) -> None:
    exact_pass(network(seed), name)


def per_tap(op: Convolution, w: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[int, int]:
    """Least and greatest result by definition, over all positions and channels."""
    window, (_, ins, *sizes), (_, outs, *places) = op.window, shape_of(op.input), shape_of(op.result)
    transposed = isinstance(op, ConvTransposeOp)
    ends = np.zeros((2, outs, *places), dtype=object)
    per_in, per_out = ins // op.groups, outs // op.groups
    for step in itertools.product(*map(range, sizes if transposed else places)):
        for tap in itertools.product(*map(range, window.kernel)):
            at = tuple(
                s * n + t * d - p
                for s, n, t, d, p in zip(window.strides, step, tap, window.dilations, window.low, strict=True)
            )
            if any(not 0 <= a < size for a, size in zip(at, places if transposed else sizes, strict=True)):
                continue
            target = at if transposed else step
            for c, m in itertools.product(range(ins), range(outs)):
                if c // per_in == m // per_out:
                    weight = w[(c, m % per_out, *tap)] if transposed else w[(m, c % per_in, *tap)]
                    corners = int(weight) * int(low[c]), int(weight) * int(high[c])
                    ends[(0, m, *target)] += min(corners)
                    ends[(1, m, *target)] += max(corners)
    return int(ends[0].min()), int(ends[1].max())


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
def test_bounds_are_reached(transposed: bool) -> None:
    """The bounds are those of the definition, borders included: one bit less would overflow."""
    padded = 0
    for seed in range(60):
        builder = Builder(seed, UFixedType(2), random.Random(seed).choice([(1, 2, 4, 3), (1, 4, 3), (1, 1, 2, 2, 3)]))
        offset = np.array([builder.random.randint(-2, 4) for _ in range(shape_of(builder.value)[1])])
        spread = offset.reshape(-1, *(1,) * (len(shape_of(builder.value)) - 2))
        builder.add(AddOp(builder.value, builder.constant(spread, FixedType(4))))
        op = builder.conv(transposed)
        while not is_integer_type(element_type(op.result)):
            builder = Builder(seed + 1000, UFixedType(2))
            offset = np.zeros(2, int)
            op = builder.conv(transposed)
            seed += 1
        module = builder.build()
        owner = op.weights.owner
        assert isinstance(owner, ConstantOp)
        low, high = per_tap(op, owner.value.array, offset, offset + 3)
        assert analyse(module)[op.result].hull == IntRange(low, high)
        padded += any(op.window.pads)
    assert transposed or padded > 10


def test_scales_and_offsets_move(run_passes: Check) -> None:
    """Integers meet integers: scale -> conv -> scale -> bias -> ReLU -> quantise becomes conv -> threshold."""
    for transposed in (False, True):
        builder = Builder(3)
        builder.add(MulOp(builder.value, builder.reals(())))
        weights = builder.codes((2, 2, 2, 2), -3, 3)
        shape = (1, 2, 1, 1) if transposed else (2, 1, 1, 1)
        scaled = builder.constant(np.array([Fraction(1, 3), Fraction(1, 5)], dtype=object).reshape(shape), RealType())
        x = builder.value
        factor = builder.add(MulOp(weights, scaled))
        ones, pads = (1, 1), (1, 1, 1, 1)
        builder.add(
            ConvTransposeOp(x, factor, ones, (0,) * 4, (0, 0), ones)
            if transposed
            else ConvOp(x, factor, ones, pads, ones)
        )
        builder.add(AddOp(builder.value, builder.reals((2, 1, 1))))
        builder.add(ReluOp(builder.value))
        builder.add(QuantizeOp(builder.value, UFixedType(2)))
        after = run_passes(builder.build(), "q-streamline,q-infer-ranges,q-lower-quantizers-to-thresholds")
        ops = [op for op in after.walk() if op.name.startswith("q.") and not isinstance(op, ConstantOp)]
        assert [type(op) for op in ops] == [ConvTransposeOp if transposed else ConvOp, ThresholdOp]
        assert isinstance(ops[1], ThresholdOp)
        assert ops[1].axis == 1


def test_an_offset_becomes_the_border(run_passes: Check) -> None:
    """What lies outside is 0 behind the offset, so minus the offset before it; a fraction is no code, and stays."""
    for offset, expected in ((Fraction(3), ["q.pad", "q.conv", "q.add"]), (Fraction(1, 2), ["q.add", "q.conv"])):
        builder = Builder(5)
        builder.add(AddOp(builder.value, builder.constant(offset, RealType())))
        x = builder.value
        builder.add(ConvOp(x, builder.codes((2, 2, 2, 2), -3, 3), (1, 1), (1, 0, 0, 1), (1, 1)))
        module = builder.build()
        with collected_remarks() as remarks:
            after = run_passes(module, "q-move-affine-past-linear")
        assert [op.name for op in after.walk() if op.name.startswith("q.") and op.name != "q.constant"] == expected
        assert any("the border would be no code" in remark for remark in remarks) == (offset.denominator == 2)


def test_remarks_say_what_stays(run_passes: Check) -> None:
    builder = Builder(7)
    builder.add(MulOp(builder.value, builder.constant([[[Fraction(1, 2)]], [[Fraction(1, 3)]]], RealType())))
    x = builder.value
    builder.add(ConvTransposeOp(x, builder.codes((2, 2, 2, 2), -3, 3), (1, 1), (0,) * 4, (0, 0), (1, 1)))
    builder.add(AddOp(builder.value, builder.reals(())))
    x = builder.value
    builder.add(ConvTransposeOp(x, builder.codes((2, 2, 2, 2), -3, 3), (1, 1), (0,) * 4, (0, 0), (1, 1)))
    with collected_remarks() as remarks:
        run_passes(builder.build(), "q-move-affine-past-linear")
    told = "\n".join(remarks)
    assert "scale not moved behind the convolution: it differs between the elements summed" in told
    assert "offset not moved behind the convolution: transposed, or weights that are no plain constant" in told
