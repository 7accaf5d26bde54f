# SPDX-License-Identifier: Apache-2.0
"""Write subtraction and division by a constant as addition and multiplication, so that later passes know only these.

Before:
    %0 = q.sub %x, %c : ...
    %1 = q.div %0, %d : ...
After:
    %0 = q.add %x, %minus_c : ...
    %1 = q.mul %0, %one_over_d : ...       the reciprocal is an exact fraction

Exact: fractions have exact negatives and reciprocals. `c - x` becomes `x * -1 + c`.
Needs: one constant operand.   Keeps: output type and every output bit.
Leaves: float32 arithmetic; the difference of two computed values; division by a computed value.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.q import AddOp, ConstantOp, DivOp, MulOp, SubOp
from ..qdialect.types import element_type, is_f32, is_integer_type
from .rewriting import at, exact_values, fixed_constant, is_constant, real_constant, replace, rewrite, with_constant


class SubtractionToAddition(RewritePattern):
    """x - c   =>   x + -c,   and   c - x   =>   x * -1 + c."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SubOp, rewriter: PatternRewriter, /) -> None:
        if is_f32(element_type(op.result)):
            return
        if is_constant(op.rhs):
            replace(rewriter, op, with_constant(AddOp, op.lhs, -exact_values(op.rhs), op.result, op))
        elif is_constant(op.lhs):
            minus_one = _minus_one(is_integer_type(element_type(op.result)))
            negative = at(MulOp(op.rhs, minus_one.result), op)
            add = with_constant(AddOp, negative.result, exact_values(op.lhs), op.result, op)
            replace(rewriter, op, [minus_one, negative, *add])


def _minus_one(integer: bool) -> ConstantOp:
    value = np.array(Fraction(-1), dtype=object)
    return fixed_constant(value, 0) if integer else real_constant(value)


class DivisionToMultiplication(RewritePattern):
    """x / d   =>   x * (1 / d)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DivOp, rewriter: PatternRewriter, /) -> None:
        if is_f32(element_type(op.result)) or not is_constant(op.rhs):
            return
        replace(rewriter, op, with_constant(MulOp, op.lhs, Fraction(1) / exact_values(op.rhs), op.result, op))


@dataclass(frozen=True)
class LowerSubDivPass(ModulePass):
    """Write subtraction and division by constants as addition and multiplication."""

    name = "q-lower-sub-div"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, SubtractionToAddition(), DivisionToMultiplication())
