# SPDX-License-Identifier: Apache-2.0
"""Streams in the reference: one frame is an array of its beats by lanes; timing has no part in it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ...dataflow.types import StreamType
from ...formats import IntRange
from ..operands import Operand
from ..values import DType, Numbers


def stream_numbers(type_: StreamType, dtype: DType, range_: IntRange) -> Numbers:
    """Description of a stream's codes."""
    quantum = Fraction(2) ** -type_.format.fraction_bits
    return Numbers(type_.element_type, (type_.beats, type_.lanes), dtype, quantum, range_)


def regrouped(operand: Operand, *shape: int) -> Operand:
    """The elements of each frame in an array of this shape."""
    if operand.constant is not None:
        return Operand(replace(operand.numbers, constant=operand.constant.reshape(shape), shape=shape))
    return operand.then(lambda x: x.reshape(len(x), *shape), fresh=False, shape=shape)
