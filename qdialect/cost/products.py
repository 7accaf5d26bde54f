# SPDX-License-Identifier: Apache-2.0
"""What it costs to multiply inputs by weights beyond -1, 0 and +1 and to add the products up, as the hardware does it.

A lane, or a group of few, makes a *term*, an unsigned number: a look-up table of whole products, the weight or zero,
input times one or two digits of -2 .. 2, or a product of a DSP block. Each other lane may be *late*: its input and
weight are registered instead, and the look-up tables of the adder that joins it to its neighbour make its digits. So a
late lane costs no more than the addition, and a tree is half as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from ..formats import BipolarFormat, FixedFormat, IntegerFormat, IntRange, smallest_fixed
from .latency import TABLE_INPUTS, lanes_per_table
from .unit import ceil_div, product_cost

DIGIT_WEIGHT_WIDTH = 4  # weights of up to this word length are multiplied digit by digit, two bits a digit
SHIFTED_STEPS = 3  # a number that goes through so many registers unchanged is kept in shift registers, a table a bit


@dataclass(frozen=True)
class Digit:
    """A part of a product: where it is added, and the largest number that it is."""

    shift: int
    maximum: int

    @property
    def bits(self) -> int:
        return self.maximum.bit_length()


@dataclass(frozen=True)
class Lanes:
    """How the lanes of a data path are multiplied.

    Attributes:
        digits: of a term. group: lanes that make a term. late: whether each other lane is late.
        lut, dsp: of a term, if it is not made of digits.
    """

    digits: tuple[Digit, ...]
    group: int = 1
    late: bool = False
    lut: int | None = None
    dsp: int = 0

    def accumulated(self, total: int) -> tuple[int, int]:
        """(largest sum, LUT) of adding the digits of a late lane to a number up to `total`."""
        lut = 0
        for digit in self.digits:
            total += (digit.maximum + 1) << digit.shift
            lut += digit.bits
        return total, lut

    @property
    def term(self) -> tuple[int, int]:
        """(largest, LUT) of a term that is not late: its first digit on wires, the others added."""
        first, *others = self.digits
        total = first.maximum
        for digit in others:
            total += (digit.maximum + 1) << digit.shift
        lut = sum(digit.bits for digit in self.digits) if self.lut is None else self.lut
        return total, lut


def _encoded(range_: IntRange) -> int:
    """Largest of the unsigned numbers that stand for a range, the sign bit inverted."""
    return range_.hi + (1 << (range_.word_length - 1) if range_.signed else 0)


@lru_cache(maxsize=4096)
def lanes_of(input_format: IntegerFormat, weight_format: IntegerFormat, stored: int, codes: tuple[int, ...]) -> Lanes:
    """The data path for weights with these codes, of `stored` bits each; `weight_format` is the declared one."""
    width = input_format.word_length
    if width + stored <= TABLE_INPUTS:
        group = lanes_per_table(width, weight_format.word_length)
        largest = group * _largest_in_table(input_format, codes)
        return Lanes((Digit(0, largest),), group, group == 1 and width + stored < TABLE_INPUTS)
    if isinstance(input_format, BipolarFormat):
        return Lanes((Digit(0, _encoded(IntRange(min(*codes, 0), max(*codes, 0)))),))
    x = input_format.code_range
    if stored <= DIGIT_WEIGHT_WIDTH and isinstance(input_format, FixedFormat):
        return Lanes(tuple(_digits(x, stored, codes)), late=True)
    corners = [code * end for code in (codes[0], codes[-1]) for end in (x.lo, x.hi)]
    own = product_cost(input_format, smallest_fixed(IntRange(codes[0], codes[-1])))
    terms = (Digit(0, _encoded(IntRange(min(corners), max(corners)))),)
    return Lanes(terms, lut=own.lut + (own.dsp > 0), dsp=own.dsp)


def _largest_in_table(input_format: IntegerFormat, codes: Sequence[int]) -> int:
    x = input_format.code_range
    inputs = (-1, 1) if isinstance(input_format, BipolarFormat) else range(x.lo, x.hi + 1)
    products = [code * number for code in codes for number in inputs]
    least = min(products)
    step = gcd(*(number - least for number in products)) or 1
    return (max(products) - least) // (step & -step)


def _digits(x: IntRange, stored: int, codes: Sequence[int]) -> list[Digit]:
    """Radix-4 digits of -2 .. 2 times the input; a negative one is inverted."""
    found: list[Digit] = []
    for place in range(ceil_div(stored, 2)):
        values: list[int] = []
        for bits in {(code << 1 >> 2 * place) & 7 for code in codes}:
            digit = (bits & 1) + (bits >> 1 & 1) - 2 * (bits >> 2)
            values += [digit * end - (bits >> 2) for end in (x.lo, x.hi)]
        found.append(Digit(2 * place, _encoded(IntRange(min(values), max(values)))))
    return found


@dataclass(frozen=True)
class SumCost:
    """LUT and FF of one row, FF that all rows share, DSP of one row."""

    lut: int
    ff: int
    shared_ff: int = 0
    dsp: int = 0


@lru_cache(maxsize=1 << 14)
def sum_cost(lanes: Lanes, simd: int, input_width: int, stored: int) -> SumCost:
    """The terms of `simd` lanes and the tree that adds them, registers before each level and of the sum."""
    number = ceil_div(simd, lanes.group)
    late = number // 2 if lanes.late else 0
    largest, term_lut = lanes.term
    numbers = [_Number(largest)] * (number - late)
    lut, ff = term_lut * len(numbers), late * stored
    while True:
        ff += sum(number.bits for number in numbers)
        numbers = [_Number(number.largest, number.steps + 1) for number in numbers]
        if late:
            sums = [lanes.accumulated(number.largest) for number in numbers[:late]]
            lut += sum(digits for _, digits in sums)
            numbers, late = [*(_Number(total) for total, _ in sums), *numbers[late:]], 0
        elif len(numbers) > 1:
            more, fewer, numbers = _pairs(numbers)
            lut, ff = lut + more, ff - fewer
        else:
            return SumCost(lut, ff, (number // 2 if lanes.late else 0) * input_width, lanes.dsp * number)


@dataclass(frozen=True)
class _Number:
    """Its largest value, and the registers that it went through unchanged."""

    largest: int
    steps: int = 0

    @property
    def bits(self) -> int:
        return self.largest.bit_length()


def _pairs(numbers: list[_Number]) -> tuple[int, int, list[_Number]]:
    """(LUT, FF saved by shift registers, numbers) of adding pairs; an odd number goes through."""
    lut = saved = 0
    sums: list[_Number] = []
    for a, b in zip(numbers[0::2], numbers[1::2], strict=False):
        lut += min(a.bits, b.bits)
        sums.append(_Number(a.largest + b.largest))
        if b.steps >= SHIFTED_STEPS:  # only the last number waits
            lut, saved = lut + b.bits, saved + b.steps * b.bits
    return lut, saved, [*sums, *numbers[len(sums) * 2 :]]
