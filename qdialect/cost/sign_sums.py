# SPDX-License-Identifier: Apache-2.0
"""Sums of inputs times weights of -1, 0 and +1: how the bits of the products are added up, and what that costs.

Such a product is the input, inverted or not, or zero: a *bit* for each bit of the input, of the weight 2^i of that bit.
The bits of all lanes are added up column by column, first in look-up tables together with the product:

- weights of one bit, groups of three lanes: a column of three products is two bits, of six inputs each;
- the same with the parities shared: the sum of three exclusive-ors is the exclusive-or of three inputs, which all
  rows share, and of three weights, which are stored with them. So a row makes the carry alone, and the parities are
  lanes again, until one or two are left: half a bit for each product instead of two thirds;
- weights of two bits (-1, 0 and +1), pairs of lanes: a carry chain adds one product while it makes it.

Then a counter takes six bits of a column to three of the next columns, in three tables, as long as a column has six;
a tree of adders adds the few rows that are left. A counter removes a bit for each table, an adder of two short numbers
hardly any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from ..formats import IntRange
from .latency import TABLE_INPUTS
from .products import SHIFTED_STEPS
from .unit import BRAM18_AREA, table_cost

GROUP = 3  # lanes whose products of one bit a table takes
ROUNDS_A_STAGE = 2  # of parities: an exclusive-or of nine bits between registers
SIGNS = IntRange(-1, 1)

Heights = tuple[int, ...]  # bits in each column


def counters(heights: Sequence[int]) -> Heights:
    """Counters of six bits in each column of one level."""
    return tuple(height // TABLE_INPUTS for height in heights)


def after_counters(heights: Sequence[int]) -> Heights:
    """Bits in each column behind one level of counters."""
    made = counters(heights)
    added = [0] * (len(heights) + 2)
    for column, number in enumerate(made):
        for bit in range(3):
            added[column + bit] += number
    found = [height % TABLE_INPUTS for height in heights] + [0, 0]
    found = [left + new for left, new in zip(found, added, strict=True)]
    while not found[-1]:
        found.pop()
    return tuple(found)


@lru_cache(maxsize=4096)
def addition(heights: Heights) -> tuple[int, int, int]:
    """(LUT, FF, levels) of adding up columns of bits; registers before each level, and of the sum.

    A bit that waits for so many levels that it goes through `SHIFTED_STEPS` registers is kept in a shift register.
    """
    lut, ff, levels = 0, sum(heights), 1
    waited = [0] * len(heights)  # levels for which a column, shorter than a counter, has waited
    while max(heights) >= TABLE_INPUTS:
        made = counters(heights)
        lut += 3 * sum(made)
        waited = [0 if number else steps + 1 for number, steps in zip(made, waited, strict=True)]
        after = after_counters(heights)
        for column, (height, steps) in enumerate(zip(heights, waited, strict=True)):
            if after[column] != height and steps >= SHIFTED_STEPS:
                lut, ff, waited[column] = lut + height, ff - steps * height, 0
        waited += [0] * (len(after) - len(waited))
        heights = after
        ff, levels = ff + sum(heights), levels + 1
    rows = [[column for column, height in enumerate(heights) if height > row] for row in range(max(heights))]
    numbers = [(row[0], row[-1] + 1, 1) for row in rows]  # first column, the one behind the last, registers so far
    while len(numbers) > 1:
        pairs = list(zip(numbers[0::2], numbers[1::2], strict=False))
        lut += sum(max(b, d) - max(a, c) for (a, b, _), (c, d, _) in pairs)
        for a, b, steps in (number for pair in pairs for number in pair):
            if steps >= SHIFTED_STEPS:
                lut, ff = lut + b - a, ff - steps * (b - a)
        sums = [(min(a, c), max(b, d) + 1, 1) for (a, b, _), (c, d, _) in pairs]
        rest = [(a, b, steps + 1) for a, b, steps in numbers[len(sums) * 2 :]]
        numbers = [*sums, *rest]
        ff, levels = ff + sum(end - start for start, end, _ in numbers), levels + 1
    return lut, ff, levels


@dataclass(frozen=True)
class Triples:
    """`number` triples of lanes: `start + i`, `start + number + i` and `start + 2 number + i`."""

    start: int
    number: int


@lru_cache(maxsize=4096)
def parity_rounds(lanes: int) -> tuple[tuple[Triples, ...], range]:
    """The triples of each round, whose parities are new lanes, numbered on; and the one or two lanes left."""
    rounds: list[Triples] = []
    start, end = 0, lanes
    while end - start >= GROUP:
        number = (end - start) // GROUP
        rounds.append(Triples(start, number))
        start, end = start + GROUP * number, end + number
    return tuple(rounds), range(start, end)


@dataclass(frozen=True)
class SignSums:
    """How one unit adds up its products.

    Attributes:
        simd: lanes.
        planes: bits of an input.
        signed, gated: whether a weight has a bit that inverts, and one that lets the input through.
        parities: the rows share parities.
    """

    simd: int
    planes: int
    signed: bool
    gated: bool
    parities: bool = False

    @property
    def weight_bits(self) -> int:
        return self.signed + self.gated

    @property
    def word_width(self) -> int:
        """Bits of the weights of one row in a step."""
        return self.simd * self.weight_bits + (self._triples if self.parities else 0)

    @property
    def preparation(self) -> int:
        """Steps between inputs and products in which the parities are made."""
        return -(-len(parity_rounds(self.simd)[0]) // ROUNDS_A_STAGE) if self.parities else 0

    @property
    def _triples(self) -> int:
        return sum(triples.number for triples in parity_rounds(self.simd)[0])

    @property
    def paired(self) -> bool:
        """Pairs of lanes, the second added as it is made."""
        return self.weight_bits == 2 and self.simd > 1

    @cached_property
    def heights(self) -> Heights:
        """Bits of the products in each column, as the counters take them."""
        if self.paired:
            pairs, single = divmod(self.simd, 2)
            return tuple(
                pairs * (column <= self.planes) + single * (column < self.planes)
                for column in range(self.planes + (pairs > 0))
            )
        low, high = self._group_bits
        columns = [0] * (self.planes + (high > 0))
        for plane in range(self.planes):
            columns[plane] += low
            if high:
                columns[plane + 1] += high
        return tuple(columns)

    @property
    def _group_bits(self) -> tuple[int, int]:
        """Bits that the tables of one plane make in its own column and in the next."""
        if self.parities:
            return 1, self._triples + len(parity_rounds(self.simd)[1]) - 1
        groups, rest = divmod(self.simd, GROUP)
        return groups + (rest > 0), groups + (rest > 1)

    @property
    def levels(self) -> int:
        """Registers from the products to their sum."""
        return addition(self.heights)[2] + self.paired

    @property
    def row_cost(self) -> tuple[int, int]:
        """(LUT, FF) of one row."""
        lut, ff, _ = addition(self.heights)
        if self.paired:
            return lut + self.simd * self.planes, ff + self.simd // 2 * (self.planes + self.weight_bits)
        return lut + self.planes * sum(self._group_bits), ff

    @property
    def shared_cost(self) -> tuple[int, int]:
        """(LUT, FF) of what all rows share."""
        if not self.parities:
            return 0, self.simd // 2 * self.planes if self.paired else 0
        return self.planes * self._triples, self.planes * self.simd * self.preparation


def sign_sums(
    extremes: IntRange, has_zero: bool, *, simd: int, planes: int, pe: int, steps: int, block: bool | None = None
) -> SignSums | None:
    """The cheapest way for weights with these extremes; None if they are not all -1, 0 or +1.

    Args:
        planes: bits of an input.
        steps: rows of the table of weights; `block`: whether it is in block memory, None leaves that to synthesis.
    """
    if extremes not in SIGNS:
        return None
    plain = SignSums(simd, planes, extremes.lo < 0 or not has_zero, has_zero)
    if plain.gated or simd < GROUP:
        return plain

    def area(way: SignSums) -> int:
        table = table_cost(steps, pe * way.word_width, block)
        return pe * way.row_cost[0] + way.shared_cost[0] + table.lut + BRAM18_AREA * table.bram18

    return min(plain, replace(plain, parities=True), key=area)
