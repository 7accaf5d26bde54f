# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.table`."""

from __future__ import annotations

from math import lcm

from ..dataflow.table import TableOp
from ..dataflow.weighted_sums import Memory
from .latency import table_latency
from .stages import Schedule, evenly
from .unit import UnitCost, counter_lut, table_cost


def stages(op: TableOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, table_latency()),)


def cost(op: TableOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    groups = lcm(op.channels, lanes) // lanes
    block = None if op.memory is None else op.memory is Memory.BLOCK
    width = op.result_type.format.word_length
    table = table_cost(groups << op.input_type.format.word_length, width, block)
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=table_latency(),
        lut=lanes * table.lut + counter_lut(groups) + 2,
        ff=lanes * table.ff + counter_lut(groups) // 2 + 1,
        bram18=lanes * table.bram18,
        memory_bits=lanes * table.bits,
    )
