# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.fifo`."""

from __future__ import annotations

from ..dataflow.fifo import FifoOp
from .latency import fifo_latency
from .timing import Buffer
from .unit import UnitCost, buffer_cost, ceil_log2


def cost(op: FifoOp) -> UnitCost:
    memory = buffer_cost(op.depth, op.input_type.width)
    pointers = 3 * ceil_log2(op.depth + 1)
    return UnitCost(
        cycles=op.input_type.beats,
        latency=fifo_latency(),
        lut=memory.lut + pointers,
        ff=pointers,
        bram18=memory.bram18,
        memory_bits=memory.bits,
    )


def stages(op: FifoOp) -> tuple[Buffer, ...]:
    return (Buffer(op.depth, fifo_latency()),)
