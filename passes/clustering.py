# SPDX-License-Identifier: Apache-2.0
"""Clusters of numbers on a line: the least weighted inertia for every number of clusters. Numbers only.

The inertia of a clustering is `sum over values of weight * (value - centre)^2`. The best clusters of numbers on a line
are intervals of the sorted values, which dynamic programming finds (Ckmeans.1d.dp, Wang and Song 2011). Centres may be
bound to a grid: the best centre of an interval is then the multiple of the quantum nearest to its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

DENSE = 2048  # up to so many different values the costs of all intervals are kept as a matrix
EXACT = 1 << 17  # up to so many different values clusters are exact; above, k-means from quantiles


@dataclass(frozen=True)
class Grid:
    """The multiples of `quantum` from `low` to `high`: what a centre can be."""

    quantum: int
    low: int
    high: int

    def nearest(self, means: Array) -> Array:
        """The number of the grid nearest to each mean, as float64."""
        bounds = (-(-self.low // self.quantum), self.high // self.quantum)
        return np.clip(np.rint(means / self.quantum), *bounds) * self.quantum


@dataclass(frozen=True)
class Clustering:
    """Rising centres, and the inertia when every value takes the nearest."""

    centres: Array
    inertia: float


class Points:
    """Sorted different values with their weights, as sums that give the cost of an interval at once."""

    def __init__(self, values: Array, weights: Array | None = None, grid: Grid | None = None):
        """Values (any shape) and a weight above 0 or equal to it for each; without weights each counts 1."""
        self.values, inverse = np.unique(values.reshape(-1), return_inverse=True)
        given = np.ones(inverse.size) if weights is None else weights.reshape(-1).astype(np.float64)
        self.weights = np.bincount(inverse.reshape(-1), given, len(self.values))
        self.weights += self.weights.max(initial=0) * 1e-12 + 1e-300  # no interval is without weight
        self.grid = grid
        self._shift = float(self.values.mean()) if len(self.values) else 0.0  # keeps the sums of squares small
        x = self.values.astype(np.float64) - self._shift
        self._sums = [np.concatenate([[0.0], np.cumsum(self.weights * x**power)]) for power in (0, 1, 2)]

    def centres(self, first: Array, last: Array) -> Array:
        """The best centre of the values first .. last (indices, inclusive)."""
        total, moment, _ = self._between(first, last)
        means = moment / total + self._shift
        return means if self.grid is None else self.grid.nearest(means)

    def cost(self, first: Array, last: Array) -> Array:
        """Inertia of the values first .. last around their best centre."""
        total, moment, square = self._between(first, last)
        inertia = square - moment * moment / total
        if self.grid is not None:
            offset = self.centres(first, last) - self._shift - moment / total
            inertia = inertia + total * offset * offset
        return np.maximum(inertia, 0.0)

    def _between(self, first: Array, last: Array) -> tuple[Array, Array, Array]:
        total, moment, square = (sums[last + 1] - sums[first] for sums in self._sums)
        return total, moment, square


def best_clusterings(points: Points, most: int) -> list[Clustering]:
    """The best clusters for 1, 2, ... `most` centres (not more than there are different values)."""
    count = len(points.values)
    most = min(most, count)
    if count > EXACT:
        return [k_means(points, number) for number in range(1, most + 1)]
    step = _DenseStep(points) if count <= DENSE else _SparseStep(points)
    costs = points.cost(np.zeros(count, np.int64), np.arange(count))
    starts: list[Array] = [np.zeros(count, np.int64)]
    totals = [float(costs[-1])]
    for _ in range(1, most):
        costs, start = step(costs)
        starts.append(start)
        totals.append(float(costs[-1]))
    return [_traced(points, starts[: number + 1], totals[number]) for number in range(most)]


def _traced(points: Points, starts: Sequence[Array], inertia: float) -> Clustering:
    """The clusters behind the last value, found backwards."""
    last, firsts, lasts = len(points.values) - 1, list[int](), list[int]()
    for start in reversed(starts):
        if last < 0:
            break
        firsts.append(int(start[last]))
        lasts.append(last)
        last = firsts[-1] - 1
    centres = np.unique(points.centres(np.array(firsts), np.array(lasts)))
    return Clustering(centres, inertia)


class _DenseStep:
    """One more cluster, with the costs of all intervals in a matrix."""

    def __init__(self, points: Points):
        count = len(points.values)
        first, last = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
        self.cost = np.where(first <= last, points.cost(np.minimum(first, last), last), np.inf)

    def __call__(self, before: Array) -> tuple[Array, Array]:
        total = np.concatenate([[0.0], before[:-1]])[:, None] + self.cost
        start = total.argmin(axis=0)
        return total[start, np.arange(len(before))], start


class _SparseStep:
    """One more cluster by divide and conquer: the best start never falls from one last value to the next."""

    def __init__(self, points: Points):
        self.points = points

    def __call__(self, before: Array) -> tuple[Array, Array]:
        count = len(before)
        previous = np.concatenate([[0.0], before[:-1]])
        best, start = np.empty(count), np.empty(count, np.int64)
        left, right = np.array([0]), np.array([count - 1])  # the values of each part,
        low, high = np.array([0]), np.array([count - 1])  # and the bounds of their starts
        while left.size:
            middle = (left + right) // 2
            best[middle], start[middle] = self._best(previous, low, np.minimum(high, middle), middle)
            chosen = start[middle]
            parts = ((left, middle - 1, low, chosen), (middle + 1, right, chosen, high))
            left, right, low, high = (np.concatenate(pair) for pair in zip(*parts, strict=True))
            kept = left <= right
            left, right, low, high = left[kept], right[kept], low[kept], high[kept]
        return best, start

    def _best(self, previous: Array, low: Array, high: Array, last: Array) -> tuple[Array, Array]:
        """Least total, and the start that gives it, among starts low .. high for each of the last values."""
        sizes = high - low + 1
        offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        starts = np.arange(sizes.sum()) - np.repeat(offsets - low, sizes)
        totals = previous[starts] + self.points.cost(starts, np.repeat(last, sizes))
        least = np.minimum.reduceat(totals, offsets)
        hits = np.flatnonzero(totals == np.repeat(least, sizes))
        return least, starts[hits[np.searchsorted(hits, offsets)]]


def k_means(points: Points, number: int, rounds: int = 100) -> Clustering:
    """Lloyd's iteration from quantiles of the weight: good, not best; for sets too large to be exact."""
    heaps = np.cumsum(points.weights)
    places = np.searchsorted(heaps, (np.arange(number) + 0.5) / number * heaps[-1])
    centres = np.unique(points.values[np.minimum(places, len(points.values) - 1)].astype(np.float64))
    for _ in range(rounds):
        first, last = _intervals(points, centres)
        moved = np.unique(points.centres(first, last))
        if np.array_equal(moved, centres):
            break
        centres = moved
    first, last = _intervals(points, centres)
    return Clustering(np.unique(points.centres(first, last)), float(points.cost(first, last).sum()))


def _intervals(points: Points, centres: Array) -> tuple[Array, Array]:
    """First and last value nearest to each centre that has any."""
    borders = np.searchsorted(points.values, (centres[1:] + centres[:-1]) / 2, side="right")
    first, behind = np.concatenate([[0], borders]), np.concatenate([borders, [len(points.values)]])
    kept = behind > first
    return first[kept], behind[kept] - 1


def nearest(values: Array, centres: Array) -> Array:
    """The centre nearest to each value; the lower one of two."""
    borders = (centres[1:] + centres[:-1]) / 2
    return centres[np.searchsorted(borders, values)]
