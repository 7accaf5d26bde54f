# SPDX-License-Identifier: Apache-2.0
"""q.arg_max, q.top_k; indices become floats, as all numbers of a file."""

from __future__ import annotations

from collections.abc import Sequence

from ....qdialect.q import ArgMaxOp, TopKOp
from ....qdialect.types import shape_of
from ..context import Context
from ..graph import Tensor
from ..numbers import INT64
from ..registry import exporter


@exporter(ArgMaxOp)
def export_arg_max(op: ArgMaxOp, out: Context) -> Tensor:
    options = {"axis": op.axis, "keepdims": int(op.keep_dims)}
    return out.node("ArgMax", out.tensor(op.input), shape=shape_of(op.result), dtype=INT64, attributes=options)


@exporter(TopKOp)
def export_top_k(op: TopKOp, out: Context) -> Sequence[Tensor]:
    x, shape = out.tensor(op.input), shape_of(op.values)
    options = {"axis": op.axis, "largest": int(op.largest), "sorted": 1}
    inputs, results = (x, out.integers([op.k], "k")), [(x.dtype, shape), (INT64, shape)]
    return out.node_of_many("TopK", inputs, results, attributes=options)
