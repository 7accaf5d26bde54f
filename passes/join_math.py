# SPDX-License-Identifier: Apache-2.0
"""Two branches of different scales that meet in a quantiser, as integers: numbers only, no IR, all exact.

`clip(round(sa * a + sb * b + c), lo, hi)` becomes `clip((Ma * a + Mb * b + B) >> n, lo, hi)`, proven for every pair of
codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import floor, lcm

import numpy as np

from ..qdialect.attrs import Array
from ..qdialect.formats import IntRange, Rounding
from ..qdialect.rounding import round_quotient

MAX_PAIRS = 1 << 20  # more take too long to compare
MAX_CHANNEL_PAIRS = 1 << 24  # of all channels
MAX_SHIFT = 40  # with codes below 2^16 no number overflows int64
_MAX_CODE = 1 << 16


@dataclass(frozen=True)
class Join:
    """The exact function of the codes `a` and `b`, and the codes that they can have."""

    slopes: tuple[Fraction, Fraction]
    offset: Fraction
    codes: tuple[IntRange, IntRange]
    clip: IntRange
    rounding: Rounding

    @property
    def num_pairs(self) -> int:
        return (self.codes[0].hi - self.codes[0].lo + 1) * (self.codes[1].hi - self.codes[1].lo + 1)

    def results(self) -> Array:
        """The code of each pair, [a, b], int64."""
        common = lcm(*(number.denominator for number in (*self.slopes, self.offset)))
        a, b = (
            _numbers(codes).astype(object) * int(s * common) for codes, s in zip(self.codes, self.slopes, strict=True)
        )
        exact = np.add.outer(a + int(self.offset * common), b)
        return np.clip(round_quotient(exact, common, self.rounding), self.clip.lo, self.clip.hi).astype(np.int64)


@dataclass(frozen=True)
class IntegerJoin:
    """`(Ma * a + Mb * b + addend) >> shift`."""

    multipliers: tuple[int, int]
    addend: int
    shift: int

    def shifted(self, shift: int) -> IntegerJoin:
        """The same function with a longer shift."""
        up = 1 << (shift - self.shift)
        return IntegerJoin((self.multipliers[0] * up, self.multipliers[1] * up), self.addend * up, shift)


def integer_joins(joins: Sequence[Join], held: IntRange) -> list[IntegerJoin] | None:
    """A form for each channel, all with one shift; None if a channel has none."""
    if sum(join.num_pairs for join in joins) > MAX_CHANNEL_PAIRS:
        return None
    known = dict[Join, IntegerJoin]()
    for join in dict.fromkeys(joins):
        form = integer_join(join, held)
        if form is None:
            return None
        known[join] = form
    shift = max(form.shift for form in known.values())
    return [known[join].shifted(shift) for join in joins]


def integer_join(join: Join, held: IntRange) -> IntegerJoin | None:
    """The form with the smallest shift that, clipped to `held`, gives the code of `join` for every pair of codes.

    None if there is none.
    """
    largest = max(abs(end) for codes in (*join.codes, join.clip) for end in (codes.lo, codes.hi))
    if join.num_pairs > MAX_PAIRS or largest >= _MAX_CODE or max(map(abs, join.slopes)) > 64:
        return None
    wanted = join.results()
    for shift in range(MAX_SHIFT + 1):
        for a, b in product(*(_around(slope * (1 << shift)) for slope in join.slopes)):
            addend = _addend(join.codes, held, wanted, (a, b), shift)
            if addend is not None:
                return IntegerJoin((a, b), addend, shift)
    return None


def _addend(
    codes: tuple[IntRange, IntRange], held: IntRange, wanted: Array, multipliers: tuple[int, int], shift: int
) -> int | None:
    """An integer that makes all codes right with these multipliers; the one with the most trailing zeros."""
    a, b = (_numbers(each) * multiplier for each, multiplier in zip(codes, multipliers, strict=True))
    rest = (wanted << shift) - np.add.outer(a, b)
    above, below = rest[wanted > held.lo], rest[wanted < held.hi]
    least = int(above.max()) if above.size else None
    most = int(below.min()) + (1 << shift) - 1 if below.size else None
    if least is None or most is None:
        return most if least is None and most is not None and most < 0 else max(least or 0, 0)
    return _roundest(least, most) if least <= most else None


def _roundest(least: int, most: int) -> int:
    if least <= 0 <= most:
        return 0
    step = 1
    while -(-least // (2 * step)) * 2 * step <= most:
        step *= 2
    return -(-least // step) * step


def _around(number: Fraction) -> list[int]:
    """The integers next to a number, the nearest first."""
    below = floor(number)
    if number.denominator == 1:
        return [below]
    return [below, below + 1] if number - below <= Fraction(1, 2) else [below + 1, below]


def _numbers(codes: IntRange) -> Array:
    return np.arange(codes.lo, codes.hi + 1, dtype=np.int64)
