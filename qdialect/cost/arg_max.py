# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.arg_max`."""

from __future__ import annotations

from ..dataflow.arg_max import ArgMaxOp
from .latency import arg_max_latency
from .stages import Schedule, evenly
from .unit import UnitCost, ceil_div, ceil_log2, comparison_lut, counter_lut


def stages(op: ArgMaxOp) -> tuple[Schedule, ...]:
    beats = op.input_type.beats
    return (evenly(beats, 1, arg_max_latency(lanes=op.input_type.lanes)),)


def cost(op: ArgMaxOp, lanes: int, _: int) -> UnitCost:
    """Cost with these input lanes instead of the op's own."""
    beats = op.input_type.elements // lanes
    width, index = op.input_type.format.word_length, op.result_type.format.word_length
    lut = ff = 0
    players, level = lanes, 0
    while players > 1:  # a comparison, a multiplexer of code and lane, and registers of all that are left
        lut += players // 2 * (comparison_lut(width) + width + level)
        players, level = ceil_div(players, 2), level + 1
        ff += players * (width + level) + 2
    last = comparison_lut(width) + 3 if beats > 1 else 0
    return UnitCost(
        cycles=beats,
        latency=arg_max_latency(lanes=lanes),
        lut=lut + last + counter_lut(beats) + 3,
        ff=ff + width + index + 2 * ceil_log2(beats) + 2,
    )
