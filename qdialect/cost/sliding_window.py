# SPDX-License-Identifier: Apache-2.0
"""Cost and stages of `dataflow.sliding_window`."""

from __future__ import annotations

from ..dataflow.sliding_window import SlidingWindowOp
from ..dataflow.weighted_sums import Memory
from .latency import line_buffer_latency
from .line_buffer import LineSchedule, line_buffer_cost, window_schedule
from .stages import Schedule, Window, evenly
from .unit import UnitCost


def schedule(op: SlidingWindowOp, lanes: int) -> LineSchedule:
    height, width, channels = op.image
    return window_schedule(height, width, channels // lanes, op.window)


def stages(op: SlidingWindowOp) -> tuple[Window | Schedule, ...]:
    """The memory, and the pipeline that reads it."""
    own = schedule(op, op.input_lanes)
    return own.stage(own.memory_depth(op.result_type.width)), evenly(1, 1, line_buffer_latency())


def cost(op: SlidingWindowOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    block = None if op.memory is None else op.memory is Memory.BLOCK
    bounds = (op.image[2] // lanes, *op.window.kernel, *op.positions)
    pads = [op.window.low[axis] + op.window.high[axis] for axis in (0, 1)]
    padded = [size + pad for size, pad in zip(op.image, pads, strict=False) if pad]
    width = lanes * op.input_type.format.word_length
    return line_buffer_cost(schedule(op, lanes), width, bounds, padded=padded, block=block)
