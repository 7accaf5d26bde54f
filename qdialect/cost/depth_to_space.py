# SPDX-License-Identifier: Apache-2.0
"""Cost and stages of `dataflow.depth_to_space`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..dataflow.depth_to_space import DepthToSpaceOp
from .latency import line_buffer_latency
from .line_buffer import LineSchedule, in_blocks, line_buffer_cost
from .stages import Schedule, Window, evenly
from .unit import UnitCost


@lru_cache(maxsize=1024)
def depth_to_space_schedule(height: int, width: int, beats: int, row_factor: int) -> LineSchedule:
    """Of an image whose pixels are `row_factor` parts of `beats` beats: part i of each goes to a row of its own.

    The order of the elements within a part is that of the pixels of a row, so a part counts as one pixel.
    """
    parts = np.arange(height * width * row_factor).reshape(height, width, row_factor)
    order = parts.swapaxes(1, 2).reshape(height * row_factor, width)
    need = np.maximum.accumulate(order.reshape(-1) + 1).reshape(order.shape)
    later = np.append(order.reshape(-1)[1:], parts.size)
    release = np.minimum.accumulate(later[::-1])[::-1].reshape(order.shape)
    return LineSchedule(parts.size * beats, beats, need * beats, release * beats)


def schedule(op: DepthToSpaceOp, lanes: int) -> LineSchedule:
    height, width, channels = op.image
    return depth_to_space_schedule(height, width, channels // op.factors[0] // lanes, op.factors[0])


def stages(op: DepthToSpaceOp) -> tuple[Window | Schedule, ...]:
    """The memory, and the pipeline that reads it."""
    own = schedule(op, op.input_lanes)
    return own.stage(own.memory_depth(op.result_type.width, in_blocks(op.memory))), evenly(1, 1, line_buffer_latency())


def cost(op: DepthToSpaceOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    bounds = (op.image[2] // op.factors[0] // lanes, op.image[1], op.factors[0], op.image[0])
    return line_buffer_cost(
        schedule(op, lanes), lanes * op.input_type.format.word_length, bounds, block=in_blocks(op.memory)
    )
