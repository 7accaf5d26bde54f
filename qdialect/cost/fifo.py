# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.fifo`."""

from __future__ import annotations

from ..dataflow.fifo import FifoOp
from .latency import fifo_latency
from .stages import Buffer
from .unit import UnitCost, buffer_cost, ceil_log2


def cost(op: FifoOp, lanes: int, _: int) -> UnitCost:
    return fifo_cost(op.input_type.elements // lanes, lanes * op.input_type.format.word_length, op.depth)


def fifo_cost(beats: int, width: int, depth: int) -> UnitCost:
    """Cost of a FIFO of `depth` beats of `width` bits, through which `beats` go each frame."""
    memory = buffer_cost(depth, width)
    pointers = 3 * ceil_log2(depth + 1)
    return UnitCost(
        cycles=beats,
        latency=fifo_latency(),
        lut=memory.lut + pointers,
        ff=pointers,
        bram18=memory.bram18,
        memory_bits=memory.bits,
    )


def stages(op: FifoOp) -> tuple[Buffer, ...]:
    return (Buffer(op.depth, fifo_latency()),)
