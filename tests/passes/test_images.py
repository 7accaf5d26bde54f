# SPDX-License-Identifier: Apache-2.0
"""Random networks of pools, reductions and moves: passes keep every bit, ranges hold and are reached."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from qopt_mlir.passes.interval import Interval
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.reduction_ranges import pool_extreme, pool_sum, reduced
from qopt_mlir.qdialect.attrs import Array, DenseAttr
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    GatherOp,
    MaxPoolOp,
    MulOp,
    PadOp,
    QOp,
    QuantizeOp,
    ReduceMaxOp,
    ReduceMinOp,
    ReduceSumOp,
    ReluOp,
    SliceOp,
    SumPoolOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.reference import ExactReal, compile_function
from qopt_mlir.qdialect.text import module_text, verify_module
from qopt_mlir.qdialect.types import FixedType, RealType, element_type, fixed_type, is_integer_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

SHAPE = (1, 3, 4, 5)
NUMBERS = [Fraction(n, d) for n in (1, 2, 3, -2) for d in (1, 3, 4)]


class Image:
    """A network over images in the making."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.block = Block(arg_types=[tensor(FixedType(4), SHAPE)])
        self.value: SSAValue = self.block.args[0]

    def add(self, op: Any) -> None:
        self.block.add_op(op)
        self.value = op.results[0]

    def constant(self, shape: tuple[int, ...], integer: bool, numbers: list[Fraction]) -> SSAValue:
        array = np.empty(shape, dtype=object)
        flat = [self.random.choice(numbers) for _ in range(array.size)]
        if integer:
            codes = [int(number * 12) % 5 - 2 or 1 for number in flat]
            array.reshape(-1)[:] = codes
            type_ = fixed_type(IntRange(min(codes), max(codes)))
        else:
            array.reshape(-1)[:] = flat
            type_ = RealType()
        op = ConstantOp(DenseAttr(array, tensor(type_, shape)))
        self.block.add_op(op)
        return op.result

    def affine(self) -> None:
        shape = shape_of(self.value)
        class_ = self.random.choice([AddOp, MulOp])
        integer = is_integer_type(element_type(self.value)) and self.random.random() < 0.5
        numbers = NUMBERS[:-1] if class_ is MulOp and self.random.random() < 0.8 else NUMBERS
        channels = (shape[1], *(1,) * (len(shape) - 2)) if len(shape) > 2 else shape[-1:]
        some = tuple(size if self.random.random() < 0.3 else 1 for size in shape)
        self.add(
            class_(self.value, self.constant(self.random.choice([(), (), channels, channels, some]), integer, numbers))
        )

    def pool(self) -> None:
        if len(shape_of(self.value)) != 4:
            return
        sizes = shape_of(self.value)[2:]
        kernel = tuple(min(self.random.randint(1, 3), size) for size in sizes)
        pads = tuple(self.random.randint(0, size - 1) if self.random.random() < 0.3 else 0 for size in kernel * 2)
        window = Window(kernel, (self.random.randint(1, 2), self.random.randint(1, 2)), pads, (1, 1))
        self.add(self.random.choice([MaxPoolOp, SumPoolOp])(self.value, window))

    def reduction(self) -> None:
        rank = len(shape_of(self.value))
        if rank < 2:
            return
        axes = sorted(self.random.sample(range(1, rank), self.random.randint(1, rank - 1)))
        op = self.random.choice([ReduceSumOp, ReduceMaxOp, ReduceMinOp])
        self.add(op(self.value, axes, self.random.random() < 0.5))

    def move(self) -> None:
        shape = shape_of(self.value)
        axis = self.random.randrange(len(shape))
        if self.random.random() < 0.4:
            start, many = self.random.randrange(shape[axis]), [0] * len(shape)
            many[axis] = start
            sizes = [*shape[:axis], self.random.randint(1, shape[axis] - start), *shape[axis + 1 :]]
            self.add(SliceOp(self.value, many, sizes))
        elif self.random.random() < 0.5:
            self.add(GatherOp(self.value, [self.random.randrange(shape[axis]) for _ in range(2)], axis))
        else:
            self.add(TransposeOp(self.value, self.random.sample(range(len(shape)), len(shape))))

    def pad(self) -> None:
        rank = len(shape_of(self.value))
        integer = is_integer_type(element_type(self.value))
        value = self.constant((), integer, [Fraction(0)] * 3 + [Fraction(1, 3)])
        self.add(PadOp(self.value, value, *([self.random.randint(0, 1) for _ in range(rank)] for _ in range(2))))

    def concat(self) -> None:
        """Branches of their own constants, one of them perhaps without any."""
        start, parts = self.value, list[SSAValue]()
        for _ in range(self.random.randint(1, 3)):
            self.value = start
            for _ in range(self.random.randint(0, 2)):
                self.affine()
            parts.append(self.value)
        self.add(ConcatOp(parts, self.random.randrange(len(shape_of(start)))))

    def finish(self) -> ModuleOp:
        self.block.add_op(ReturnOp(self.value))
        types = ([self.block.args[0].type], [self.value.type])
        module = ModuleOp([FuncOp("main", types, Region(self.block))])
        verify_module(module)
        return module


def network(seed: int, length: int = 5) -> ModuleOp:
    image = Image(seed)
    for _ in range(length):
        step = image.random.choice([image.pool, image.pool, image.reduction, image.move, image.pad, image.concat])
        if image.random.random() < 0.6:
            image.affine()
        step()
        if image.random.random() < 0.2:
            image.add(ReluOp(image.value))
        if image.random.random() < 0.2:
            image.add(QuantizeOp(image.value, FixedType(image.random.randint(2, 5))))
    return image.finish()


