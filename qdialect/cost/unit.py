# SPDX-License-Identifier: Apache-2.0
"""What a unit costs, and the estimates that several units share.

Cycles, latency and memory bits are exact. LUT, FF, DSP and BRAM are estimates for six-input look-up tables, 18-kbit
memories and wide multipliers (AMD 7 series and later), to compare foldings with and to answer a budget. They were
fitted to what `backends/synthesis.py` counts: most units are within a third.
"""

from __future__ import annotations

from dataclasses import dataclass

# A product whose factors have together at least so many bits goes to a DSP block (yosys synth_xilinx).
DSP_PRODUCT_WIDTH = 9
# Bits of an 18-kbit memory; where nothing else is asked for, a memory that fills half of those it needs goes there.
BRAM18_BITS = 18 * 1024
# What a DSP block and an 18-kbit memory weigh against look-up tables: about their ratio on mid-range devices.
DSP_AREA = 100
BRAM18_AREA = 100


@dataclass(frozen=True)
class UnitCost:
    """Cost of one unit, or of several.

    Attributes:
        cycles: busy cycles a frame: the initiation interval of the unit alone (of several: the largest).
        latency: cycles from the step that makes an output beat to the beat offered (of several: the sum).
        lut, ff, dsp, bram18: estimated resources.
        memory_bits: bits of constants and buffers kept in memories.
    """

    cycles: int = 0
    latency: int = 0
    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    memory_bits: int = 0

    def __add__(self, other: UnitCost) -> UnitCost:
        return UnitCost(
            max(self.cycles, other.cycles),
            self.latency + other.latency,
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram18 + other.bram18,
            self.memory_bits + other.memory_bits,
        )

    @property
    def area(self) -> int:
        """One number to minimise, in look-up tables."""
        return self.lut + DSP_AREA * self.dsp + BRAM18_AREA * self.bram18


@dataclass(frozen=True)
class MemoryCost:
    """Resources of one memory."""

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    bits: int = 0


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def ceil_log2(number: int) -> int:
    """Least n with 2^n >= number, for number >= 1."""
    return (number - 1).bit_length()


def bram18(depth: int, width: int) -> int:
    """18-kbit memories of a table (FINN-R, 2018)."""
    for widest, rows in ((1, 16384), (2, 8192), (4, 4096), (9, 2048)):
        if width <= widest:
            return ceil_div(depth, rows)
    if width <= 18 or depth > 512:
        return ceil_div(depth, 1024) * ceil_div(width, 18)
    return ceil_div(depth, 512) * ceil_div(width, 36)


def table_cost(depth: int, width: int, block: bool | None = None) -> MemoryCost:
    """A constant table read with a clock; `block` None leaves the choice to synthesis. One row is plain wires."""
    if depth <= 1:
        return MemoryCost()
    if block is None:
        block = _fills_blocks(depth, width)
    if block:
        return MemoryCost(bram18=bram18(depth, width), bits=depth * width)
    columns = min(width, (1 << depth) - 2) if depth < 16 else width  # of few rows, as many differ
    tables = ceil_div(depth, 64)
    return MemoryCost(lut=columns * (tables if tables == 1 else 3 * tables // 2), ff=columns, bits=depth * width)


def buffer_cost(depth: int, width: int, block: bool | None = None) -> MemoryCost:
    """A buffer that is written and read, in distributed memory (two 32-row columns a look-up table) or blocks.

    `block` None leaves the choice to synthesis.
    """
    if block is None:
        block = _prefers_blocks(depth, width)
    if block:
        return MemoryCost(bram18=bram18(depth, width), bits=depth * width)
    return MemoryCost(lut=ceil_div(depth, 32) * ceil_div(width, 2) + 2 * ceil_log2(max(depth, 2)), bits=depth * width)


def _fills_blocks(depth: int, width: int) -> bool:
    return 2 * depth * width >= bram18(depth, width) * BRAM18_BITS


def _prefers_blocks(depth: int, width: int) -> bool:
    """What Yosys chooses for a buffer: a block weighs 16 times as much as 4 look-up tables of 64 x 3 or 32 x 6 bits."""
    sixths = min(2 * ceil_div(depth, 64), ceil_div(depth, 32)) * width
    return sixths > 6 * 16 * bram18(depth, width)


def counter_lut(bound: int) -> int:
    """A counter of `bound` states with its comparison."""
    return 0 if bound <= 1 else 2 * ceil_log2(bound)


def product_cost(a_width: int, b_width: int) -> tuple[int, int]:
    """(LUT, DSP) of one product of two variables."""
    if min(a_width, b_width) <= 1:
        return max(a_width, b_width), 0
    if a_width + b_width < DSP_PRODUCT_WIDTH:
        return a_width * b_width, 0
    return 0, ceil_div(min(a_width, b_width), 18) * ceil_div(max(a_width, b_width), 25)


def adder_tree(terms: int, width: int) -> tuple[int, int]:
    """(LUT, FF) of a tree that adds `terms` numbers of `width` bits, every level registered, the first numbers too."""
    lut, ff = 0, terms * width
    while terms > 1:
        lut += terms // 2 * width
        width += 1
        terms = ceil_div(terms, 2)
        ff += terms * width
    return lut, ff


# A delay of up to so many steps is distributed memory, read without a clock.
DISTRIBUTED_DELAY = 64


def delay_cost(steps: int, width: int) -> MemoryCost:
    """A number of `width` bits kept for some steps: plain registers for one, else a memory that is walked through."""
    if steps <= 1:
        return MemoryCost(ff=steps * width)
    place = ceil_log2(steps)
    memory = buffer_cost(steps, width, False if steps <= DISTRIBUTED_DELAY else None)
    if memory.bram18:
        return MemoryCost(2 * place, place, memory.bram18, memory.bits)
    quads = min(ceil_div(steps, 64) * ceil_div(width, 3), ceil_div(steps, 32) * ceil_div(width, 6))
    return MemoryCost(4 * quads + place // 2, place, 0, memory.bits)
