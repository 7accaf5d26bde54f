# SPDX-License-Identifier: Apache-2.0
"""Streams in the reference: one frame is an array of its beats by lanes; timing has no part in it."""

from __future__ import annotations

from fractions import Fraction

from ...dataflow.types import StreamType
from ...formats import IntRange
from ..values import DType, Numbers


def stream_numbers(type_: StreamType, dtype: DType, range_: IntRange) -> Numbers:
    """Description of a stream's codes."""
    quantum = Fraction(2) ** -type_.format.fraction_bits
    return Numbers(type_.element_type, (type_.beats, type_.lanes), dtype, quantum, range_)
