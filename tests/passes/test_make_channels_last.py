# SPDX-License-Identifier: Apache-2.0
"""Random networks of integer layers: with their channels last they compute the same, and nothing has to go back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    ConvOp,
    MatMulOp,
    MaxPoolOp,
    MulOp,
    PadOp,
    QuantizeOp,
    ReduceSumOp,
    ReluOp,
    ReshapeOp,
    SumPoolOp,
    ThresholdOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import FixedType, UFixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue


class Network:
    """An image network in the making; the image is [1, C, ...]."""

    def __init__(self, seed: int):
        self.random, self.numbers = random.Random(seed), np.random.default_rng(seed)
        shape = (1, 4, 7) if seed % 4 == 0 else (1, 4, 6, 5)
        self.block = Block(arg_types=[tensor(FixedType(4), shape)])
        self.value: SSAValue = self.block.args[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.value)

    def add(self, op: Any) -> SSAValue:
        self.block.add_op(op)
        self.value = op.results[0]
        return self.value

    def constant(self, array: np.ndarray) -> SSAValue:
        codes = IntRange(int(array.min()), int(array.max()))
        op = ConstantOp(DenseAttr(array, tensor(fixed_type(codes), array.shape)))
        self.block.add_op(op)
        return op.result

    def window(self) -> Window:
        sizes = self.shape[2:]
        kernel = tuple(self.random.randint(1, min(3, size)) for size in sizes)
        pads = tuple(self.random.randint(0, size - 1) for size in kernel * 2)
        return Window(kernel, tuple(self.random.randint(1, 2) for _ in sizes), pads, (1,) * len(sizes))

    def conv(self) -> None:
        window, channels = self.window(), self.shape[1]
        groups = self.random.choice([group for group in (1, 2, 4, channels) if channels % group == 0])
        outputs = groups * self.random.randint(1, 2)
        weights = self.numbers.integers(-2, 3, (outputs, channels // groups, *window.kernel))
        self.add(ConvOp(self.value, self.constant(weights), window.strides, window.pads, window.dilations, groups))
        self.activation()

    def activation(self) -> None:
        channels, rank = self.shape[1], len(self.shape)
        column = (channels, *(1,) * (rank - 2))
        match self.random.randrange(3):
            case 0:
                rows = np.sort(self.numbers.integers(-9, 9, (self.random.choice([1, channels]), 3)))
                falls = self.constant(self.numbers.integers(0, 2, len(rows)))
                thresholds = self.constant(rows)
                self.add(ThresholdOp(self.value, thresholds, UFixedType(2), 0, descending=falls, axis=1))
            case 1:
                self.add(MulOp(self.value, self.constant(self.numbers.integers(1, 4, column))))
                self.add(AddOp(self.value, self.constant(self.numbers.integers(-3, 4, column))))
                self.add(QuantizeOp(self.value, FixedType(4)))
            case _:
                self.add(ReluOp(self.value))
                self.add(QuantizeOp(self.value, UFixedType(3)))

    def pool(self) -> None:
        op = self.random.choice([MaxPoolOp, SumPoolOp])
        self.add(op(self.value, self.window()))

    def pad(self) -> None:
        around = [0, 0, *(self.random.randint(0, 1) for _ in self.shape[2:])]
        self.add(PadOp(self.value, self.constant(np.array(1)), around, around))

    def join(self) -> None:
        start, parts = self.value, list[SSAValue]()
        for _ in range(2):
            self.value = start
            weights = self.numbers.integers(-2, 3, (4, self.shape[1], *(1,) * (len(self.shape) - 2)))
            ones = (1,) * (len(self.shape) - 2)
            self.add(ConvOp(self.value, self.constant(weights), ones, (0,) * 2 * len(ones), ones))
            parts.append(self.value)
        self.add(ConcatOp(parts, 1) if self.random.random() < 0.5 else AddOp(*parts))

    def detour(self) -> None:
        """As networks of channels last are exported: back and forth around a layer."""
        rank = len(self.shape)
        self.add(TransposeOp(self.value, (0, *range(2, rank), 1)))
        self.add(ReluOp(self.value))
        self.add(TransposeOp(self.value, (0, rank - 1, *range(1, rank - 1))))

    def row(self) -> None:
        """As Conv1D of Keras is exported: a line as an image of one row, and a line again; or the other way about."""
        batch, channels, *sizes = self.shape
        self.add(ReshapeOp(self.value, (batch, channels, 1, *sizes)))
        if not sizes[1:]:
            self.conv()
        self.add(ReshapeOp(self.value, (batch, self.shape[1], *self.shape[3:])))

    def finish(self) -> ModuleOp:
        match self.random.randrange(4):
            case 0:
                self.add(ReduceSumOp(self.value, range(2, len(self.shape)), self.random.random() < 0.5))
            case 1:
                self.add(ReshapeOp(self.value, (1, int(np.prod(self.shape)))))
            case 2:
                self.add(ReshapeOp(self.value, (1, int(np.prod(self.shape)))))
                self.add(QuantizeOp(self.value, FixedType(3)))
                self.add(AddOp(self.value, self.constant(self.numbers.integers(-3, 4, self.shape[1]))))
                self.add(MatMulOp(self.value, self.constant(self.numbers.integers(-2, 3, (self.shape[1], 3)))))
            case _:
                pass
        self.block.add_op(ReturnOp(self.value))
        module = ModuleOp([FuncOp("main", ([self.block.args[0].type], [self.value.type]), Region(self.block))])
        verify_module(module)
        return module


def network(seed: int) -> ModuleOp:
    net = Network(seed)
    net.conv()
    for _ in range(4):
        net.random.choice([net.conv, net.pool, net.pad, net.join, net.detour, net.row])()
    return net.finish()


@pytest.mark.parametrize("seed", range(60))
def test_same_numbers(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    module = exact_pass(network(seed), "q-make-channels-last")
    layers = [op for op in module.walk() if isinstance(op, ConvOp | MaxPoolOp | SumPoolOp)]
    assert layers
    assert all(op.channels_last for op in layers)


@pytest.mark.parametrize("seed", range(60))
def test_transpositions_stand_at_the_ends(seed: int, run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """One in front of the first layer, one at most behind the last: all others cancel."""
    module = run_passes(network(seed), "q-make-channels-last")
    (main,) = (op for op in module.ops if isinstance(op, FuncOp))
    ops = [op for op in main.body.block.ops if not isinstance(op, ConstantOp | ReturnOp)]
    moving = [index for index, op in enumerate(ops) if isinstance(op, TransposeOp)]
    assert set(moving) <= {0, len(ops) - 1, len(ops) - 2}, [op.name for op in ops]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_to_do_the_second_time(seed: int, run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    once = run_passes(network(seed), "q-make-channels-last")
    assert str(run_passes(once, "q-make-channels-last")) == str(once)
