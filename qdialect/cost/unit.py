# SPDX-License-Identifier: Apache-2.0
"""What a unit costs, and the estimates that several units share.

Cycles, latency and memory bits are exact. LUT, FF, DSP and BRAM are estimates for six-input look-up tables, 18-kbit
memories and wide multipliers (AMD 7 series and later), to compare foldings with and to answer a budget. They follow
what Yosys builds, as `backends/synthesis.py` counts it: an adder is one look-up table for each bit that both numbers
have (the carries are cells of their own), a counter up hardly any, a register with reset and enable one for each.
What cannot be derived is fitted to the sweep of benchmarks/unit_area.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from ..attrs import Array
from ..formats import IntegerFormat
from .latency import TABLE_INPUTS

# A product whose factors have together at least so many bits goes to a DSP block (yosys synth_xilinx).
DSP_PRODUCT_WIDTH = 9
# Bits of the factors of a DSP block, signs included, the lesser first; and of a part of a factor that is wider.
DSP_FACTOR_WIDTHS = (18, 25)
DSP_PART_WIDTH = 17
# Bits of an 18-kbit memory; where nothing else is asked for, a memory that fills half of those it needs goes there.
BRAM18_BITS = 18 * 1024
BRAM18_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
# Rows of a table of constants that a look-up table holds for each bit.
TABLE_ROWS = 1 << TABLE_INPUTS
SMALL_REST = 16
PART = np.dtype(np.uint64)  # so many rows of a column
LONGEST_INT64 = 62
WHOLE = {0, (1 << TABLE_ROWS) - 1}  # constant parts
# Of so many rows and fewer, some columns of a table are alike.
DIFFERENT_ROWS = 12
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

    def instead(self, own: UnitCost, other: UnitCost) -> UnitCost:
        """The cost of several units with `other` in place of `own`, which takes as many cycles."""
        names = [field.name for field in fields(self) if field.name != "cycles"]
        changed = {name: getattr(self, name) - getattr(own, name) + getattr(other, name) for name in names}
        return replace(self, **changed)

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

    def __add__(self, other: MemoryCost) -> MemoryCost:
        return MemoryCost(self.lut + other.lut, self.ff + other.ff, self.bram18 + other.bram18, self.bits + other.bits)

    def times(self, number: int) -> MemoryCost:
        return MemoryCost(number * self.lut, number * self.ff, number * self.bram18, number * self.bits)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def ceil_log2(number: int) -> int:
    """Least n with 2^n >= number, for number >= 1."""
    return (number - 1).bit_length()


def bram18(depth: int, width: int) -> int:
    """18-kbit memories of a table: the fewest of one shape."""
    return min(ceil_div(depth, rows) * ceil_div(width, bits) for rows, bits in BRAM18_SHAPES)


def table_cost(depth: int, width: int, block: bool | None = None) -> MemoryCost:
    """A constant table read with a clock; `block` None leaves the choice to synthesis. One row is plain wires.

    The bits of a row are taken for random ones; of few rows, columns are alike and share a register.
    """
    if depth <= 1:
        return MemoryCost()
    if block is None:
        block = _fills_blocks(depth, width)
    if block:
        return MemoryCost(bram18=bram18(depth, width), bits=depth * width)
    columns = _different_columns(depth, width)
    return MemoryCost(lut=round(columns * function_lut(depth)), ff=columns, bits=depth * width)


@lru_cache(maxsize=4096)
def _different_columns(depth: int, width: int) -> int:
    """How many of `width` random columns differ, constant ones left out: as many kinds as bits of `depth` rows."""
    if depth > DIFFERENT_ROWS:
        return width
    kinds = 1 << depth
    if width > 16 * kinds:
        return kinds - 2
    missed = (kinds - 1) ** width * kinds // kinds**width  # kinds that do not occur, expected
    return max(1, (kinds - missed) * (kinds - 2) // kinds)


@lru_cache(maxsize=4096)
def function_lut(depth: int) -> Fraction:
    """Look-up tables of a random function of a row number below `depth`: one for up to 64 rows.

    Beyond, abc makes 15 for each 8 that would hold the truth table; of 4, joined by one multiplexer, 6. A rest of up to
    16 rows goes into that multiplexer. Fitted to tables of random bits.
    """
    full, rest = divmod(depth, TABLE_ROWS)
    if full == 0 or depth == TABLE_ROWS:
        return Fraction(1)
    small = 0 < rest <= SMALL_REST
    tables = full + (rest > SMALL_REST)
    return {1: Fraction(1), 4: Fraction(25, 4)}.get(tables, Fraction(15 * tables, 8)) + small


def columns_cost(tables: Array, block: bool | None = None) -> MemoryCost:
    """`table_cost` of tables whose bits [tables, depth, width] are known.

    Equal columns of a table share a register, and one that is a bit of the row number needs no look-up table; a column
    whose parts of 64 rows are alike or constant takes fewer.
    """
    number, depth, width = tables.shape
    plain = table_cost(depth, width, block)
    if plain.bram18 or depth <= 1:
        return plain.times(number)
    packed = np.packbits(tables.astype(bool), axis=1, bitorder="little").swapaxes(1, 2)  # [tables, width, bytes]
    packed = np.pad(packed, ((0, 0), (0, 0), (0, -packed.shape[2] % PART.itemsize)))
    parts = np.ascontiguousarray(packed).view(PART).reshape(number * width, -1).tolist()
    columns = list(map(tuple, parts))
    wires, constant = _wires(depth), {_column(0, depth), _column((1 << depth) - 1, depth)}
    lut, ff, kinds = 0, 0, Counter[int]()
    for start in range(0, number * width, width):
        different = set(columns[start : start + width]) - constant
        ff += len(different)
        if depth <= TABLE_ROWS:
            lut += len(different - wires)
        else:
            kinds.update(len(set(column) - WHOLE) for column in different)
    lut += round(sum(_long_column_lut(kind, depth) * times for kind, times in kinds.items()))
    return MemoryCost(lut=lut, ff=ff, bits=number * depth * width)


def exact(codes: Array, width: int) -> Array:
    """The codes as integers on which sums of `width` bits do not overflow."""
    return codes.astype(object if width > LONGEST_INT64 else np.int64)


def bits_of(codes: Array, width: int) -> Array:
    """The `width` bits of each of many numbers, as a last axis, in two's complement."""
    return codes[..., None] >> np.arange(width, dtype=np.uint8) & 1  # unsigned: no type holds uint64 and int64


