# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.table`."""

from __future__ import annotations

from math import lcm

import numpy as np

from ..dataflow.table import TableOp
from ..dataflow.weighted_sums import Memory
from ..q.inference import constant_of
from .latency import table_latency
from .stages import Schedule, evenly
from .unit import MemoryCost, UnitCost, bits_of, ceil_log2, columns_cost, counter_lut, exact, table_cost


def stages(op: TableOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, table_latency()),)


def cost(op: TableOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    groups = lcm(op.channels, lanes) // lanes
    table = _tables_cost(op, lanes, groups)
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=table_latency(),
        lut=table.lut + counter_lut(groups) + 1,
        ff=table.ff + ceil_log2(groups) + 1,
        bram18=table.bram18,
        memory_bits=table.bits,
    )


def _tables_cost(op: TableOp, lanes: int, groups: int) -> MemoryCost:
    """Of the tables of all lanes; lanes of the same channels have the same."""
    block = None if op.memory is None else op.memory is Memory.BLOCK
    width, inputs = op.result_type.format.word_length, op.input_type.format.word_length
    plain, constant = table_cost(groups << inputs, width, block), constant_of(op.table)
    if plain.bram18 or constant is None:
        return plain.times(lanes)

    def compute() -> MemoryCost:
        entries = exact(op.entries, width)
        if op.input_type.format.signed:  # in the order of the bits: 0 first
            entries = np.roll(entries, -(entries.shape[1] // 2), axis=1)
        different = min(lanes, op.channels)
        channels = (np.arange(groups) * lanes + np.arange(different)[:, None]) % op.channels
        bits = bits_of(entries[channels].reshape(different, -1), width)
        return columns_cost(bits, block).times(lanes // different)

    return constant.fact(("table", lanes, op.input_type.format.signed, width), compute)
