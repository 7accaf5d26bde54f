# SPDX-License-Identifier: Apache-2.0
"""What q.slice and q.gather pick of a frame, as rows, columns and channels of an image: pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..qdialect.q import GatherOp, SliceOp
from ..qdialect.types import shape_of

MAX_PIXEL = 4096  # elements that change their order, which are there at once
Axis = tuple[int, int, int, int]  # length, start, size, step
ALL: Axis = (1, 0, 1, 1)


@dataclass(frozen=True)
class Part:
    """Length, start, size and step along rows, columns and channels; `order`: the channels one by one instead."""

    axes: tuple[Axis, Axis, Axis]
    order: tuple[int, ...] | None = None


def part_of(op: SliceOp | GatherOp) -> Part | str:
    """What `op` picks of the elements of a frame in their order, or why there is no unit for it."""
    shape = shape_of(op.input)
    if isinstance(op, GatherOp):
        steps = np.diff(op.indices)
        step = int(steps[0]) if steps.size else 1
        if step < 1 or (steps != step).any():
            return _listed(op, shape)
        axes = [(length, 0, length, 1) for length in shape]
        axes[op.axis] = (shape[op.axis], int(op.indices[0]), len(op.indices), step)
    else:
        axes = [*zip(shape, op.starts, op.sizes, op.steps, strict=True)]
    if any(step < 1 and size > 1 for _, _, size, step in axes):
        return "takes elements backwards"
    merged = _merged(axes)
    if len(merged) > 3:
        return f"takes a part of {len(merged)} axes"
    rows, columns, channels = [ALL] * (3 - len(merged)) + merged
    return Part((rows, columns, channels))


def _listed(op: GatherOp, shape: Sequence[int]) -> Part | str:
    """Elements in another order: those of an axis and all axes behind it are one pixel."""
    pixels, behind = prod(shape[: op.axis]), prod(shape[op.axis + 1 :])
    length, size = shape[op.axis] * behind, len(op.indices) * behind
    if max(length, size) > MAX_PIXEL:
        return f"changes the order of {length} elements, hardware that of up to {MAX_PIXEL}"
    order = op.indices[:, None] * behind + np.arange(behind)
    return Part((ALL, (pixels, 0, pixels, 1), (length, 0, size, 1)), tuple(order.reshape(-1).tolist()))


def _merged(axes: Sequence[Axis]) -> list[Axis]:
    """Fewer axes for the same part: one that is taken whole joins the one in front of it, if that has no steps."""
    found: list[Axis] = []
    for length, start, size, step in axes:
        step = step if size > 1 else 1
        if found and size == length and found[-1][3] == 1:
            before = found.pop()
            found.append((before[0] * length, before[1] * length, before[2] * length, 1))
        elif length > 1:
            found.append((length, start, size, step))
    return found
