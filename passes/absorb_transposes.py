# SPDX-License-Identifier: Apache-2.0
"""Absorb the transposition of an image that is made of a vector into the constants that the vector is made with.

Before:
    %a = q.matmul %x, %w : ... -> tensor<1x8x!q.fixed<12, 0>>
    %b = q.threshold %a, %t base 0 : ... -> tensor<1x8x!q.ufixed<2, 0>>
    %c = q.reshape %b : tensor<1x8x!q.ufixed<2, 0>> -> tensor<1x2x2x2x!q.ufixed<2, 0>>
    %d = q.transpose %c perm [0, 2, 3, 1]
After:
    %a = q.matmul %x, %columns_of_w_in_the_new_order : ... -> tensor<1x8x!q.fixed<12, 0>>
    %b = q.threshold %a, %rows_of_t_in_the_new_order base 0 : ... -> tensor<1x8x!q.ufixed<2, 0>>
    %d = q.reshape %b : tensor<1x8x!q.ufixed<2, 0>> -> tensor<1x2x2x2x!q.ufixed<2, 0>>

Exact: every element is computed from the same numbers.
Needs: a matrix product by constant weights, constants otherwise, and one use of each value on the way.
Keeps: types, ranges, locations.   Leaves: other transpositions. Generators and decoders begin with such an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array
from ..qdialect.q import ConvOp, MatMulOp, ReshapeOp, TransposeOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import shape_of
from .rewriting import at, replace, rewrite
from .transposing import ELEMENTWISE, ROWS, images, permute_constants


class AbsorbTransposeIntoMatrix(RewritePattern):
    """transpose(reshape(f(x @ W)))   =>   reshape(g(x @ V)), constants of g and V in the order of the result."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /) -> None:
        view = op.input.owner
        if not isinstance(view, ReshapeOp) or not op.input.has_one_use():
            return
        if shape_of(view.input)[-1] != prod(shape_of(view.input)):
            return
        makers = makers_of(view.input)
        if makers is None:
            return
        shape = shape_of(view.result)
        reorder(makers, np.arange(prod(shape)).reshape(shape).transpose(op.permutation).reshape(-1))
        for maker in makers:
            rewriter.handle_operation_modification(maker)
        replace(rewriter, op, [at(ReshapeOp(view.input, shape_of(op.result)), op)])


def makers_of(value: SSAValue) -> list[Operation] | None:
    """The ops that make a vector, or an image with channels last, of a layer with constant weights, which is the last.

    None if others make it, or if one of the values on the way has more uses.
    """
    found: list[Operation] = []
    shape = shape_of(value)
    while isinstance(value.owner, Operation) and value.has_one_use() and shape_of(value) == shape:
        op = value.owner
        found.append(op)
        if isinstance(op, MatMulOp | ConvOp):
            return found if _has_weights(op) else None
        computed = images(op)
        if not isinstance(op, ELEMENTWISE) or computed is None or len(computed) != 1:
            return None
        if isinstance(op, ROWS) and op.trailing:
            return None
        value = computed[0]
    return None


def _has_weights(op: MatMulOp | ConvOp) -> bool:
    """Whether each element along the last axis of the result has constant weights of its own."""
    computed, weights = (op.lhs, op.rhs) if isinstance(op, MatMulOp) else (op.input, op.weights)
    if constant_of(weights) is None or constant_of(computed) is not None:
        return False
    return len(shape_of(weights)) == 2 if isinstance(op, MatMulOp) else op.channels_last and op.groups == 1


def reorder(makers: Sequence[Operation], order: Array) -> None:
    """Give the constants of `makers` the order in which the last axis of what they make shall be: old place of each."""
    for maker in makers:
        permute_constants(maker, 0 if isinstance(maker, (ConvOp, *ROWS)) else -1, order)


@dataclass(frozen=True)
class AbsorbTransposesPass(ModulePass):
    """Absorb transpositions of images that are made of vectors into the matrix in front."""

    name = "q-absorb-transposes"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, AbsorbTransposeIntoMatrix())
