# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.sliding_window`."""

from __future__ import annotations

from collections.abc import Sequence

from ...dataflow import SlidingWindowOp
from ...formats import IntRange
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import Numbers, carrier
from .streams import regrouped, stream_numbers


@meaning(SlidingWindowOp)
def sliding_window(op: SlidingWindowOp, operands: Sequence[Numbers]) -> Compiled:
    rows, columns, channels = op.image
    range_ = operands[0].exact[1]
    if any(op.window.pads):
        range_ = range_.hull(IntRange(op.pad_value, op.pad_value))
    result = stream_numbers(op.result_type, carrier(range_), range_)
    x = regrouped(exact(operands[0]).as_dtype(result.dtype), rows * columns, channels)
    gather, convert = op.gather(), x.convert or (lambda x: x)
    return [result], lambda x: gather(convert(x)).reshape(len(x), *result.shape)
