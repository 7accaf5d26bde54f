# SPDX-License-Identifier: Apache-2.0
"""From images that are merged or spread over a finer grid to their units, channels last."""

from __future__ import annotations

from collections.abc import Sequence

from ..qdialect.dataflow import DepthToSpaceOp as DepthToSpaceUnitOp
from ..qdialect.dataflow import InterleaveOp as InterleaveUnitOp
from ..qdialect.q import DepthToSpaceOp, InterleaveOp
from ..qdialect.types import element_type, shape_of
from .hardware_units import NotHardware, UnitBuilder


def interleave(build: UnitBuilder, op: InterleaveOp) -> None:
    """Streams of images that take turns."""
    image, factors = _grid(op, shape_of(op.result))
    streams = [build.retyped(build.stream(value), element_type(op.result)) for value in op.inputs]
    build.emit(InterleaveUnitOp(streams, image, factors), op, op.result)


def depth_to_space(build: UnitBuilder, op: DepthToSpaceOp) -> None:
    """A unit that keeps about a row; nothing where rows stay, for the pixels of a row follow each other as they are."""
    image, factors = _grid(op, shape_of(op.input))
    if op.axis != len(shape_of(op.input)) - 1:
        raise NotHardware(f"{op.name} has its channels first", "run q-make-channels-last first")
    if factors[0] == 1:
        build.view(op)
        return
    build.emit(DepthToSpaceUnitOp(build.stream(op.input), image, factors), op, op.result)


def _grid(op: InterleaveOp | DepthToSpaceOp, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows, columns, channels of [1, (H,) W, C], and the factors of rows and columns."""
    factors = dict(zip(op.axes, op.factors, strict=True))
    spatial = range(1, len(shape) - 1)
    if shape[0] != 1 or not 3 <= len(shape) <= 4 or not {*op.axes} <= {*spatial} or [*op.axes] != sorted(op.axes):
        mend = "merge rows and columns, in this order, of one image a frame; run q-make-channels-last first"
        raise NotHardware(f"{op.name} along the axes {list(op.axes)} of {list(shape)} has no hardware unit", mend)
    more = (1,) * (4 - len(shape))
    return (*more, *shape[1:]), (*more, *(factors.get(axis, 1) for axis in spatial))
