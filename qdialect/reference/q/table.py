# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.table`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...q import TableOp
from ...types import element_type, integer_format, shape_of
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import INT64, OBJECT, Array, Numbers, bound, carrier, cast, range_of


@meaning(TableOp)
def table(op: TableOp, operands: Sequence[Numbers]) -> Compiled:
    base, last = op.base, op.entries.shape[1] - 1
    type_, range_ = element_type(op.result), range_of(op.entries)
    quantum = Fraction(2) ** -integer_format(type_).fraction_bits
    result = Numbers(type_, shape_of(op.result), carrier(range_), quantum, range_)
    entries = cast(op.entries, result.dtype)
    rows = np.arange(len(entries)).reshape(-1, *(1,) * op.trailing)
    x = exact(operands[0])
    wide = bound(x.range) + abs(base) >= 1 << 62
    codes = x.as_dtype(OBJECT if wide else INT64)
    convert = codes.convert or (lambda x: x)

    def kernel(x: Array) -> Array:
        return entries[rows, np.clip(convert(x) - base, 0, last).astype(np.int64)]

    return [result], kernel
