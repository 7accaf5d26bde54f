# SPDX-License-Identifier: Apache-2.0
"""Scales and offsets behind products of two branches: a pattern of q-move-affine-past-linear."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array
from ..qdialect.q import AddOp, MulOp
from ..qdialect.types import RealType, element_type, integer_format, is_integer_type
from .function_table import is_short_product
from .hardware_support import joins_branches
from .remarks import remark
from .rewriting import affine, at, fixed_constant, least_broadcast, replace, times_integer, with_constant

MAX_FACTOR_WIDTH = 32  # bits of a factor with its offset


@dataclass(frozen=True)
class _Factor:
    """A branch as `scale * (times * x + offset)`: an integer value, integer numbers and a real scale."""

    x: SSAValue
    times: int
    offset: Array
    scale: Array

    def integers(self, place: Operation) -> tuple[list[Operation], SSAValue]:
        """Ops that compute `times * x + offset`, and that value."""
        new = times_integer(self.x, self.times, place)
        value = new[-1].results[0] if new else self.x
        if self.offset.any():
            addend = fixed_constant(self.offset, max(_twos(number) for number in self.offset.reshape(-1)))
            new += [addend, at(AddOp(value, addend.result), place)]
            value = new[-1].results[0]
        return new, value


class MoveAffinePastProduct(RewritePattern):
    """(a * s + c) * (b * t)   =>   ((a + c / s) * b) * (s * t) for computed integers a and b: zero points stay exact.

    Functions of one short integer are left: they become one table.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter, /) -> None:
        if not isinstance(element_type(op.result), RealType) or not joins_branches(op) or is_short_product(op):
            return
        factors = [_factor(operand) for operand in op.operands]
        if factors[0] is None or factors[1] is None:
            remark(op, "scales not moved behind the product: a branch is no scaled integer")
            return
        (first, a), (second, b) = (factor.integers(op) for factor in factors if factor is not None)
        if any(integer_format(element_type(value)).word_length > MAX_FACTOR_WIDTH for value in (a, b)):
            remark(op, "scales not moved behind the product: the offset of a branch is no multiple of its scale")
            return
        product = at(MulOp(a, b), op)
        scale = np.asarray(factors[0].scale * factors[1].scale, dtype=object)
        replace(rewriter, op, [*first, *second, product, *with_constant(MulOp, product.result, scale, op.result, op)])


def _factor(value: SSAValue) -> _Factor | None:
    """The branch that gives `value`; None if it is more than a scaled integer with an offset."""
    scale, offset = (np.array(Fraction(number), dtype=object) for number in (1, 0))
    while not is_integer_type(element_type(value)):
        match = affine(value.owner)
        if match is None or not match.keeps_shape:
            return None
        if isinstance(match.op, MulOp):
            scale = np.asarray(scale * match.values, dtype=object)
        else:
            offset = np.asarray(offset + scale * match.values, dtype=object)
        value = match.x
    if not offset.any():
        return _Factor(value, 1, offset, scale)
    if not scale.all():
        return None
    whole = least_broadcast(offset / scale)
    times = lcm(*(number.denominator >> _twos(number) for number in whole.reshape(-1)))
    return _Factor(value, times, np.asarray(whole * times, dtype=object), np.asarray(scale / times, dtype=object))


def _twos(number: Fraction) -> int:
    """How often two divides the denominator."""
    return (number.denominator & -number.denominator).bit_length() - 1
