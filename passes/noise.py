# SPDX-License-Identifier: Apache-2.0
"""What quantisation adds to numbers: the one definition of noise, and of the signal to quantisation noise ratio.

The noise is the sum of the squared differences, the signal that of the squares: no mean is taken off either, so that a
constant offset counts as what it is. A signal that is zero everywhere counts as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..qdialect.attrs import Array

MOST_DECIBELS = 3000.0  # a ratio without noise, for what needs a number: more than float64 can tell


@dataclass
class Noise:
    """Energies of a signal and of what quantisation adds to it."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, exact: Array, quantised: Array) -> None:
        """Take in numbers, and what they became."""
        exact = exact.astype(np.float64)
        self.signal += float((exact**2).sum())
        with np.errstate(invalid="ignore"):  # infinity from infinity is NaN, and so is the noise
            self.noise += float(((quantised.astype(np.float64) - exact) ** 2).sum())

    @property
    def relative(self) -> float:
        """Noise for each unit of the signal."""
        return self.noise / (self.signal or 1.0)

    @property
    def sqnr(self) -> float:
        """In dB; infinite without noise."""
        return decibels(self.relative)


def decibels(relative: float) -> float:
    """The signal to quantisation noise ratio for a noise relative to the signal; infinite without noise."""
    return -10 * float(np.log10(relative)) if relative else float("inf")


def decibel_text(ratio: float) -> str:
    """A ratio in dB, for people."""
    return "exact" if ratio == float("inf") else f"{ratio:.1f} dB"


def noise_of(exact: Array, quantised: Array) -> Noise:
    """The noise of numbers against what they were; they broadcast to it."""
    noise = Noise()
    noise.add(exact, np.broadcast_to(quantised, exact.shape))
    return noise
