# SPDX-License-Identifier: Apache-2.0
"""Ops that move, repeat and select elements and change none."""

from __future__ import annotations

import numpy as np

from ....qdialect.q import ConcatOp, ExpandOp, GatherOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from ....qdialect.types import shape_of
from ..context import Context
from ..graph import Tensor
from ..registry import exporter

_BEFORE_FIRST = -(1 << 31)  # where a slice that walks down to element 0 ends


@exporter(ReshapeOp)
def export_reshape(op: ReshapeOp, out: Context) -> Tensor:
    return out.reshape(out.tensor(op.input), shape_of(op.result))


@exporter(TransposeOp)
def export_transpose(op: TransposeOp, out: Context) -> Tensor:
    return out.transpose(out.tensor(op.input), op.permutation)


@exporter(SliceOp)
def export_slice(op: SliceOp, out: Context) -> Tensor:
    """Only the axes of which a part is taken are named."""
    shape = shape_of(op.input)
    axes = [axis for axis, size in enumerate(op.sizes) if size != shape[axis] or op.steps[axis] < 0]
    ends = [op.starts[axis] + op.sizes[axis] * op.steps[axis] for axis in axes]
    numbers = {
        "starts": [op.starts[axis] for axis in axes],
        "ends": [end if end >= 0 else _BEFORE_FIRST for end in ends],
        "axes": axes,
        "steps": [op.steps[axis] for axis in axes],
    }
    inputs = [out.integers(values, name) for name, values in numbers.items()]
    return out.node("Slice", *out.operands(), *inputs, shape=op.sizes)


@exporter(GatherOp)
def export_gather(op: GatherOp, out: Context) -> Tensor:
    indices = out.plain(op.indices.astype(np.int64), "indices")
    return out.node("Gather", *out.operands(), indices, shape=shape_of(op.result), attributes={"axis": op.axis})


@exporter(ConcatOp)
def export_concat(op: ConcatOp, out: Context) -> Tensor:
    return out.node("Concat", *out.operands(), shape=shape_of(op.result), attributes={"axis": op.axis})


@exporter(PadOp)
def export_pad(op: PadOp, out: Context) -> Tensor:
    x, value = out.operands()
    return out.node("Pad", x, out.integers([*op.low, *op.high], "pads"), value, shape=shape_of(op.result))


@exporter(ExpandOp)
def export_expand(op: ExpandOp, out: Context) -> Tensor:
    (x,), shape = out.operands(), shape_of(op.result)
    return out.node("Expand", x, out.integers(shape, "shape"), shape=shape)
