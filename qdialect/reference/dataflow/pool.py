# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.max_pool` and `dataflow.sum_pool`."""

from __future__ import annotations

from collections.abc import Sequence

from ...dataflow import MaxPoolOp, SumPoolOp
from ...formats import IntRange
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import Numbers, carrier
from .streams import regrouped, stream_numbers


@meaning(MaxPoolOp, SumPoolOp)
def pool(op: MaxPoolOp | SumPoolOp, operands: Sequence[Numbers]) -> Compiled:
    x = exact(operands[0])
    range_, total = x.range, isinstance(op, SumPoolOp)
    if total:
        range_ = IntRange(op.taps * x.range.lo, op.taps * x.range.hi)
    result = stream_numbers(op.result_type, carrier(x.range, range_), range_)
    rounds = op.input_type.elements // (op.taps * op.channels)
    x = regrouped(x.as_dtype(result.dtype), rounds, op.taps, op.channels)
    convert = x.convert or (lambda x: x)
    if total:
        return [result], lambda x: convert(x).sum(axis=2, dtype=result.dtype).reshape(len(x), *result.shape)
    return [result], lambda x: convert(x).max(axis=2).reshape(len(x), *result.shape)
