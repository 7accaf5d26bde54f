# SPDX-License-Identifier: Apache-2.0
"""Thresholds as `clip((M * a + B) >> n)`, proven equal for every reachable code: numbers only, no IR, all exact.

Each threshold says of two neighbouring inputs on which side of a code they fall: at T_k the value is at least k, at
T_k - 1 it is below k. So the graph of `(M * a + B) / 2^n` is a line above some points and below others. Such a line
with slope s exists exactly if s lies in one open interval of rationals, found by Newton's method on a convex function;
the smallest n is the first with a multiple of 2^-n inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from .threshold_math import Array, Thresholds

MAX_SHIFT = 64  # a finer slope than 2^-64 is no hardware worth having

Part: TypeAlias = tuple[Thresholds, Array, Array]  # of some channels; their least and greatest input codes

_SMALL_INPUT, _SMALL_CODE = 1 << 40, 1 << 20  # with points below these no product of `_gap` overflows int64
_SMALL_GAIN, _SMALL_SHIFT = 1 << 22, 40  # with these no product of `_rests` does


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
    channels = list(_channels([(thresholds, amin, amax)], (lo, hi)))
    return _joint_form(lambda: channels)


def floor_form_of_parts(parts: Callable[[], Iterable[Part]], lo: int, hi: int) -> MultiplyShift | None:
    """`floor_form` of channels of which some are in memory at a time; each call of `parts` gives them all in turn."""
    return _joint_form(lambda: _channels(parts(), (lo, hi)))


def _channels(parts: Iterable[Part], clip: tuple[int, int]) -> Iterator[tuple[Array, Array, bool]]:
    """The points of each channel (see `_points`), and whether it falls."""
    for thresholds, amin, amax in parts:
        rows = zip(thresholds.table, thresholds.descending, amin, amax, strict=True)
        for row, falls, low, high in rows:
            yield *_points(row, bool(falls), thresholds.base, clip, (int(low), int(high))), bool(falls)


def _joint_form(channels: Callable[[], Iterable[tuple[Array, Array, bool]]]) -> MultiplyShift | None:
    """A slope and an addend for each channel, and the shift that all share."""
    slopes = list[Fraction]()
    for above, below, _ in channels():
        interval = slope_interval(above, below)
        slope = None if interval is None else _simplest_dyadic(*interval)
        if slope is None:
            return None
        slopes.append(slope)
    shift = max(slope.denominator.bit_length() - 1 for slope in slopes)
    multiplier, addend = list[int](), list[int]()
    for slope, (above, below, falls) in zip(slopes, channels(), strict=True):
        gain = int(slope * (1 << shift))
        least, most = _rests(above, gain, shift), _rests(below, gain, shift)
        multiplier.append(-gain if falls else gain)
        addend.append(_roundest(int(least.max()) if least.size else None, int(most.min()) - 1 if most.size else None))
    return MultiplyShift(np.array(multiplier, dtype=object), np.array(addend, dtype=object), shift)


def _rests(points: Array, gain: int, shift: int) -> Array:
    """`k * 2^shift - gain * x` of each point (x, k)."""
    if shift > _SMALL_SHIFT or gain >= _SMALL_GAIN:
        points = points.astype(object)
    return (points[1] << shift) - gain * points[0]


def _points(
    row: Array, falls: bool, base: int, clip: tuple[int, int], reachable: tuple[int, int]
) -> tuple[Array, Array]:
    """Points, rows x and k: at the first ones the value is at least k, at the second below k; x = -a if falling."""
    low, high = reachable
    if falls:  # code >= k exactly if a < T, so x = -a >= 1 - T
        row, low, high = 1 - row[::-1], -high, -low
    inside = ((low < row) & (row <= high)).astype(bool)
    x, codes = row[inside], np.arange(base + 1, base + 1 + len(row))[inside]
    above, below = np.stack([x, codes]), np.stack([x - 1, codes])
    least, most = base + int((row <= low).sum()), base + int((row <= high).sum())
    if least > clip[0]:
        above = np.concatenate([[[low], [least]], above], axis=1)
    if most < clip[1]:
        below = np.concatenate([below, [[high], [most + 1]]], axis=1)
    small = max(-low, high, 0) < _SMALL_INPUT and max(-least, most) < _SMALL_CODE
    dtype = np.int64 if small else object
    return above.astype(dtype), below.astype(dtype)


def slope_interval(above: Array, below: Array) -> tuple[Fraction, Fraction | None] | None:
    """The open interval of slopes s >= 0 with which a line `s x + b` is >= k at `above` and < k at `below`.

    Points are columns (x, k), x ascending. A lower end of -1 says that s = 0 will do, an upper end of None that there
    is no upper bound; None: no such slope.
    """
    if not above.size or not below.size:
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
    upper = _steepest(above, below)
    if upper is None:
        return lower, None
    gap, step = _gap(upper, above, below, -1)
    while gap > 0:
        if step >= 0:
            return None
        upper += gap / step
        gap, step = _gap(upper, above, below, -1)
    return (lower, upper) if lower < upper else None


def _steepest(above: Array, below: Array) -> Fraction | None:
    """An upper bound of the slopes, from the outermost points; None if there is none."""
    first, last = int(above[0, 0]), int(below[0, -1])
    if first >= last:
        return None
    rise = int(below[1][below[0] == last].min()) - int(above[1][above[0] == first].max())
    return Fraction(rise, last - first)


def _gap(slope: Fraction, above: Array, below: Array, side: int) -> tuple[Fraction, int]:
    """g(s) = max of k - s x over `above` minus min of k - s x over `below`: a line of slope s exists where g < 0.

    Also minus the derivative of g, which is convex: to the right (`side` = 1) or to the left (-1) of s.
    """
    p, q = slope.numerator, slope.denominator
    over, under = above[1] * q - above[0] * p, below[1] * q - below[0] * p
    top, bottom = over.max(), under.min()
    x_top, x_bottom = side * above[0][over == top], side * below[0][under == bottom]
    return Fraction(int(top) - int(bottom), q), side * int(x_top.min() - x_bottom.max())


def _simplest_dyadic(lower: Fraction, upper: Fraction | None) -> Fraction | None:
    """The multiple of 2^-n, n least, strictly between the bounds; 0 if it is, else the least positive one."""
    for shift in range(MAX_SHIFT + 1):
        multiple = max((lower.numerator << shift) // lower.denominator + 1, 0)
        if upper is None or multiple * upper.denominator < upper.numerator << shift:
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
