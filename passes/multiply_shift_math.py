# SPDX-License-Identifier: Apache-2.0
"""Thresholds as `clip((M * a + B) >> n)`, proven equal for every reachable code: numbers only, no IR, all exact.

Each threshold says of two neighbouring inputs on which side of a code they fall: at T_k the value is at least k, at
T_k - 1 it is below k. So the graph of `(M * a + B) / 2^n` is a line above some points and below others. Such a line
with slope s exists exactly if s lies in one open interval of rationals, found by Newton's method on a convex function;
the smallest n is the first with a multiple of 2^-n inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from .threshold_math import Array, Thresholds

MAX_SHIFT = 64  # a finer slope than 2^-64 is no hardware worth having
Points = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class MultiplyShift:
    """`clip((multiplier[c] * a + addend[c]) >> shift)`, object arrays [C] of ints."""

    multiplier: Array
    addend: Array
    shift: int


def floor_form(thresholds: Thresholds, lo: int, hi: int, amin: Array, amax: Array) -> MultiplyShift | None:
    """The form with the smallest shift that gives, clipped to [lo, hi], what `thresholds` give on [amin[c], amax[c]].

    `lo`, `hi` are codes that the thresholds do not pass. None if there is no such form.
    """
    channels = [
        _points(row, bool(falls), thresholds.base, (lo, hi), (int(low), int(high)))
        for row, falls, low, high in zip(thresholds.table, thresholds.descending, amin, amax, strict=True)
    ]
    intervals = [slope_interval(above, below) for above, below in channels]
    slopes = [None if interval is None else _simplest_dyadic(*interval) for interval in intervals]
    if any(slope is None for slope in slopes):
        return None
    shift = max(slope.denominator.bit_length() - 1 for slope in slopes if slope is not None)
    multiplier, addend = list[int](), list[int]()
    for slope, (above, below), falls in zip(slopes, channels, thresholds.descending, strict=True):
        assert slope is not None
        gain = int(slope * (1 << shift))
        least = max((k << shift) - gain * x for x, k in above) if above else None
        most = min((k << shift) - 1 - gain * x for x, k in below) if below else None
        multiplier.append(-gain if falls else gain)
        addend.append(_roundest(least, most))
    return MultiplyShift(np.array(multiplier, dtype=object), np.array(addend, dtype=object), shift)


def _points(
    row: Array, falls: bool, base: int, clip: tuple[int, int], reachable: tuple[int, int]
) -> tuple[Points, Points]:
    """Points (x, k): at those in the first list the value is at least k, in the second below k; x = -a if falling."""
    low, high = reachable
    if falls:  # code >= k exactly if a < T, so x = -a >= 1 - T
        row, low, high = 1 - row[::-1], -high, -low
    above, below = list[tuple[int, int]](), list[tuple[int, int]]()
    start = base + sum(1 for value in row if value <= low)
    end = base + sum(1 for value in row if value <= high)
    if start > clip[0]:
        above.append((low, start))
    if end < clip[1]:
        below.append((high, end + 1))
    for index, value in enumerate(row):
        if low < value <= high:
            above.append((int(value), base + index + 1))
            below.append((int(value) - 1, base + index + 1))
    return above, below


def slope_interval(above: Points, below: Points) -> tuple[Fraction, Fraction | None] | None:
    """The open interval of slopes s >= 0 with which a line `s x + b` is >= k at `above` and < k at `below`.

    A lower end of -1 says that s = 0 will do, an upper end of None that there is no upper bound; None: no such slope.
    """
    if not above or not below:
        return Fraction(-1), None
    lower = Fraction(0)
    gap, step = _gap(lower, above, below, 1)
    if gap < 0:
        return Fraction(-1), None
    while gap > 0:
        if step <= 0:
            return None
        lower += gap / step
        gap, step = _gap(lower, above, below, 1)
    first, last = min(above, key=lambda p: (p[0], -p[1])), max(below, key=lambda p: (p[0], -p[1]))
    if first[0] >= last[0]:
        return lower, None
    upper = Fraction(last[1] - first[1], last[0] - first[0])
    gap, step = _gap(upper, above, below, -1)
    while gap > 0:
        if step >= 0:
            return None
        upper += gap / step
        gap, step = _gap(upper, above, below, -1)
    return (lower, upper) if lower < upper else None


def _gap(slope: Fraction, above: Points, below: Points, side: int) -> tuple[Fraction, int]:
    """g(s) = max of k - s x over `above` minus min of k - s x over `below`: a line of slope s exists where g < 0.

    Also minus the derivative of g, which is convex: to the right (`side` = 1) or to the left (-1) of s.
    """
    p, q = slope.numerator, slope.denominator
    top, x_top = max((k * q - p * x, -side * x) for x, k in above)
    bottom, x_bottom = min((k * q - p * x, -side * x) for x, k in below)
    return Fraction(top - bottom, q), side * (x_bottom - x_top)


def _simplest_dyadic(lower: Fraction, upper: Fraction | None) -> Fraction | None:
    """The multiple of 2^-n, n least, strictly between the bounds; 0 if it is, else the least positive one."""
    for shift in range(MAX_SHIFT + 1):
        multiple = max(floor(lower * (1 << shift)) + 1, 0)
        if upper is None or multiple < upper * (1 << shift):
            return Fraction(multiple, 1 << shift)
    return None


def _roundest(least: int | None, most: int | None) -> int:
    """The integer of [least, most] with the most trailing zeros (0 if it is inside)."""
    if least is None or most is None:
        return most if least is None and most is not None and most < 0 else max(least or 0, 0)
    if least <= 0 <= most:
        return 0
    step = 1
    while -(-least // (2 * step)) * 2 * step <= most:
        step *= 2
    return -(-least // step) * step
