# SPDX-License-Identifier: Apache-2.0
"""Views that shuffle an axis become one q.gather, and orders of channels vanish in layers: every bit is kept."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import (
    ConstantOp,
    ConvOp,
    GatherOp,
    MaxPoolOp,
    QOp,
    QuantizeOp,
    ReshapeOp,
    TransposeOp,
)
from qopt_mlir.qdialect.q.base import tensor
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import FixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue


class Builder:
    """@main, op by op, of an image [1, C, W] with six channels."""

    def __init__(self, shape: tuple[int, ...] = (1, 6, 4)):
        self.block = Block(arg_types=[tensor(FixedType(4), shape)])
        self.input: SSAValue = self.block.args[0]

    def add(self, op: QOp) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def conv(self, x: SSAValue, outputs: int, groups: int, rng: np.random.Generator) -> SSAValue:
        codes = rng.integers(-2, 2, (outputs, shape_of(x)[1] // groups, 1))
        weights = self.add(ConstantOp(DenseAttr(codes, tensor(fixed_type(IntRange(-2, 1)), codes.shape))))
        x = self.add(ConvOp(x, weights, [1], [0, 0], [1], groups))
        return self.add(QuantizeOp(x, FixedType(4, -1)))

    def module(self, result: SSAValue) -> ModuleOp:
        self.block.add_op(ReturnOp(result))
        return ModuleOp([FuncOp("main", ([self.input.type], [result.type]), Region(self.block))])


def kinds(module: ModuleOp) -> list[type[Operation]]:
    return [type(op) for op in module.walk() if isinstance(op, GatherOp | ReshapeOp | TransposeOp)]


@pytest.mark.parametrize("seed", range(30))
def test_views(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """Axes split, moved and joined again: one axis alone, or several."""
    rnd, build = random.Random(seed), Builder((2, 6, 4))
    axis = rnd.randrange(3)
    factor = rnd.choice([d for d in (1, 2, 3) if shape_of(build.input)[axis] % d == 0])
    split = [*shape_of(build.input)[:axis], factor, shape_of(build.input)[axis] // factor]
    split += shape_of(build.input)[axis + 1 :]
    order = list(range(4))
    alone = rnd.random() < 0.6
    if alone:
        order[axis], order[axis + 1] = axis + 1, axis
    else:
        rnd.shuffle(order)
    x = build.add(TransposeOp(build.add(ReshapeOp(build.input, split)), order))
    x = build.add(ReshapeOp(x, shape_of(build.input)))
    after = kinds(exact_pass(build.module(x), "q-fuse-shuffles"))
    if alone:
        assert after == ([GatherOp] if 1 not in split[axis : axis + 2] else [])


@pytest.mark.parametrize("seed", range(30))
def test_orders(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """A gather in front of or behind layers, with others between them, and users that may not follow."""
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    build = Builder()
    in_front, behind, others = rnd.random() < 0.4, rnd.random() < 0.7, rnd.random() < 0.2
    x = build.conv(build.input, 6, 1, rng) if in_front else build.add(QuantizeOp(build.input, FixedType(3, 0)))
    moved = build.add(GatherOp(x, rng.permutation(6), 1))
    x = moved
    for step in rnd.sample(["pool", "depthwise", "quantize"], rnd.randint(0, 3)):
        if step == "pool":  # of windows of two columns
            x = build.add(MaxPoolOp(x, Window((2,), (1,), (0, 0), (1,))))
        elif step == "depthwise":
            x = build.conv(x, 6, 6, rng)
        else:
            x = build.add(QuantizeOp(x, FixedType(3, 0)))
    x = build.conv(x, 2, 1 if behind else 2, rng)
    if others:
        x = build.add(GatherOp(moved, [0], 1))
    after = kinds(exact_pass(build.module(x), "q-make-channels-last,q-absorb-gathers"))
    assert after.count(GatherOp) == others + (not in_front and (others or not behind))


def test_quantisers_between_views(exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """As ONNX Runtime's static quantisation leaves a shuffle: codes are made anew behind each view."""
    rng, build = np.random.default_rng(3), Builder((1, 6, 4))
    x = build.conv(build.input, 6, 2, rng)
    for view in (lambda v: ReshapeOp(v, (1, 2, 3, 4)), lambda v: TransposeOp(v, (0, 2, 1, 3)), None):
        x = build.add(view(x) if view else ReshapeOp(x, (1, 6, 4)))
        x = build.add(QuantizeOp(x, FixedType(4, -1)))
    module = build.module(build.conv(x, 3, 3, rng))
    assert TransposeOp in kinds(module)
    after = kinds(exact_pass(module, "q-to-typed"))
    assert after == [TransposeOp, GatherOp, TransposeOp], "the host's at both ends, the order of channels alone between"
