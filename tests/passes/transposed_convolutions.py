# SPDX-License-Identifier: Apache-2.0
"""Transposed convolutions: their geometry, networks of one such layer, and how many products they need."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import prod

import numpy as np
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.q import ConstantOp, ConvTransposeOp
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import FixedType
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region


@dataclass(frozen=True)
class Geometry:
    """`image`: channels, sizes. `outputs`: channels of the result, for each group."""

    image: tuple[int, ...]
    outputs: int
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    output_padding: tuple[int, ...] = (0, 0)
    dilations: tuple[int, ...] = (1, 1)
    groups: int = 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, *self.image)

    @staticmethod
    def random(rnd: random.Random) -> Geometry:
        """One or two axes; every result has elements."""
        while True:
            rank = rnd.choice([1, 2, 2])
            groups = rnd.choice([1, 1, 2])
            image = (groups * rnd.choice([1, 2]), *(rnd.randint(1, 5) for _ in range(rank)))
            strides = tuple(rnd.choice([1, 2, 2, 3]) for _ in range(rank))
            kernel = tuple(rnd.randint(stride, 5) for stride in strides)
            kind = rnd.random()
            if kind < 0.3:
                kernel = tuple(stride * rnd.randint(1, 2) for stride in strides)
            elif kind < 0.4:
                kernel = tuple(rnd.randint(1, 2) for _ in range(rank))
            dilations = tuple(rnd.choice([1, 1, 1, 1, 2, 3]) for _ in range(rank))
            pads = tuple(0 if kind < 0.3 else rnd.choice([0, 0, 1, 1, 2, 3]) for _ in range(2 * rank))
            more = tuple(rnd.choice([0, 0, rnd.randrange(stride)]) for stride in strides)
            found = Geometry(image, rnd.randint(1, 2), kernel, strides, pads, more, dilations, groups)
            if min(found.sizes) >= 1:
                return found

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the result."""
        rank = len(self.kernel)
        return tuple(
            stride * (size - 1) + dilation * (kernel - 1) + 1 - low - high + more
            for size, kernel, stride, dilation, low, high, more in zip(
                self.image[1:],
                self.kernel,
                self.strides,
                self.dilations,
                self.pads[:rank],
                self.pads[rank:],
                self.output_padding,
                strict=True,
            )
        )


def module_of(geometry: Geometry, rng: np.random.Generator) -> ModuleOp:
    """@main of one layer with random weights."""
    block = Block(arg_types=[tensor(FixedType(4), geometry.input_shape)])
    weights = rng.integers(-4, 4, (geometry.image[0], geometry.outputs, *geometry.kernel))
    factors = ConstantOp(DenseAttr(weights, tensor(FixedType(3), weights.shape)))
    op = ConvTransposeOp(
        block.args[0],
        factors.result,
        geometry.strides,
        geometry.pads,
        geometry.output_padding,
        geometry.dilations,
        geometry.groups,
    )
    block.add_ops([factors, op, ReturnOp(op.result)])
    module = ModuleOp([FuncOp("main", ([block.args[0].type], [op.result.type]), Region(block))])
    verify_module(module)
    return module


def non_inserted_products(geometry: Geometry) -> int:
    """Products of a frame without those with a zero that the stride inserts: for each place of the result the taps
    that stand on an element of the input, or on the border around it."""
    counts = []
    for axis, size in enumerate(geometry.sizes):
        low, stride = geometry.pads[axis], geometry.strides[axis]
        places = [
            out + low - geometry.dilations[axis] * tap for out in range(size) for tap in range(geometry.kernel[axis])
        ]
        counts.append(sum(place % stride == 0 for place in places))
    return prod(counts) * geometry.image[0] * geometry.outputs
