# SPDX-License-Identifier: Apache-2.0
"""A histogram of numbers that come in batches, whose range grows as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...qdialect.attrs import Array

HALF = 2048  # bins on either side of zero


@dataclass
class Histogram:
    """Counts of numbers in equal bins over [-reach, reach]; the reach doubles when a number lies beyond.

    `low` and `high` are the least and the greatest number seen, and 0: a format holds zero in any case. `uncounted` are
    infinite or no numbers.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * HALF, np.int64))
    reach: float = 2.0**-30
    low: float = 0.0
    high: float = 0.0
    uncounted: int = 0

    def add(self, numbers: Array) -> None:
        """Count the finite numbers of an array."""
        flat: NDArray[Any] = numbers.reshape(-1)
        finite = np.isfinite(flat)
        self.uncounted += flat.size - int(np.count_nonzero(finite))
        flat = flat[finite].astype(np.float32, copy=False)
        if not flat.size:
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        while max(self.high, -self.low) > self.reach:
            self._double()
        places = np.floor(flat * np.float32(HALF / self.reach)).astype(np.int64) + HALF
        self.counts += np.bincount(np.clip(places, 0, 2 * HALF - 1), minlength=2 * HALF)

    def merge(self, other: Histogram) -> None:
        """Take in what another histogram has counted (whose reach differs by a power of two)."""
        counts, reach = other.counts, other.reach
        while self.reach < reach:
            self._double()
        while reach < self.reach:
            counts, reach = _doubled(counts), 2 * reach
        self.counts += counts
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.uncounted += other.uncounted

    def _double(self) -> None:
        self.counts, self.reach = _doubled(self.counts), 2 * self.reach

    @property
    def centres(self) -> NDArray[np.floating[Any]]:
        return (np.arange(-HALF, HALF) + 0.5) * (self.reach / HALF)

    def quantile(self, share: float) -> tuple[float, float]:
        """Bounds that leave `(1 - share) / 2` of the numbers on either side; of one sign, all on that side."""
        total, width = int(self.counts.sum()), self.reach / HALF
        if not total:
            return self.low, self.high
        outside = (1 - share) * total / (2 if self.low < 0 < self.high else 1)
        rising = np.cumsum(self.counts)
        above = np.cumsum(self.counts[::-1])
        first = int(np.searchsorted(rising, outside, side="right"))
        last = 2 * HALF - 1 - int(np.searchsorted(above, outside, side="right"))
        low = max(self.low, (first - HALF) * width) if self.low < 0 else 0.0
        return min(low, 0.0), max(0.0, min(self.high, (last + 1 - HALF) * width))


def _doubled(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same counts in bins twice as wide, over a range twice as wide."""
    doubled = np.zeros_like(counts)
    doubled[HALF // 2 : HALF // 2 + HALF] = counts.reshape(-1, 2).sum(axis=1)
    return doubled
