# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.compare`, `q.select`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...formats import IntRange
from ...q import CompareOp, Predicate, SelectOp
from ...q.base import common_type
from ...types import FloatType, RealType, element_type, is_f32, shape_of
from ..operands import Operand, aligned_operands, nary
from ..registry import Compiled, meaning
from ..values import FLOAT32, Numbers, hull

COMPARISONS = {Predicate.EQUAL: np.equal, Predicate.LESS: np.less, Predicate.LESS_EQUAL: np.less_equal}


@meaning(CompareOp)
def compare(op: CompareOp, operands: Sequence[Numbers]) -> Compiled:
    """Numbers of different types are brought to float32 if one is f32 and none real, else compared exactly."""
    common, shape, test = common_type(op.operands), shape_of(op.result), COMPARISONS[op.predicate]
    sides = aligned_operands(RealType() if isinstance(common, FloatType) else common, operands)
    result = Numbers(element_type(op.result), shape, FLOAT32, Fraction(1), IntRange(0, 1))
    return [result], nary(lambda a, b: test(a, b).astype(np.float32), sides, len(shape))


@meaning(SelectOp)
def select(op: SelectOp, operands: Sequence[Numbers]) -> Compiled:
    type_, shape = element_type(op.result), shape_of(op.result)
    sides = aligned_operands(type_, operands[1:])
    range_ = None if is_f32(type_) else hull(*(side.range for side in sides))
    result = replace(sides[0].numbers, element_type=type_, shape=shape, range=range_, constant=None, reusable=False)
    return [result], nary(lambda c, a, b: np.where(c != 0, a, b), [Operand(operands[0]), *sides], len(shape))
