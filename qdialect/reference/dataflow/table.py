# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.table`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import TableOp
from ...formats import BipolarFormat
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import INT64, Array, Numbers, carrier, cast, range_of
from .streams import regrouped, stream_numbers


@meaning(TableOp)
def table(op: TableOp, operands: Sequence[Numbers]) -> Compiled:
    entries, format_ = op.entries, op.input_type.format
    range_ = range_of(entries)
    result = stream_numbers(op.result_type, carrier(range_), range_)
    rows = op.input_type.elements // op.channels
    codes = regrouped(exact(operands[0]).as_dtype(INT64), rows, op.channels)
    entries, channels, lowest = cast(entries, result.dtype), np.arange(op.channels), format_.code_range.lo
    step, convert = 2 if isinstance(format_, BipolarFormat) else 1, codes.convert or (lambda x: x)

    def kernel(x: Array) -> Array:
        return entries[channels, (convert(x) - lowest) // step].reshape(len(x), *result.shape)

    return [result], kernel
