# SPDX-License-Identifier: Apache-2.0
"""Layers whose input has several scales and zero points: one layer on integers for each, every output bit the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    ConvOp,
    ConvTransposeOp,
    GatherOp,
    MatMulOp,
    MulOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import FixedType, RealType, element_type, is_integer_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

Check = Callable[[ModuleOp, str], ModuleOp]
PARTS = (2, 1, 3)  # channels
LAYERS = ("conv", "transposed", "matmul", "flattened", "flattened_last")


class Mixed:
    """A layer behind tensors of different scales side by side."""

    def __init__(self, seed: int, layer: str, scales: tuple[Fraction, ...] = ()):
        self.random = random.Random(seed)
        self.image = layer != "matmul"
        self.block = Block(arg_types=[tensor(FixedType(4), (1, sum(PARTS), *((3, 3) if self.image else ())))])
        drawn = [Fraction(self.random.choice([-3, 1, 2, 5]), self.random.choice([1, 3, 8, 10])) for _ in PARTS]
        zeros = [self.random.randint(-3, 3) if layer != "transposed" else 0 for _ in PARTS]
        parts = [self.part(*each) for each in zip(range(len(PARTS)), scales or drawn, zeros, strict=True)]
        x = self.add(ConcatOp(parts, 1))
        if self.random.random() < 0.4:
            x = self.add(GatherOp(x, self.random.sample(range(sum(PARTS)), sum(PARTS)), 1))
        y = getattr(self, layer)(x)
        self.add(MulOp(y, self.constant(Fraction(2, 7))))

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def constant(self, number: Fraction) -> SSAValue:
        return self.add(ConstantOp(DenseAttr(np.array(number, dtype=object), tensor(RealType(), ()))))

    def part(self, index: int, scale: Fraction, zero: int) -> SSAValue:
        (x,) = self.block.args
        rest = shape_of(x)[2:]
        start = sum(PARTS[:index])
        codes = self.add(SliceOp(x, (0, start, *(0 for _ in rest)), (1, PARTS[index], *rest)))
        scaled = self.add(MulOp(codes, self.constant(scale)))
        return self.add(AddOp(scaled, self.constant(scale * zero))) if zero else scaled

    def weights(self, *shape: int) -> SSAValue:
        codes = np.array([self.random.randint(-4, 3) for _ in range(int(np.prod(shape)))], dtype=object)
        op = ConstantOp(DenseAttr(codes.reshape(shape), tensor(FixedType(3), shape)))
        return self.add(op)

    def conv(self, x: SSAValue) -> SSAValue:
        pads = self.random.choice([(0,) * 4, (1,) * 4, (0, 1, 1, 0)])
        return self.add(ConvOp(x, self.weights(2, sum(PARTS), 2, 2), (1, 1), pads, (1, 1)))

    def transposed(self, x: SSAValue) -> SSAValue:
        return self.add(ConvTransposeOp(x, self.weights(sum(PARTS), 2, 2, 2), (2, 2), (0,) * 4, (0, 0), (1, 1)))

    def matmul(self, x: SSAValue) -> SSAValue:
        return self.matmul_of(x)

    def matmul_of(self, x: SSAValue) -> SSAValue:
        return self.add(MatMulOp(x, self.weights(shape_of(x)[-1], 3)))

    def flattened(self, x: SSAValue) -> SSAValue:
        return self.matmul_of(self.add(ReshapeOp(x, (1, sum(PARTS) * 9))))

    def flattened_last(self, x: SSAValue) -> SSAValue:
        return self.flattened(self.add(TransposeOp(x, (0, 2, 3, 1))))

    def finish(self) -> ModuleOp:
        value = list(self.block.ops)[-1].results[0]
        self.block.add_op(ReturnOp(value))
        module = ModuleOp([FuncOp("main", ([self.block.args[0].type], [value.type]), Region(self.block))])
        verify_module(module)
        return module


def _layers(module: ModuleOp) -> list[Operation]:
    return [op for op in module.walk() if isinstance(op, ConvOp | ConvTransposeOp | MatMulOp)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_become_integer_layers(layer: str, seed: int, exact_pass: Check) -> None:
    after = exact_pass(Mixed(seed, layer).finish(), "q-streamline")
    for op in _layers(after):
        assert all(is_integer_type(element_type(value)) for value in (*op.operands, op.results[0])), str(after)


def test_scales_of_near_size_need_few_bits(exact_pass: Check) -> None:
    scales = tuple(Fraction(float(np.float32(number))) for number in (0.11, 0.23, 0.17))
    after = exact_pass(Mixed(0, "matmul", scales).finish(), "q-streamline")
    sums = [op.result for op in after.walk() if isinstance(op, AddOp) and is_integer_type(element_type(op.result))]
    assert sums
    assert all(0 < value.type.element_type.format.word_length <= 40 for value in sums)  # pyright: ignore


def test_ratio_beyond_reason(exact_pass: Check) -> None:
    scales = (Fraction(1), Fraction(1, 1 << 70), Fraction(1))
    with collected_remarks() as remarks:
        after = exact_pass(Mixed(0, "transposed", scales).finish(), "q-streamline")
    assert len(_layers(after)) == 1
    assert any("their ratio takes numbers of more than 64 bits" in remark for remark in remarks)
