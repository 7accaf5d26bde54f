# SPDX-License-Identifier: Apache-2.0
"""Two branches of different scales that meet in a quantiser, as integers: numbers only, no IR, all exact.

`clip(round(sa * a + sb * b + c), lo, hi)` becomes `clip((Ma * a + Mb * b + B) >> n, lo, hi)`, proven for every pair of
codes: by trying them all where they are few, which finds the least n, else from the distances of the exact sums to
the next place where the result changes, whose least is found without going through the pairs.
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
from ..qdialect.rounding import round_fraction, round_quotient

MAX_PAIRS = 1 << 17  # more take too long to try
MAX_CHANNEL_PAIRS = 1 << 23  # of all channels
MAX_SHIFT = 40  # with codes below 2^16 no number overflows int64
MAX_PROVEN_SHIFT = 72
MAX_CODES = 1 << 12  # of the branch with fewer codes, where pairs are not tried
_MAX_CODE = 1 << 16
_NEAREST = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN)


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
        return _count(self.codes[0]) * _count(self.codes[1])

    @property
    def denominator(self) -> int:
        """The least common one of all constants."""
        return lcm(*(number.denominator for number in (*self.slopes, self.offset)))

    def results(self) -> Array:
        """The code of each pair, [a, b], int64."""
        common = self.denominator
        a, b = (
            _numbers(codes).astype(object) * int(s * common) for codes, s in zip(self.codes, self.slopes, strict=True)
        )
        exact = np.add.outer(a + int(self.offset * common), b)
        return np.clip(round_quotient(exact, common, self.rounding), self.clip.lo, self.clip.hi).astype(np.int64)

    def is_held(self, held: IntRange) -> bool:
        """Whether the results, not clipped, become the right codes by clipping to `held`."""
        ends = [
            sorted(s * end for end in (codes.lo, codes.hi)) for s, codes in zip(self.slopes, self.codes, strict=True)
        ]
        sums = [round_fraction(a + b + self.offset, self.rounding) for a, b in zip(*ends, strict=True)]
        return all(min(max(code, held.lo), held.hi) == min(max(code, self.clip.lo), self.clip.hi) for code in sums)


@dataclass(frozen=True)
class IntegerJoin:
    """`(Ma * a + Mb * b + addend) / 2^shift`, rounded."""

    multipliers: tuple[int, int]
    addend: int
    shift: int
    rounding: Rounding = Rounding.FLOOR

    def shifted(self, shift: int) -> IntegerJoin:
        """The same function with a longer shift."""
        up = 1 << (shift - self.shift)
        multipliers = (self.multipliers[0] * up, self.multipliers[1] * up)
        return IntegerJoin(multipliers, self.addend * up, shift, self.rounding)


def integer_joins(joins: Sequence[Join], held: IntRange) -> list[IntegerJoin] | None:
    """A form for each channel, all with one shift and rounding; None if a channel has none."""
    distinct = list(dict.fromkeys(joins))
    found = [integer_join(join, held, sum(each.num_pairs for each in distinct)) for join in distinct]
    if any(form is None for form in found):
        found = [_same_rounding(join, held) for join in distinct]
    known = {join: form for join, form in zip(distinct, found, strict=True) if form is not None}
    if len(known) < len(distinct):
        return None
    shift = max(form.shift for form in known.values())
    return [known[join].shifted(shift) for join in joins]


def integer_join(join: Join, held: IntRange, all_pairs: int = 0) -> IntegerJoin | None:
    """The floor that, clipped to `held`, gives the code of `join` for every pair of codes; None if none is found.

    Its shift is the least one if there are few pairs; `all_pairs`: those of all channels.
    """
    largest = max(abs(end) for codes in (*join.codes, join.clip) for end in (codes.lo, codes.hi))
    fits = largest < _MAX_CODE and max(map(abs, join.slopes)) <= 64 and join.num_pairs <= MAX_PAIRS
    if fits and all_pairs <= MAX_CHANNEL_PAIRS:
        return _tried(join, held)
    proven = _proven(join) if join.is_held(held) else None
    return _tried(join, held) if proven is None and fits else proven


def _tried(join: Join, held: IntRange) -> IntegerJoin | None:
    wanted = join.results()
    for shift in range(MAX_SHIFT + 1):
        for a, b in product(*(_around(slope * (1 << shift)) for slope in join.slopes)):
            addend = _addend(join.codes, held, wanted, (a, b), shift)
            if addend is not None:
                return IntegerJoin((a, b), addend, shift)
    return None


def _same_rounding(join: Join, held: IntRange) -> IntegerJoin | None:
    """The constants as they are, rounded as they were, if they are multiples of a power of two."""
    common = join.denominator
    if common.bit_count() != 1 or common.bit_length() > MAX_PROVEN_SHIFT or not join.is_held(held):
        return None
    a, b, addend = (int(number * common) for number in (*join.slopes, join.offset))
    return IntegerJoin((a, b), addend, common.bit_length() - 1, join.rounding)


def _proven(join: Join) -> IntegerJoin | None:
    """A floor that is right for all pairs since it errs by less than the exact sums are away from the next result.

    The results are `(A a + B b + C) // M`; the distances are the remainders of these quotients.
    """
    if min(map(_count, join.codes)) > MAX_CODES:
        return None
    common, half = join.denominator, join.rounding in _NEAREST
    if not half and join.rounding not in (Rounding.FLOOR, Rounding.CEIL):
        return None
    modulus = 2 * common if half else common
    factors = [int(slope * modulus) for slope in join.slopes]
    term = int(join.offset * modulus) + (common if half else 0)
    term += common - 1 if join.rounding is Rounding.CEIL else 0
    least, most = _remainders(factors, term, modulus, join.codes)
    if half and least == 0:  # a tie, of which floor rounds all up
        return None
    for shift in range(MAX_PROVEN_SHIFT + 1):
        scaled = (Fraction(factor << shift, modulus) for factor in factors)
        for pair in product(*map(_around, scaled)):
            errors = [m * modulus - (factor << shift) for m, factor in zip(pair, factors, strict=True)]
            ends = [sorted((e * c.lo, e * c.hi)) for e, c in zip(errors, join.codes, strict=True)]
            low, high = (sum(each) for each in zip(*ends, strict=True))
            lowest = -(-(((term - least) << shift) - low) // modulus)
            highest = -(-(((term + modulus - most) << shift) - high) // modulus) - 1
            if lowest <= highest:
                return IntegerJoin((pair[0], pair[1]), _roundest(lowest, highest), shift)
    return None


def _remainders(factors: Sequence[int], term: int, modulus: int, codes: tuple[IntRange, IntRange]) -> tuple[int, int]:
    """Least and greatest of `(factors[0] a + factors[1] b + term) mod modulus` for all pairs of codes."""
    few, many = (0, 1) if _count(codes[0]) <= _count(codes[1]) else (1, 0)
    step, count, start = factors[many], _count(codes[many]), term + factors[many] * codes[many].lo
    least, most = modulus, -1
    for code in range(codes[few].lo, codes[few].hi + 1):
        first = factors[few] * code + start
        least = min(least, least_remainder(step, first, modulus, count))
        most = max(most, modulus - 1 - least_remainder(-step, -first - 1, modulus, count))
    return least, most


def least_remainder(step: int, first: int, modulus: int, count: int) -> int:
    """The least of `(first + step * i) mod modulus` for 0 <= i < count, in as many steps as the modulus has bits."""
    best = modulus
    while True:
        step, first = step % modulus, first % modulus
        if 2 * step > modulus:  # the same numbers, from the last to the first
            first, step = (first + step * (count - 1)) % modulus, modulus - step
        best = min(best, first)
        wraps = (first + step * (count - 1)) // modulus
        if not step or not wraps:
            return best
        # the numbers below `step`: one behind each time that the sequence passes the modulus
        step, first, modulus, count = -modulus, first - modulus, step, wraps


def _count(codes: IntRange) -> int:
    return codes.hi - codes.lo + 1


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
