# SPDX-License-Identifier: Apache-2.0
"""Move scales and offsets behind products, moves, pools, reductions and arg-max, so that integers meet integers.

Before:
    %0 = q.mul %x, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
    %1 = q.mul %w, %t : tensor<4x2x!q.fixed<3, 0>>, tensor<1x2x!q.real> -> tensor<4x2x!q.real>
    %2 = q.matmul %0, %1 : ... -> tensor<1x2x!q.real>
After:
    %0 = q.matmul %x, %w : ... -> tensor<1x2x!q.fixed<12, 0>>
    %1 = q.mul %0, %s : ... -> tensor<1x2x!q.real>
    %2 = q.mul %1, %t : ... -> tensor<1x2x!q.real>

Exact: products and sums are linear over rational numbers; the largest element stays so under x * s with s > 0, x + c.
Needs: constant scales that are the same along the summed axis; an offset needs a constant other operand. In front of
a product of two branches offsets become integers.
Keeps: output type and every output bit.
Leaves: float32 arithmetic; scales that differ along the summed axis, offsets before a computed operand (remark).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array
from ..qdialect.q import AddOp, ArgMaxOp, ConstantOp, MatMulOp, MulOp, TopKOp
from ..qdialect.types import shape_of
from .affine_past_convolution import MoveOffsetPastConvolution, MoveScalePastConvolution
from .affine_past_pools import (
    MoveAffinePastConcat,
    MoveAffinePastExtreme,
    MoveAffinePastMove,
    MoveAffinePastPad,
    MoveAffinePastSum,
)
from .affine_past_products import MoveAffinePastProduct
from .remarks import remark
from .rewriting import (
    Affine,
    affine,
    at,
    matmul_with,
    moving,
    replace,
    rewrite,
    with_constant,
)


class MoveScalePastMatMul(RewritePattern):
    """matmul(x * s, w)   =>   matmul(x, w) * s, and the same for a scaled right operand."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MatMulOp, rewriter: PatternRewriter, /) -> None:
        for left in (True, False):
            match = moving(MulOp, op.lhs if left else op.rhs)
            if match is None:
                continue
            scale = _scale_of_result(op, match, left)
            if scale is None:
                remark(op, "scale not moved behind the matrix product: it differs along the summed axis")
                continue
            product = at(MatMulOp(match.x, op.rhs) if left else MatMulOp(op.lhs, match.x), op)
            replace(rewriter, op, [product, *with_constant(MulOp, product.result, scale, op.result, match.op)])
            return


def _scale_of_result(op: MatMulOp, match: Affine, left: bool) -> Array | None:
    """The scale of one operand as it multiplies the product; None if it differs along the summed axis."""
    values, ranks = match.at_full_rank, (len(shape_of(op.lhs)), len(shape_of(op.rhs)))
    summed = values.ndim - 1 if left or ranks[1] == 1 else values.ndim - 2
    if values.shape[summed] != 1:
        return None
    other_is_vector = ranks[1 if left else 0] == 1
    if ranks[0 if left else 1] == 1 or other_is_vector:
        return values.squeeze(summed)  # this axis has no successor in the product
    return values


class MoveOffsetPastMatMul(RewritePattern):
    """matmul(x + c, w)   =>   matmul(x, w) + matmul(c, w) for constant w, and the same on the right."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MatMulOp, rewriter: PatternRewriter, /) -> None:
        for left in (True, False):
            match = moving(AddOp, op.lhs if left else op.rhs)
            if match is None:
                continue
            other = op.rhs if left else op.lhs
            if not isinstance(other.owner, ConstantOp):
                remark(op, "offset not moved behind the matrix product: its other operand is not a plain constant")
                continue
            whole = _along_summed_axis(match.at_full_rank, shape_of(match.x), left)
            offset = matmul_with(other.owner.value, whole, left)
            product = at(MatMulOp(match.x, other) if left else MatMulOp(other, match.x), op)
            replace(rewriter, op, [product, *with_constant(AddOp, product.result, offset, op.result, match.op)])
            return


def _along_summed_axis(values: Array, shape: tuple[int, ...], left: bool) -> Array:
    """The offset broadcast to the operand's shape along the summed axis only."""
    summed = values.ndim - 1 if left or values.ndim == 1 else values.ndim - 2
    wanted = tuple(shape[axis] if axis == summed else size for axis, size in enumerate(values.shape))
    return np.broadcast_to(values, wanted)


class MoveAffinePastArgMax(RewritePattern):
    """arg_max(x * s + c)   =>   arg_max(x) where s > 0, and s and c are the same for all that compete."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ArgMaxOp, rewriter: PatternRewriter, /) -> None:
        match = affine(op.input.owner)
        if match is None or not _keeps_order(op, match, op.axis):
            return
        replace(rewriter, op, [op.on([match.x])])


class MoveAffinePastTopK(RewritePattern):
    """top_k(x * s + c)   =>   values of top_k(x) * s + c, the same indices, under the same conditions."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TopKOp, rewriter: PatternRewriter, /) -> None:
        match = affine(op.input.owner)
        if match is None or not _keeps_order(op, match, op.axis):
            return
        pick = at(TopKOp(match.x, op.k, op.axis, op.largest), op)
        moved = with_constant(type(match.op), pick.values, match.values, op.values, match.op)
        rewriter.replace(op, [pick, *moved], [moved[-1].results[0], pick.indices])


def _keeps_order(op: ArgMaxOp | TopKOp, match: Affine, axis: int) -> bool:
    if not match.keeps_shape:
        return False
    if match.at_full_rank.shape[axis] != 1:
        remark(op, "constant not moved behind the selection: it differs between the elements compared")
        return False
    if isinstance(match.op, MulOp) and not bool((match.values > 0).all()):
        remark(op, "scale not moved behind the selection: it is not positive")
        return False
    return True


def moves() -> list[RewritePattern]:
    """All moves of scales and offsets behind linear ops."""
    return [
        MoveScalePastMatMul(),
        MoveOffsetPastMatMul(),
        MoveScalePastConvolution(),
        MoveOffsetPastConvolution(),
        MoveAffinePastMove(),
        MoveAffinePastPad(),
        MoveAffinePastConcat(),
        MoveAffinePastExtreme(),
        MoveAffinePastSum(),
        MoveAffinePastProduct(),
        MoveAffinePastArgMax(),
        MoveAffinePastTopK(),
    ]


@dataclass(frozen=True)
class MoveAffinePastLinearPass(ModulePass):
    """Move scales and offsets behind products, moves, pools, reductions and arg-max."""

    name = "q-move-affine-past-linear"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, *moves())
