# SPDX-License-Identifier: Apache-2.0
"""Functions of one number as a slope times the number, and a range of what is missing: clipping, rounding, thresholds.

A slope depends on constants alone, never on the range of the number, unless the function is exact for that range: so
narrower ranges never give wider results, and what is proven of a network holds for the hardware made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..qdialect.formats import Rounding
from ..qdialect.reference.values import common_scale
from ..qdialect.rounding import INT64_LIMIT, as_integers, magnitude, round_quotient
from . import interval
from .interval import Array, Interval

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Sloped:
    """`slope * x + error`: a known slope and a range of errors, of shapes that broadcast to that of x."""

    slope: Interval
    error: Interval


def clipped(x: Interval, low: Interval, high: Interval) -> Sloped:
    """`min(max(x, low), high)` with known ends: exact where x stays within or without, else of slope 1/2."""
    return _clipped(*interval.aligned(x, x, low, high))


def rounded(x: Interval, low: Interval, high: Interval, quantum: Fraction, rounding: Rounding) -> Sloped:
    """A number rounded to a multiple of `quantum`, then clipped to known ends, which are such multiples."""
    whole = in_steps(x, quantum, rounding)
    found = _clipped(*interval.aligned(x, whole, low, high))
    below, above = rounding_error(x.scale, quantum, rounding)
    counts = found.slope.lo != 0  # a constant is not rounded
    least, most = (as_integers(np.where(counts, np.array(end, dtype=object), 0)) for end in (below, above))
    error = Interval(least, most, common_scale(x.scale, quantum))
    return Sloped(found.slope, interval.add(found.error, error))


def in_steps(x: Interval, quantum: Fraction, rounding: Rounding) -> Interval:
    """A number rounded to a multiple of `quantum`."""
    ratio = x.scale / quantum
    scaled = interval.rescaled(x, x.scale / ratio.numerator)
    lo, hi = (round_quotient(end, ratio.denominator, rounding) for end in (scaled.lo, scaled.hi))
    return Interval(np.asarray(lo), np.asarray(hi), quantum)


def _clipped(x: Interval, reached: Interval, low: Interval, high: Interval) -> Sloped:
    """`reached` becomes of x in front of the clipping: the same, or rounded. All in one unit."""
    lo, hi, least, most, a, b = _wide(x.lo, x.hi, reached.lo, reached.hi, low.lo, high.lo)
    inside, outside = (least >= a) & (most <= b), (most <= a) | (least >= b)
    twice = np.where(inside, 2, np.where(outside, 0, 1))
    points = (lo, hi, np.clip(a, lo, hi), np.clip(b, lo, hi))
    errors = [2 * np.clip(point, a, b) - point for point in points]
    constant = np.where(inside, 0, 2 * np.clip(least, a, b))
    known = inside | outside
    lows, highs = (np.where(known, constant, end.reduce(errors)) for end in (np.minimum, np.maximum))
    return Sloped(interval.points(twice, HALF), Interval(lows, highs, x.scale / 2))


def rounding_error(scale: Fraction, quantum: Fraction, rounding: Rounding) -> tuple[int, int]:
    """Ends of `round(x) - x` for multiples x of `scale`, in units of their common scale."""
    most = int(quantum / common_scale(scale, quantum)) - 1
    match rounding:
        case Rounding.FLOOR:
            return -most, 0
        case Rounding.CEIL:
            return 0, most
        case Rounding.UP | Rounding.DOWN:
            return -most, most
        case _:
            return -((most + 1) // 2), (most + 1) // 2


def counted(lo: Array, hi: Array, thresholds: Array, falls: Array, base: int, step: int) -> Sloped:
    """`base + step * #{k : x >= T[c][k]}` for integers x from lo to hi, or what is not counted where `falls`.

    lo, hi, falls: [C]; thresholds [C, B], rising. The slope is that of the line through the first and the last.
    """
    spans = [int(row[-1]) - int(row[0]) for row in thresholds]
    shift = max(span.bit_length() for span in spans) + 4
    slopes, lows, highs = list[int](), list[int](), list[int]()
    for least, most, row, span, fall in zip(lo, hi, thresholds, spans, falls, strict=True):
        slope = (step * (len(row) - 1) << shift) // span * (-1 if fall else 1) if span else 0
        ends = row.astype(object)
        places = np.unique(np.clip(np.concatenate([ends, ends - 1, [int(least), int(most)]]), int(least), int(most)))
        reached = np.searchsorted(ends, places, side="right").astype(object)
        codes = base + step * (len(row) - reached if fall else reached)
        errors = (codes << shift) - slope * places
        slopes.append(slope)
        lows.append(min(errors))
        highs.append(max(errors))
    unit = Fraction(1, 1 << shift)
    found = [as_integers(np.array(numbers, dtype=object)) for numbers in (slopes, lows, highs)]
    return Sloped(interval.points(found[0], unit), Interval(found[1], found[2], unit))


def _wide(*arrays: Array) -> list[Array]:
    """The arrays in a dtype in which four times their numbers do not overflow."""
    small = all(magnitude(array) * 4 < INT64_LIMIT for array in arrays)
    return [array.astype(np.int64 if small else object, copy=False) for array in arrays]
