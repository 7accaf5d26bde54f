# SPDX-License-Identifier: Apache-2.0
"""Cost and stages of `dataflow.upsample`."""

from __future__ import annotations

from ..dataflow.upsample import UpsampleOp
from .latency import line_buffer_latency
from .line_buffer import LineSchedule, in_blocks, line_buffer_cost, upsample_schedule
from .stages import Schedule, Window, evenly
from .unit import UnitCost


def schedule(op: UpsampleOp, lanes: int) -> LineSchedule:
    height, width, channels = op.image
    return upsample_schedule(height, width, channels // lanes, *op.factors)


def stages(op: UpsampleOp) -> tuple[Window | Schedule, ...]:
    """The memory, and the pipeline that reads it."""
    own = schedule(op, op.input_lanes)
    return own.stage(own.memory_depth(op.result_type.width, in_blocks(op.memory))), evenly(1, 1, line_buffer_latency())


def cost(op: UpsampleOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    bounds = (op.image[2] // lanes, op.factors[1], op.image[1], op.factors[0], op.image[0])
    return line_buffer_cost(
        schedule(op, lanes), lanes * op.input_type.format.word_length, bounds, block=in_blocks(op.memory)
    )
