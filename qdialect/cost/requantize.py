# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.requantize`."""

from __future__ import annotations

from math import lcm

import numpy as np

from ..attrs import Array
from ..dataflow.requantize import RequantizeOp
from ..formats import IntRange, smallest_fixed
from .latency import requantize_latency
from .stages import Schedule, evenly
from .unit import MemoryCost, UnitCost, bits_of, ceil_log2, columns_cost, counter_lut, product_cost, table_cost


def stages(op: RequantizeOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, cost(op, op.input_lanes, op.input_lanes).latency),)


def cost(op: RequantizeOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    groups = lcm(op.channels, lanes) // lanes
    x, result = op.input_type.format.word_length, op.result_type.format.word_length
    multiplier, addend = _width(op.multiplier_codes), _width(op.addend_codes)
    tables = _tables_cost(op, lanes, groups, multiplier, addend)
    lut, dsp = (0, 0) if _is_wires(op.multiplier_codes) else product_cost(x, multiplier)
    total = 0 if dsp else max(x + multiplier, addend) + 1  # a DSP block has the adder and the registers
    adder = total if groups > 1 or op.addend_codes.any() else 0
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=requantize_latency(channel_groups=groups),
        lut=lanes * (lut + adder + 2 * result + 2) + tables.lut + counter_lut(groups) + 1,  # to round and to clip
        ff=lanes * (2 * total + result) + tables.ff + 2 * ceil_log2(groups) + 3 + (groups > 1),
        dsp=lanes * dsp,
        bram18=tables.bram18,
        memory_bits=tables.bits,
    )


def _tables_cost(op: RequantizeOp, lanes: int, groups: int, *widths: int) -> MemoryCost:
    """Of the tables of multipliers and addends of all lanes."""
    found = MemoryCost()
    for codes, width in zip((op.multiplier_codes, op.addend_codes), widths, strict=True):
        plain = table_cost(groups, width)
        if plain.bram18 or groups == 1:
            found += plain.times(lanes)
            continue
        different = min(lanes, op.channels)
        own = codes[(np.arange(groups) * lanes + np.arange(different)[:, None]) % len(codes)]
        found += columns_cost(bits_of(own, width)).times(lanes // different)
    return found


def _is_wires(multipliers: Array) -> bool:
    """Whether all are one power of two."""
    first = int(multipliers.flat[0])
    return first > 0 and first & (first - 1) == 0 and bool((multipliers == first).all())


def _width(codes: Array) -> int:
    return smallest_fixed(IntRange(int(codes.min()), int(codes.max()))).word_length
