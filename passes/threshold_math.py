# SPDX-License-Identifier: Apache-2.0
"""Quantiser tails as integer thresholds: numbers only, no IR, all exact.

A *tail* maps an integer code `a` to a code by `clip(round(slope * a + offset), lo, hi) + start`, one row a channel.
Scales, biases, batch norms, ReLU and clips between an accumulator and its quantiser all compose into one tail,
because a clip after an affine map is again an affine map followed by a clip. A tail is monotone, so it equals a count
of thresholds, and each threshold has a closed form for each rounding, ties included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..qdialect.formats import Rounding

Array: TypeAlias = NDArray[Any]

_ENCLOSED_BITS = 60  # of the fixed-point numbers that enclose a threshold


@dataclass(frozen=True)
class Tail:
    """`clip(round(slope * a + offset), lo, hi) + start` for each of C channels.

    `slope`, `offset`: object arrays [C] of Fractions; `lo`, `hi`: object arrays [C] of ints. A bipolar quantiser
    (x >= 0 gives +1) is the tail with `FLOOR`, lo = -1, hi = 0: its code 0 stands for +1.
    """

    slope: Array
    offset: Array
    lo: Array
    hi: Array
    rounding: Rounding
    start: int = 0

    @property
    def falls(self) -> Array:
        """Flags [C]: the tail is a falling function."""
        return np.array([slope < 0 for slope in self.slope], dtype=bool)


@dataclass(frozen=True)
class Thresholds:
    """`base + #{k : a >= table[c, k]}`, or `base + B - count` in channels where `descending[c]`; rows ascend.

    Entries lie in [amin, amax + 1]: amin fires for every reachable code, amax + 1 for none.
    """

    table: Array  # [C, B] object, ints
    descending: Array  # [C] bool
    base: int


def tail_thresholds(tail: Tail, amin: Array, amax: Array) -> Thresholds:
    """The thresholds of a tail on codes in [amin[c], amax[c]] (object arrays [C]).

    Those that fire always, or never, in every channel are folded into `base` or dropped; at least one is kept.
    """
    low, high = int(tail.lo.min()), int(tail.hi.max())
    if low == high and low + tail.start > 0:  # a constant: its one useless threshold stays on the side of zero
        low -= 1
    levels = np.array(range(low + 1, max(high, low + 1) + 1), dtype=object)
    table = pull_back(tail, levels, amin, amax)
    return trimmed(table, tail.falls, low + tail.start, amin, amax)


def trimmed(by_level: Array, falls: Array, low: int, amin: Array, amax: Array) -> Thresholds:
    """Thresholds from a table in order of levels (rows of falling channels descend), useless columns dropped."""
    first_reached, last_reached = by_level <= amin[:, None], by_level > amax[:, None]  # where rows rise: always, never
    levels = by_level.shape[1]
    first = int(np.where(falls[:, None], last_reached, first_reached).all(axis=0).sum())
    stop = levels - int(np.where(falls[:, None], first_reached, last_reached).all(axis=0).sum())
    if first >= stop:  # a constant
        first = min(first, levels - 1)
        stop = first + 1
    kept = by_level[:, first:stop]
    return Thresholds(np.where(falls[:, None], kept[:, ::-1], kept), falls, low + first)


def pull_back(tail: Tail, levels: Array, amin: Array, amax: Array) -> Array:
    """[C, B]: for each level k the least a in [amin, amax + 1] with f(a) >= k (rising) or f(a) < k (falling).

    Where there is none the result is amax + 1. A constant tail counts as rising; start is 0.
    """
    bound, strict = _crossing(levels, tail.rounding)  # f(a) >= k without the clip: 2 (slope a + offset) >= bound
    flat = np.array([slope == 0 for slope in tail.slope], dtype=bool)[:, None]
    falls = tail.falls[:, None]
    twice = 2 * tail.offset[:, None]
    flat_reaches = np.where(strict, twice > bound, twice >= bound).astype(bool) if flat.any() else np.False_
    always = (levels <= tail.lo[:, None]).astype(bool) | (flat & flat_reaches)
    never = (levels > tail.hi[:, None]).astype(bool) | (flat & ~always)
    # f(a) >= k: a is at least, for falling tails at most, `gain * bound + shift`
    slopes = [slope or Fraction(1) for slope in tail.slope]
    gain = [1 / (2 * slope) for slope in slopes]
    shift = [-offset / slope for slope, offset in zip(slopes, tail.offset, strict=True)]
    found = _codes_from(gain, shift, bound, strict != falls, ~(always | never))
    table = np.where(always, np.where(falls, amax[:, None] + 1, amin[:, None]), found)
    table = np.where(never, np.where(falls, amin[:, None], amax[:, None] + 1), table)
    return np.clip(table, amin[:, None], amax[:, None] + 1)


def _codes_from(
    gain: Sequence[Fraction], shift: Sequence[Fraction], bound: Array, after: Array, needed: Array
) -> Array:
    """The least integer of at least x, or more than x where `after`, for x = gain[c] * bound[b] + shift[c]; [C, B].

    Most are found in int64, from fixed-point numbers that enclose x; the others, and only where `needed`, in rationals.
    """
    largest = max(abs(int(bound.min())), abs(int(bound.max())), 1)
    table = np.zeros(needed.shape, dtype=object)
    unsure = needed.copy()
    sizes = [int(abs(factor) * largest + abs(term)).bit_length() for factor, term in zip(gain, shift, strict=True)]
    rows = [row for row, size in enumerate(sizes) if size < _ENCLOSED_BITS and largest < 1 << 40]
    if rows:
        bits = [_ENCLOSED_BITS - sizes[row] for row in rows]
        low, high = _enclosures([gain[row] for row in rows], [shift[row] for row in rows], bits, bound.astype(np.int64))
        places = np.array(bits)[:, None]
        first, last = (np.where(after[rows], (x >> places) + 1, -(-x >> places)) for x in (low, high))
        table[rows] = first
        unsure[rows] &= first != last
    for row, column in np.argwhere(unsure).tolist():
        x = gain[row] * int(bound[column]) + shift[row]
        table[row, column] = floor(x) + 1 if after[row, column] else ceil(x)
    return table


def _enclosures(
    gain: Sequence[Fraction], shift: Sequence[Fraction], bits: Sequence[int], bound: Array
) -> tuple[Array, Array]:
    """Integers [C, B] around (gain[c] * bound[b] + shift[c]) * 2^bits[c]; they are that number where they are equal."""
    factors, terms = (_floors(numbers, bits) for numbers in (gain, shift))
    low = factors[0] * bound + terms[0]
    rest = factors[1] * bound
    return low + np.minimum(rest, 0), low + np.maximum(rest, 0) + terms[1]


def _floors(numbers: Sequence[Fraction], bits: Sequence[int]) -> Array:
    """Columns [2, C, 1]: the integer below `numbers * 2^bits`, and 1 where there is a rest."""
    pairs = [
        divmod(number.numerator << places, number.denominator) for number, places in zip(numbers, bits, strict=True)
    ]
    return np.array([[whole for whole, _ in pairs], [int(rest > 0) for _, rest in pairs]], dtype=np.int64)[..., None]


def _crossing(levels: Array, rounding: Rounding) -> tuple[Array, Array]:
    """(h, strict) for integers k: round(y) >= k exactly if 2 y >= h, or 2 y > h where strict."""
    match rounding:
        case Rounding.FLOOR:
            strict = np.zeros(levels.shape, dtype=bool)
        case Rounding.CEIL:
            strict = np.ones(levels.shape, dtype=bool)
        case Rounding.UP | Rounding.HALF_DOWN:
            strict = (levels >= 1).astype(bool)
        case Rounding.DOWN | Rounding.HALF_UP:
            strict = (levels < 1).astype(bool)
        case Rounding.HALF_EVEN:
            strict = (levels % 2 == 1).astype(bool)
    if rounding in (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN):
        return 2 * levels - 1, strict
    return 2 * levels - 2 * strict.astype(object), strict
