# SPDX-License-Identifier: Apache-2.0
"""q.table: a Gather of the entry that each code asks for."""

from __future__ import annotations

import numpy as np

from ....qdialect.q import TableOp
from ....qdialect.types import element_type, integer_format
from ..context import Context
from ..graph import Tensor
from ..numbers import INT64, numbers
from ..registry import exporter


@exporter(TableOp)
def export_table(op: TableOp, out: Context) -> Tensor:
    """Rows of several channels stand one behind the other."""
    constant = out.constant_of(op.table)
    assert constant is not None, "the verifier asks for a constant table"
    rows, count = constant.array.shape
    x = out.tensor(op.input, out.work)
    codes = out.cast(out.scaled(x, integer_format(element_type(op.input)).fraction_bits), INT64)
    index = out.node("Sub", codes, out.integers([op.base], "base"), shape=x.shape)
    index = out.node("Max", index, out.integers([0], "first"), shape=x.shape)
    index = out.node("Min", index, out.integers([count - 1], "last"), shape=x.shape)
    if rows > 1:
        starts = np.arange(0, rows * count, count).reshape(-1, *(1,) * op.trailing)
        index = out.node("Add", index, out.plain(starts.astype(np.int64), "rows"), shape=x.shape)
    entries = out.plain(numbers(constant, out.carrier(op.result)).reshape(-1), "table")
    return out.node("Gather", entries, index, shape=x.shape, attributes={"axis": 0})
