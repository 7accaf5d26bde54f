# SPDX-License-Identifier: Apache-2.0
"""Quantiser tails as integer thresholds: numbers only, no IR, all exact.

A *tail* maps an integer code `a` to a code by `clip(round(slope * a + offset), lo, hi) + start`, one row a channel.
Scales, biases, batch norms, ReLU and clips between an accumulator and its quantiser all compose into one tail,
because a clip after an affine map is again an affine map followed by a clip. A tail is monotone, so it equals a count
of thresholds, and each threshold has a closed form for each rounding, ties included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..qdialect.formats import Rounding

Array: TypeAlias = NDArray[Any]

_BEYOND = 1 << 8192  # beyond the codes of any type


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
    table = pull_back(tail, np.repeat(levels[None, :], len(tail.lo), axis=0))
    return _trimmed(np.clip(table, amin[:, None], amax[:, None] + 1), tail.falls, low + tail.start, amin, amax)


def _trimmed(by_level: Array, falls: Array, low: int, amin: Array, amax: Array) -> Thresholds:
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


def pull_back(tail: Tail, levels: Array) -> Array:
    """For each level k [C, B] the least integer a with f(a) >= k (tail rising) or f(a) < k (falling); start is 0.

    Where there is none, or no least one, the result is beyond all codes. A constant tail counts as rising.
    """
    denominator = np.array(
        [a.denominator * b.denominator for a, b in zip(tail.slope, tail.offset, strict=True)], dtype=object
    )
    gain = _column(tail.slope * denominator)
    bound, strict = _crossing(levels, tail.rounding)
    need = bound * denominator[:, None] - 2 * _column(tail.offset * denominator)
    # now f(a) >= k without the clip is: 2 * gain * a >= need, or > need where strict
    twice = np.where(gain == 0, 1, 2 * abs(gain))
    least_true = np.where(strict, need // twice + 1, -(-need // twice))
    first_false = np.where(strict, -(need // twice), -need // twice + 1)
    found = np.where(gain < 0, first_false, least_true)
    flat_reaches = np.where(strict, need < 0, need <= 0).astype(bool)
    always = (levels <= tail.lo[:, None]) | ((gain == 0) & flat_reaches)
    never = (levels > tail.hi[:, None]) | ((gain == 0) & ~always)
    end = (np.where(tail.falls, -1, 1).astype(object) * _BEYOND)[:, None]
    return np.where(never, end, np.where(always, -end, found))


def _column(whole_fractions: Array) -> Array:
    return np.array([[int(value)] for value in whole_fractions], dtype=object)


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