@pytest.mark.parametrize("seed", range(80))
def test_moving_keeps_every_bit(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    exact_pass(network(seed), "q-move-affine-past-linear")


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("passes", ["q-streamline", "q-streamline,q-infer-ranges"])
def test_pipelines_keep_every_bit(
    seed: int, passes: str, run_passes: Callable[[ModuleOp, str], ModuleOp], values: Callable[[ModuleOp], Array]
) -> None:
    module = network(seed)
    assert (values(module) == values(run_passes(module, passes))).all()


@pytest.mark.parametrize("seed", range(40))
def test_every_value_stays_in_its_range(seed: int) -> None:
    module = network(seed)
    ranges = analyse(module)
    generator = np.random.default_rng(seed)
    frames = np.concatenate([generator.integers(-8, 8, (8, *SHAPE)), generator.choice([-8, 7], (8, *SHAPE))])

    def trace(op: Operation, results: Any) -> None:
        for value, codes in zip(op.results, results, strict=True):
            known, factor = ranges[value], Fraction(1)
            if isinstance(codes, ExactReal):
                factor, codes = codes.scale / known.scale, codes.numerators
            actual = codes.astype(object) * factor
            assert (actual >= np.broadcast_to(known.lo, shape_of(value) or 1)).all(), (op.name, module_text(module))
            assert (actual <= np.broadcast_to(known.hi, shape_of(value) or 1)).all(), (op.name, module_text(module))

    compile_function(module).run_codes({0: frames}, trace)


@pytest.mark.parametrize("seed", range(30))
def test_bounds_of_pools_and_reductions_are_reached(seed: int) -> None:
    """All elements at their bounds at once give exactly the bounds of the result: one bit less would overflow."""
    generator = np.random.default_rng(seed)
    broadcast = [(), (3, 1, 1), (3, 4, 1), SHAPE][seed % 4]
    lo = generator.integers(-9, 5, broadcast or (1,))
    x = Interval(lo, lo + generator.integers(0, 9, lo.shape), Fraction(1))
    kernel = tuple(generator.integers(1, 4, 2).tolist())
    pads = tuple(int(generator.integers(0, size)) for size in kernel * 2)
    window = Window(kernel, tuple(generator.integers(1, 3, 2).tolist()), pads, (1, 1))
    argument, last = Block(arg_types=[tensor(FixedType(8), SHAPE)]).args[0], seed % 3 == 0
    axes, keep = sorted(generator.permutation(4)[: generator.integers(1, 5)].tolist()), bool(seed % 2)
    results: list[tuple[Callable[[SSAValue], QOp], Interval]] = [
        (
            lambda v: MaxPoolOp(v, window, channels_last=last),
            pool_extreme(MaxPoolOp(argument, window, channels_last=last), x),
        ),
        (
            lambda v: SumPoolOp(v, window, channels_last=last),
            pool_sum(SumPoolOp(argument, window, channels_last=last), x),
        ),
        (lambda v: ReduceSumOp(v, axes, keep), reduced(x, SHAPE, axes, keep, np.add)),
        (lambda v: ReduceMaxOp(v, axes, keep), reduced(x, SHAPE, axes, keep, np.maximum)),
        (lambda v: ReduceMinOp(v, axes, keep), reduced(x, SHAPE, axes, keep, np.minimum)),
    ]
    ends = np.stack([np.broadcast_to(bound, SHAPE) for bound in (x.lo, x.hi)])
    for build, found in results:
        low, high = _run(build, ends)
        assert (np.broadcast_to(found.lo, low.shape or (1,)) == low).all()
        assert (np.broadcast_to(found.hi, high.shape or (1,)) == high).all()


def _run(build: Callable[[SSAValue], QOp], frames: np.ndarray) -> Any:
    block = Block(arg_types=[tensor(FixedType(8), SHAPE)])
    op = build(block.args[0])
    block.add_ops([op, ReturnOp(op.results[0])])
    types = ([block.args[0].type], [op.results[0].type])
    return compile_function(ModuleOp([FuncOp("main", types, Region(block))])).run_codes({0: frames})[0]


def test_scales_of_an_image_network_reach_its_end(exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """Codes go through pool, border, joint, slice and mean; two constants are left behind all of them."""
    image = Image(0)
    third = image.constant((), False, [Fraction(1, 3)])
    zero = image.constant((), False, [Fraction(0)])
    image.add(MulOp(image.value, third))
    image.add(PadOp(image.value, zero, [0, 0, 1, 1], [0, 0, 1, 0]))
    image.add(MaxPoolOp(image.value, Window((2, 2), (2, 2), (0, 0, 0, 0), (1, 1))))
    image.add(ConcatOp([image.value, image.value], 1))
    image.add(SliceOp(image.value, [0, 1, 0, 0], [1, 4, 3, 3]))
    image.add(ReduceSumOp(image.value, [2, 3], True))
    image.add(MulOp(image.value, image.constant((), False, [Fraction(1, 9)])))
    after = exact_pass(image.finish(), "q-streamline")
    real = [op.name for op in after.walk() if isinstance(op, QOp) and element_type(op.results[0]) == RealType()]
    assert real == ["q.constant", "q.mul"]
