# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.slice`."""

from __future__ import annotations

from math import prod

import numpy as np

from ..dataflow.slice import SliceOp
from .latency import slice_latency
from .stages import Schedule
from .unit import UnitCost, ceil_log2, counter_lut


def stages(op: SliceOp) -> tuple[Schedule, ...]:
    """Each step takes a beat, those of the part make one; a round ends where the outermost counter does."""
    kept = np.array([True])
    for axis in op.axes(op.input_lanes, op.result_type.lanes):
        places = np.zeros(axis.length, bool)
        places[axis.start : axis.start + axis.size * axis.step : axis.step] = True
        kept = (places[:, None] & kept).reshape(-1)
    return (Schedule(len(kept), (range(len(kept)),), np.flatnonzero(kept).tolist(), slice_latency()),)


def cost(op: SliceOp, taken: int, made: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    axes = op.axes(taken, made)
    bounds = [bound for axis in axes for bound in (axis.length, axis.step)]
    width = made * op.result_type.format.word_length
    return UnitCost(
        cycles=prod(op.image) // taken,
        latency=slice_latency(),
        lut=sum(counter_lut(bound) for bound in bounds) + 2 * len(axes) + 2,  # and two bounds of each axis
        ff=width + sum(ceil_log2(bound) for bound in bounds) + 1,
    )
