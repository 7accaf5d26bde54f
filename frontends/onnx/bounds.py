# SPDX-License-Identifier: Apache-2.0
"""What an exact number can be, from the arithmetic with constants that makes it of integers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from xdsl.ir import SSAValue

from ...qdialect.attrs import DenseAttr
from ...qdialect.formats import IntRange, Rounding
from ...qdialect.q import AddOp, BinaryOp, DivOp, MoveOp, MulOp, SubOp
from ...qdialect.q.inference import code_range, constant_of
from ...qdialect.rounding import round_fraction
from ...qdialect.types import FloatType, element_type, integer_format, is_f32, is_integer_type

_ARITHMETIC: dict[type[BinaryOp], Callable[[Fraction, Fraction], Fraction]] = {
    AddOp: operator.add,
    SubOp: operator.sub,
    MulOp: operator.mul,
    DivOp: operator.truediv,
}


def rounded_range(value: SSAValue, rounding: Rounding) -> IntRange | None:
    """The integers to which the numbers of a value can be rounded; None if it does not show what they are."""
    bounds = _bounds(value)
    return None if bounds is None else IntRange(*(round_fraction(end, rounding) for end in bounds))


def _bounds(value: SSAValue) -> tuple[Fraction, Fraction] | None:
    """The least and the greatest number."""
    op, constant = value.owner, constant_of(value)
    if is_integer_type(element_type(value)):
        codes, quantum = code_range(value), Fraction(2) ** -integer_format(element_type(value)).fraction_bits
        return codes.lo * quantum, codes.hi * quantum
    if constant is not None:
        return _ends(constant)
    if isinstance(op, MoveOp) and len(op.operands) == 1:
        return _bounds(op.operands[0])
    if not isinstance(op, BinaryOp) or type(op) not in _ARITHMETIC:
        return None
    lhs, rhs = _bounds(op.lhs), _bounds(op.rhs)
    if lhs is None or rhs is None or (isinstance(op, DivOp) and rhs[0] <= 0 <= rhs[1]):
        return None
    corners = [_ARITHMETIC[type(op)](a, b) for a in lhs for b in rhs]
    return min(corners), max(corners)


def _ends(constant: DenseAttr) -> tuple[Fraction, Fraction] | None:
    """Of a float32 or real constant."""
    type_ = constant.type.element_type
    if not constant.array.size or isinstance(type_, FloatType):
        return None
    if is_f32(type_) and not np.isfinite(constant.array).all():
        return None
    ends = constant.array.min(), constant.array.max()
    low, high = (Fraction(float(end)) if is_f32(type_) else Fraction(end) for end in ends)
    return low, high
