# SPDX-License-Identifier: Apache-2.0
"""Ops that spread images over a finer grid of pixels."""

from __future__ import annotations

from ....qdialect.q import DepthToSpaceOp, InterleaveOp
from ....qdialect.types import shape_of
from ..context import Context
from ..graph import Tensor
from ..registry import exporter


@exporter(DepthToSpaceOp)
def export_depth_to_space(op: DepthToSpaceOp, out: Context) -> Tensor:
    """Phases out of the channels, each behind its axis; ONNX's DepthToSpace has one factor for both axes."""
    split = out.reshape(out.tensor(op.input), op.split)
    return out.reshape(out.transpose(split, op.order), shape_of(op.result))


@exporter(InterleaveOp)
def export_interleave(op: InterleaveOp, out: Context) -> Tensor:
    """Axis by axis, the last one first: the parts behind each other, then their elements in turns."""
    parts = out.operands()
    for axis, factor in reversed([*zip(op.axes, op.factors, strict=True)]):
        if factor > 1:
            parts = [_merged(out, parts[k : k + factor], axis) for k in range(0, len(parts), factor)]
    return parts[0]


def _merged(out: Context, parts: list[Tensor], axis: int) -> Tensor:
    sizes = [part.shape[axis] for part in parts]
    shape = list(parts[0].shape)
    shape[axis] = sum(sizes)
    starts = [sum(sizes[:phase]) for phase in range(len(sizes))]
    turns = [starts[place % len(sizes)] + place // len(sizes) for place in range(shape[axis])]
    joined = out.node("Concat", *parts, shape=shape, attributes={"axis": axis})
    return out.node("Gather", joined, out.integers(turns, "turns"), shape=shape, attributes={"axis": axis})
