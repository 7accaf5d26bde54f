# SPDX-License-Identifier: Apache-2.0
"""Merge chains of additions and multiplications with constants into one multiplication and one addition.

Before:
    %0 = q.add %x, %b1 : ...
    %1 = q.mul %0, %a : ...
    %2 = q.add %1, %b2 : ...
After:
    %0 = q.mul %x, %a : ...
    %1 = q.add %0, %c : ...        c = a * b1 + b2

Exact: the laws of rational arithmetic.
Needs: constant operands.   Keeps: output type and every output bit.
Leaves: float32 arithmetic; intermediate values with other uses stay for those; the scale of constant integer weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.q import AddOp, ConstantOp, MulOp
from ..qdialect.types import element_type, integer_format, is_integer_type, shape_of
from .rewriting import Affine, affine, at, constant, exact_values, is_constant, replace, rewrite, with_constant


class MergeMultiplication(RewritePattern):
    """(x * a) * b   =>   x * (a * b),   and   (x + a) * b   =>   x * b + a * b."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter, /) -> None:
        outer = affine(op)
        inner = affine(outer.x.owner) if outer else None
        if outer is None or inner is None:
            return
        product = np.asarray(inner.values * outer.values, dtype=object)
        if isinstance(inner.op, MulOp):
            replace(rewriter, op, with_constant(MulOp, inner.x, product, op.result, op))
            return
        multiply = at(MulOp(inner.x, outer.constant), op)
        replace(rewriter, op, [multiply, *with_constant(AddOp, multiply.result, product, op.result, op)])


class MergeAddition(RewritePattern):
    """(x + a) + b   =>   x + (a + b)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter, /) -> None:
        outer = affine(op)
        inner = affine(outer.x.owner) if outer else None
        if outer is None or inner is None or not isinstance(inner.op, AddOp):
            return
        total = np.asarray(inner.values + outer.values, dtype=object)
        replace(rewriter, op, with_constant(AddOp, inner.x, total, op.result, op))


class RemoveIdentity(RewritePattern):
    """x * 1   =>   x,   and   x + 0   =>   x, where the type stays the same."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        match = affine(op)
        if match is None or match.x.type != match.op.result.type or not _is_identity(match):
            return
        rewriter.replace(op, [], [match.x])


def _is_identity(match: Affine) -> bool:
    return bool((match.values == (1 if isinstance(match.op, MulOp) else 0)).all())


class FoldConstantOperand(RewritePattern):
    """x + (c * d)   =>   x + e, for a dequantised bias c * d; products take such constants too."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        match = affine(op)
        if match is None or isinstance(match.constant.owner, ConstantOp) or is_constant(match.x):
            return
        replace(rewriter, op, with_constant(type(match.op), match.x, match.values, match.op.result, op))


class FoldWeightOffset(RewritePattern):
    """Integer weights plus a constant integer (minus their zero point)   =>   integer weights."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter, /) -> None:
        match, type_ = affine(op), element_type(op.result)
        if match is None or not isinstance(match.x.owner, ConstantOp) or not is_integer_type(type_):
            return
        codes = exact_values(op.result) * 2 ** integer_format(type_).fraction_bits
        replace(rewriter, op, [at(constant(np.broadcast_to(codes, shape_of(op.result)), type_), op)])


@dataclass(frozen=True)
class CollapseAffinePass(ModulePass):
    """Merge chains of additions and multiplications with constants into one of each."""

    name = "q-collapse-affine"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(
            op,
            FoldConstantOperand(),
            FoldWeightOffset(),
            MergeMultiplication(),
            MergeAddition(),
            RemoveIdentity(),
        )
