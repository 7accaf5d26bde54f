# SPDX-License-Identifier: Apache-2.0
"""Absorb a new order of channels into the constants of the layers in front of it or behind it.

Before:
    %a = q.conv %x, %w ... channels_last : ... -> tensor<1x4x4x6x!q.fixed<8, 0>>
    %b = q.gather %a indices [0, 3, 1, 4, 2, 5] axis 3 : ...
    %y = q.threshold %b, %t base 0 : tensor<1x4x4x6x!q.fixed<8, 0>>, ... -> tensor<1x4x4x6x!q.ufixed<2, 0>>
After:
    %a = q.conv %x, %rows_of_w_in_the_new_order ... channels_last : ... -> tensor<1x4x4x6x!q.fixed<8, 0>>
    %y = q.threshold %a, %t base 0 : tensor<1x4x4x6x!q.fixed<8, 0>>, ... -> tensor<1x4x4x6x!q.ufixed<2, 0>>

Exact: every sum has the same terms; the layer in front computes its outputs in another order, or those behind find
their inputs there.
Needs: all channels, each once; channels last; constant weights.   Keeps: types, ranges, locations.
Leaves: other gathers, for which there is a unit. Between gather and layers behind it, elementwise ops, pools and
depthwise convolutions may stand; they compute in the old order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.q import ConvOp, GatherOp, MatMulOp, MaxPoolOp, SumPoolOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, is_integer_type, shape_of
from .absorb_transposes import makers_of, reorder
from .rewriting import rewrite
from .transposing import ELEMENTWISE, ROWS, images, permute_constants


class AbsorbGatherIntoLayers(RewritePattern):
    """layer -> gather, or gather -> layers   =>   layers with their constants in another order."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GatherOp, rewriter: PatternRewriter, /) -> None:
        order, rank = op.indices, len(shape_of(op.input))
        if op.axis != rank - 1 or not is_integer_type(element_type(op.input)):
            return
        if not np.array_equal(np.sort(order), np.arange(shape_of(op.input)[-1])):
            return
        makers = makers_of(op.input)
        if makers is not None:
            reorder(makers, order)
        else:
            takers = takers_of(op.result)
            if takers is None:
                return
            for taker in takers:
                _take(taker, np.argsort(order))
        rewriter.replace(op, [], [op.input])


def takers_of(value: SSAValue) -> list[Operation] | None:
    """All that use an image with channels last, up to the layers that sum over its channels.

    None if something else uses it, or if there is no such layer with constant weights.
    """
    found: list[Operation] = []
    for user in dict.fromkeys(use.operation for use in value.uses):
        found.append(user)
        if _sums_channels(user, value):
            continue
        behind = takers_of(user.results[0]) if _keeps_channels(user, value) else None
        if behind is None:
            return None
        found += behind
    return list(dict.fromkeys(found)) if found else None


def _sums_channels(op: Operation, value: SSAValue) -> bool:
    """Whether `op` is a layer whose constant weights have a column for each channel of `value`."""
    if isinstance(op, MatMulOp):
        weights = constant_of(op.rhs)
        return op.lhs is value and weights is not None and weights.array.ndim == 2
    return isinstance(op, ConvOp) and op.channels_last and op.groups == 1 and constant_of(op.weights) is not None


def _keeps_channels(op: Operation, value: SSAValue) -> bool:
    """Whether each channel of the result follows from the same channel of `value` and constants."""
    if isinstance(op, ConvOp):
        depthwise = op.groups == op.in_channels == shape_of(op.weights)[0]
        return op.channels_last and depthwise and constant_of(op.weights) is not None
    if isinstance(op, MaxPoolOp | SumPoolOp):
        return op.channels_last
    if not isinstance(op, ELEMENTWISE) or images(op) != [value]:
        return False
    return not isinstance(op, ROWS) or op.trailing == 0


def _take(op: Operation, order: np.ndarray) -> None:
    """Give the constants of `op`, which is among takers, the order of its inputs' channels: old place of each."""
    summed = isinstance(op, MatMulOp) or (isinstance(op, ConvOp) and op.groups == 1)
    axis = 1 if summed and isinstance(op, ConvOp) else 0 if isinstance(op, (MatMulOp, ConvOp, *ROWS)) else -1
    permute_constants(op, axis, order)


@dataclass(frozen=True)
class AbsorbGathersPass(ModulePass):
    """Absorb a new order of channels into the constants of layers in front of it or behind it."""

    name = "q-absorb-gathers"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, AbsorbGatherIntoLayers())
