# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.fifo`."""

from __future__ import annotations

from ..dataflow.fifo import FifoOp
from .latency import fifo_latency
from .stages import Buffer
from .unit import DISTRIBUTED_DELAY, UnitCost, buffer_cost, ceil_log2


def cost(op: FifoOp, lanes: int, _: int) -> UnitCost:
    return fifo_cost(op.input_type.elements // lanes, lanes * op.input_type.format.word_length, op.depth)


def fifo_cost(beats: int, width: int, depth: int) -> UnitCost:
    """Cost of a FIFO of `depth` beats of `width` bits, through which `beats` go each frame."""
    asynchronous = depth <= DISTRIBUTED_DELAY
    memory = buffer_cost(depth, width, False if asynchronous else None)
    level, place = ceil_log2(depth + 1), ceil_log2(depth)
    lut, ff = memory.lut + 5 * level, level + 2 * place
    if not asynchronous:  # a beat that is written as it is read goes round the memory
        lut, ff = lut + width + place, ff + width + 1
    return UnitCost(cycles=beats, latency=fifo_latency(), lut=lut, ff=ff, bram18=memory.bram18, memory_bits=memory.bits)


def stages(op: FifoOp) -> tuple[Buffer, ...]:
    return (Buffer(op.depth, fifo_latency()),)