def _column(bits: int, depth: int) -> tuple[int, ...]:
    """A column of so many rows in parts of 64, row 0 lowest."""
    return tuple(bits >> start & (1 << TABLE_ROWS) - 1 for start in range(0, depth, TABLE_ROWS))


@lru_cache(maxsize=1024)
def _wires(depth: int) -> frozenset[tuple[int, ...]]:
    """The columns that are a bit of the row number."""
    places = range(ceil_log2(depth))
    return frozenset(_column(sum((row >> place & 1) << row for row in range(depth)), depth) for place in places)


@lru_cache(maxsize=4096)
def _long_column_lut(different: int, depth: int) -> Fraction:
    """Look-up tables of a column of more than 64 rows with so many different parts that are not constant."""
    return min(function_lut(depth), function_lut(max(1, different) * TABLE_ROWS))


def buffer_cost(depth: int, width: int, block: bool | None = None) -> MemoryCost:
    """A buffer that is written and read, in distributed memory (two 32-row columns a look-up table) or blocks.

    `block` None leaves the choice to synthesis.
    """
    if block is None:
        block = _prefers_blocks(depth, width)
    if block:
        return MemoryCost(bram18=bram18(depth, width), bits=depth * width)
    cells, banks = _distributed_cells(depth, width)
    lut = 4 * cells + (banks > 1) * (banks + width * ceil_div(banks - 1, 3))
    return MemoryCost(lut=lut, bits=depth * width)


def _distributed_cells(depth: int, width: int) -> tuple[int, int]:
    """(cells, banks) of a distributed memory: cells of four look-up tables hold 32 rows of 6 bits or 64 of 3."""
    low, high = ceil_div(depth, 32), ceil_div(depth, 64)
    return min((low * ceil_div(width, 6), low), (high * ceil_div(width, 3), high))


def _fills_blocks(depth: int, width: int) -> bool:
    return 2 * depth * width >= bram18(depth, width) * BRAM18_BITS


def _prefers_blocks(depth: int, width: int) -> bool:
    """What Yosys chooses for a buffer: a block weighs 129, a full cell of four look-up tables 8, an empty one 1.

    Half a point is added for each bit of a bank beyond the first: its multiplexer.
    """
    cells, banks = _distributed_cells(depth, width)
    filled = min(2 * ceil_div(depth, 64), ceil_div(depth, 32)) * width  # sixths of a cell
    return 6 * (2 * cells + (banks - 1) * width) + 14 * filled > 12 * 129 * bram18(depth, width)


def counter_lut(bound: int) -> int:
    """A counter of `bound` states: of few bits a look-up table each, else lowest bit, enable, reset and comparison."""
    bits = ceil_log2(bound)
    return bits if bits < 3 else 3 + ceil_div(max(bits - 4, 0), 5)


def comparison_lut(width: int, other: int | None = None) -> int:
    """Comparing two variables: each carry takes six bits of both, one table for equal and one for greater.

    `other`: bits of the second that differ from each other.
    """
    return 2 * ceil_div(width + (width if other is None else other), TABLE_INPUTS)


@dataclass(frozen=True)
class Product:
    """One product of two variables.

    Attributes:
        width: its bits. lut, dsp: what makes it. ff: of a register behind it, as far as DSP blocks do not hold it.
    """

    width: int
    lut: int = 0
    dsp: int = 0
    ff: int = 0


def product_cost(a: IntegerFormat, b: IntegerFormat) -> Product:
    """One product of two variables: of gates, or of one DSP block for each pair of parts of the factors.

    Blocks that cut one factor add up among themselves, and but for the last leave the low bits of their sums in
    registers outside. Where both factors are cut, the sums of such chains are added outside.
    """
    widths = a.word_length, b.word_length
    width = sum(widths)
    if min(widths) <= 1:
        return Product(width, max(widths), 0, width)
    if width < DSP_PRODUCT_WIDTH:
        return Product(width, a.word_length * b.word_length, 0, width)
    factors = sorted(format_.word_length + (not format_.code_range.signed) for format_ in (a, b))
    columns, rows = (_dsp_parts(*pair) for pair in zip(factors, DSP_FACTOR_WIDTHS, strict=True))
    if rows > 1 and columns > 1:
        return Product(width, (rows - 1) * (width - DSP_PART_WIDTH), rows * columns, width)
    return Product(width, 0, rows * columns, (rows * columns - 1) * DSP_PART_WIDTH)


def _dsp_parts(width: int, largest: int) -> int:
    """Parts of a factor: the uppermost up to the width of the block, the others without a sign."""
    return 1 + ceil_div(max(width - largest, 0), DSP_PART_WIDTH)


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
    place, clocked = ceil_log2(steps), steps > DISTRIBUTED_DELAY
    memory = buffer_cost(steps, width, None if clocked else False)
    ff = place + (width if clocked and not memory.bram18 else 0)  # a block has the register of what is read
    return MemoryCost(memory.lut + (2 * place if clocked else place // 2), ff, memory.bram18, memory.bits)
