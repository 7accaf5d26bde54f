# SPDX-License-Identifier: Apache-2.0
"""From parts of tensors to units that drop what nothing needs."""

from __future__ import annotations

from ..qdialect.dataflow import SliceOp as SliceUnitOp
from ..qdialect.q import GatherOp, SliceOp
from ..qdialect.types import shape_of
from .hardware_support import PARTS_MEND, repeats
from .hardware_units import NotHardware, UnitBuilder
from .image_units import upsample
from .parts import part_of


def part(build: UnitBuilder, op: SliceOp | GatherOp) -> None:
    """Some elements of each frame, the channels of each pixel perhaps in another order."""
    found = part_of(op)
    if isinstance(found, str):
        raise NotHardware(f"{op.name} {found}", PARTS_MEND)
    image, starts, sizes, steps = zip(*found.axes, strict=True)
    build.emit(SliceUnitOp(build.stream(op.input), image, starts, sizes, steps, order=found.order), op, op.result)


def gather(build: UnitBuilder, op: GatherOp) -> None:
    """Each row or column several times, or a choice of elements."""
    grows = repeats(op) is not None and 0 < op.axis < len(shape_of(op.input)) - 1
    (upsample if grows else part)(build, op)
