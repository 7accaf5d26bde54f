# SPDX-License-Identifier: Apache-2.0
"""Pixel shuffles between convolutions, in both orders of ONNX: one op, and one unit, with every bit."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.dataflow import DepthToSpaceOp as DepthToSpaceUnitOp
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    ConstantOp,
    ConvOp,
    DepthToSpaceOp,
    QuantizeOp,
    ReshapeOp,
    ThresholdOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import FixedType, UFixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

SHAPE = (1, 2, 3, 4)


class Shuffled:
    """Two convolutions and what the importer makes of DepthToSpace between them."""

    def __init__(self, seed: int):
        self.random, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.block = Block(arg_types=[tensor(FixedType(4), SHAPE)])
        self.x: SSAValue = self.block.args[0]

    def add(self, op: ConvOp | QuantizeOp | ThresholdOp | ReshapeOp | TransposeOp) -> None:
        self.block.add_op(op)
        self.x = op.result

    def constant(self, array: np.ndarray) -> SSAValue:
        type_ = fixed_type(IntRange(int(array.min()), int(array.max())))
        op = ConstantOp(DenseAttr(array, tensor(type_, array.shape)))
        self.block.add_op(op)
        return op.result

    def conv(self, outputs: int) -> None:
        weights = self.numbers.integers(-4, 4, (outputs, shape_of(self.x)[1], 3, 3))
        self.add(ConvOp(self.x, self.constant(weights), (1, 1), (1, 1, 1, 1), (1, 1)))

    def shuffle(self, size: int) -> None:
        channels_first = self.random.random() < 0.5
        _, channels, height, width = shape_of(self.x)
        left = channels // size**2
        split = (left, size, size) if channels_first else (size, size, left)
        self.add(ReshapeOp(self.x, (1, *split, height, width)))
        self.add(TransposeOp(self.x, (0, 1, 4, 2, 5, 3) if channels_first else (0, 3, 4, 1, 5, 2)))
        self.add(ReshapeOp(self.x, (1, left, height * size, width * size)))

    def module(self) -> ModuleOp:
        size, left = self.random.choice([2, 3]), self.random.choice([1, 2])
        self.conv(size**2 * left)
        if self.random.random() < 0.5:
            rows = np.sort(self.numbers.integers(-60, 60, (size**2 * left, 3)))
            self.add(ThresholdOp(self.x, self.constant(rows), UFixedType(2), 0, axis=1))
        else:
            self.add(QuantizeOp(self.x, FixedType(4, -3)))
        self.shuffle(size)
        self.conv(2)
        self.block.add_op(ReturnOp(self.x))
        module = ModuleOp([FuncOp("main", ([self.block.args[0].type], [self.x.type]), Region(self.block))])
        verify_module(module)
        return module


@pytest.mark.parametrize("seed", range(16))
def test_every_bit(
    seed: int,
    exact_pass: Callable[[ModuleOp, str], ModuleOp],
    run_passes: Callable[[ModuleOp, str], ModuleOp],
) -> None:
    before = Shuffled(seed).module()
    module = exact_pass(before, "q-make-channels-last,q-fuse-views")
    names = [op.name for op in module.walk()]
    assert names.count(DepthToSpaceOp.name) == 1
    assert names.count(TransposeOp.name) <= 2  # in front of the first and behind the last convolution
    units = run_passes(module, "q-lower-quantizers,q-partition,q-convert-to-dataflow")
    assert [op for op in units.walk() if isinstance(op, DepthToSpaceUnitOp)]
    x = np.random.default_rng(seed).integers(-8, 8, (3, *SHAPE))
    results = [np.asarray(compile_function(item).run_codes({0: x})[0]) for item in (before, units)]
    assert np.array_equal(*results)
