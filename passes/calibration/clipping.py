# SPDX-License-Identifier: Apache-2.0
"""Which range of numbers a format is to hold: all, most of them, or those that make the error least."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ...frontends.precision.specification import Clip
from ...qdialect.attrs import Array
from .histogram import HALF, Histogram

STEPS = 128  # ranges that are tried between a hundredth of the largest number and all of it
DEFAULT_PERCENTILE = Fraction(9999, 100)

Bounds = tuple[float, float]


def clip_range(
    histogram: Histogram, clip: Clip, levels: int, symmetric: bool, percentile: Fraction | None = None
) -> Bounds:
    """Least and greatest number that a format is to hold.

    Args:
        levels: steps between the two.
        symmetric: the bounds are to be -m and m.
        percentile: percent of the numbers to hold, for Clip.PERCENTILE.
    """
    everything = _symmetric((histogram.low, histogram.high), symmetric)
    match clip:
        case Clip.MAX:
            return everything
        case Clip.PERCENTILE:
            return _symmetric(histogram.quantile(float((percentile or DEFAULT_PERCENTILE) / 100)), symmetric)
        case Clip.MSE:
            return _best(everything, lambda bounds: squared_error(histogram, bounds, levels))
        case Clip.KL:
            return _best(everything, lambda bounds: divergence(histogram, bounds, levels))


def _symmetric(bounds: Bounds, symmetric: bool) -> Bounds:
    largest = max(-bounds[0], bounds[1])
    return (-largest, largest) if symmetric else bounds


def _best(everything: Bounds, cost: Callable[[Bounds], float]) -> Bounds:
    """The share of the whole range that costs least; of equal ones the widest."""
    shares = np.linspace(1.0, 0.01, STEPS)
    candidates = [(everything[0] * share, everything[1] * share) for share in shares.tolist()]
    return min(candidates, key=cost)


def squared_error(histogram: Histogram, bounds: Bounds, levels: int) -> float:
    """Sum of squared errors of the counted numbers, rounded to `levels` steps between the bounds."""
    step = (bounds[1] - bounds[0]) / levels
    centres = histogram.centres
    if step <= 0:
        return float((histogram.counts * centres**2).sum())
    codes = np.clip(np.rint(centres / step), np.rint(bounds[0] / step), np.rint(bounds[1] / step))
    inside = (centres >= bounds[0]) & (centres <= bounds[1])
    width = histogram.reach / HALF
    # a step finer than a bin has the error of uniform numbers: step^2 / 12
    error = np.where(inside & (step < width), step * step / 12, (codes * step - centres) ** 2)
    return float((histogram.counts * error).sum())


def divergence(histogram: Histogram, bounds: Bounds, levels: int) -> float:
    """Kullback-Leibler divergence of the clipped histogram from one with `levels` steps (Migacz, 2017)."""
    width = histogram.reach / HALF
    first, last = int(np.floor(bounds[0] / width)) + HALF, int(np.ceil(bounds[1] / width)) + HALF
    first, last = max(first, 0), min(max(last, first + 1), 2 * HALF)
    if last - first <= levels:
        return np.inf  # every bin is a code of its own: there is nothing to compare
    inner = histogram.counts[first:last].astype(np.float64)
    if last > HALF:  # zeros are exact, and may be most numbers
        inner[HALF - first] = np.median(inner[inner > 0]) if inner.any() else 0
    clipped = inner.copy()
    clipped[0] += histogram.counts[:first].sum()
    clipped[-1] += histogram.counts[last:].sum()
    if clipped.sum() == 0:
        return 0.0
    coarse = _coarse(inner, levels + 1)
    used = clipped > 0
    p, q = clipped / clipped.sum(), coarse / max(coarse.sum(), 1e-300)
    return float((p[used] * np.log(p[used] / np.maximum(q[used], 1e-12))).sum())


def _coarse(counts: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """The counts of each of `levels` groups of bins, spread over the bins that are not empty."""
    groups = np.arange(counts.size) * levels // counts.size
    used = (counts > 0).astype(np.float64)
    sums = np.bincount(groups, counts, minlength=levels)
    bins = np.bincount(groups, used, minlength=levels)
    return used * (sums / np.maximum(bins, 1))[groups]


def weight_limits(weights: Array, axis: int | None, levels: int, clip: Clip) -> Array:
    """The largest magnitude to hold, one for each entry along `axis` (with size 1 elsewhere), or one for all.

    Args:
        levels: the largest code; codes are symmetric.
    """
    axes = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(axis=axes, keepdims=True).astype(np.float64)
    if clip is not Clip.MSE:
        return largest
    best, least = largest.copy(), np.full(largest.shape, np.inf)
    for share in np.linspace(1.0, 0.3, 71).tolist():
        step = np.where(largest > 0, largest, 1.0) * share / levels
        codes = np.clip(np.rint(weights / step), -levels, levels)
        error = ((codes * step - weights) ** 2).sum(axis=axes, keepdims=True)
        best = np.where(error < least, largest * share, best)
        least = np.minimum(error, least)
    return best
