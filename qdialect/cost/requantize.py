# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.requantize`."""

from __future__ import annotations

from collections import Counter
from math import gcd, lcm

import numpy as np

from ..attrs import Array
from ..dataflow.requantize import RequantizeOp
from ..formats import IntRange, Rounding, smallest_fixed
from .latency import requantize_latency
from .stages import Schedule, evenly
from .unit import (
    MemoryCost,
    Product,
    UnitCost,
    bits_of,
    ceil_div,
    ceil_log2,
    columns_cost,
    counter_lut,
    product_cost,
    table_cost,
)

# What is cut off is compared with a half, a look-up table for each 5 bits, two of which clip as well.
ROUNDED_BITS = 5
CLIP_SHARES = 2


def stages(op: RequantizeOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, cost(op, op.input_lanes, op.input_lanes).latency),)


def cost(op: RequantizeOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    groups = lcm(op.channels, lanes) // lanes
    tables = _tables_cost(op, lanes, groups, _width(op.multiplier_codes), _width(op.addend_codes))
    paths = _paths_cost(op, lanes, groups)
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=requantize_latency(channel_groups=groups),
        lut=paths.lut + tables.lut + counter_lut(groups) + 1,
        ff=paths.ff + tables.ff + 2 * ceil_log2(groups) + 3 + (groups > 1),
        dsp=paths.dsp,
        bram18=tables.bram18,
        memory_bits=tables.bits,
    )


def _paths_cost(op: RequantizeOp, lanes: int, groups: int) -> UnitCost:
    """LUT, FF and DSP from input to result of all lanes."""
    multipliers, addends = op.multiplier_codes, op.addend_codes
    if groups > 1:
        return _times(_path_cost(op, multipliers, addends), lanes)
    own = np.arange(lanes)  # constants of one row are wires
    pairs = Counter(zip(multipliers[own % len(multipliers)], addends[own % len(addends)], strict=True))
    total = UnitCost()
    for pair, times in pairs.items():
        total += _times(_path_cost(op, *(np.array([code], object) for code in pair)), times)
    return total


def _times(cost: UnitCost, number: int) -> UnitCost:
    return UnitCost(lut=number * cost.lut, ff=number * cost.ff, dsp=number * cost.dsp)


def _path_cost(op: RequantizeOp, multipliers: Array, addends: Array) -> UnitCost:
    """Of one lane, from input to result, with these constants.

    One DSP block holds the adder and all registers, unless zeros stand behind its product. Else the adder is outside:
    a look-up table for each bit that is not 0 in all addends, or in the only one; of the only one, each 1. What is
    rounded down drops the bits below, and those of the product that nothing is added to.
    """
    result, zeros = op.result_type.format.word_length, _zeros(multipliers) if _is_one(multipliers) else 0
    product = _product(op, multipliers >> zeros)
    floor, adds = op.rounding is Rounding.FLOOR, bool(addends.any())
    lut = product.lut + 2 * result + (0 if floor else max(0, ceil_div(op.shift - 1, ROUNDED_BITS) - CLIP_SHARES))
    if product.dsp == 1 and not (zeros and adds):
        return UnitCost(lut=lut, ff=result, dsp=1)
    width = product.width + zeros
    total = max(width, _width(addends)) + 1 if adds else width
    idle = _zeros(addends) if adds else 0  # bits that are only passed on
    if adds:
        lut += _ones(addends >> zeros, total - zeros) if _is_one(addends) else total - max(zeros, idle)
    lost = max(0, idle - zeros) if floor and adds else 0
    kept = max(0, total - max(zeros, op.shift if floor else 0))
    return UnitCost(lut=lut, ff=result + max(0, product.ff - lost) + kept, dsp=product.dsp)


def _product(op: RequantizeOp, multipliers: Array) -> Product:
    x = op.input_type.format
    if _is_one(multipliers) and multipliers[0] == 1:
        return Product(x.word_length, ff=x.word_length)
    return product_cost(x, smallest_fixed(IntRange(int(multipliers.min()), int(multipliers.max()))))


def _is_one(codes: Array) -> bool:
    """Whether all codes are the same."""
    return bool((codes == codes[0]).all())


def _zeros(codes: Array) -> int:
    """Low bits that are 0 in all codes."""
    bits = gcd(*(int(code) for code in codes))
    return max((bits & -bits).bit_length() - 1, 0)


def _ones(codes: Array, width: int) -> int:
    """Bits of the only code, in two's complement, that are 1."""
    return (int(codes[0]) & (1 << width) - 1).bit_count()


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


def _width(codes: Array) -> int:
    return smallest_fixed(IntRange(int(codes.min()), int(codes.max()))).word_length
