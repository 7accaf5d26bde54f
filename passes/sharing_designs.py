# SPDX-License-Identifier: Apache-2.0
"""Numbers of shared values for the layers of a network, what they cost, and the best of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..frontends.precision.specification import Bound, Measure
from .noise import MOST_DECIBELS, decibels

STATES = 2000  # designs kept while units are joined


@dataclass(frozen=True)
class Design:
    """Numbers of values of the units, and what they cost: bits of indices and codebooks, noise over signal.

    `noise` is predicted until the network has run. `accuracy`: percent; of agreement with the network as it was if
    there are no labels. `loss`: points of it lost. `agreement`: percent of the frames with the same first choice.
    """

    counts: tuple[int, ...]
    bits: int
    noise: float
    accuracy: float | None = None
    loss: float = 0.0
    agreement: float = 100.0

    def holds(self, bounds: Sequence[Bound]) -> bool:
        """Whether a design that was run keeps the bounds."""
        return all(self.margin(bound) >= 0 for bound in bounds)

    def margin(self, bound: Bound) -> float:
        """How far a design that was run is above the bound, in points or dB."""
        value = float(bound.value)
        if bound.measure is Measure.SQNR:
            return min(decibels(self.noise), MOST_DECIBELS) - value
        return value - self.loss if bound.measure is Measure.ACCURACY else self.agreement - value


def pareto(designs: Sequence[Design]) -> list[Design]:
    """Designs that no other beats in bits and noise, the smallest first."""
    kept: list[Design] = []
    for design in sorted(designs, key=lambda d: (d.bits, d.noise)):
        if not kept or design.noise < kept[-1].noise:
            kept.append(design)
    return kept


def best_of(designs: Sequence[Design]) -> list[Design]:
    """Run designs that no other beats in bits and accuracy, the smallest first."""
    kept: list[Design] = []
    for design in sorted(designs, key=lambda d: (d.bits, -(d.accuracy or 0))):
        if not kept or (design.accuracy or 0) > (kept[-1].accuracy or 0):
            kept.append(design)
    return kept


def thinned(states: list[Design]) -> list[Design]:
    """At most `STATES` of them, evenly spaced."""
    if len(states) <= STATES:
        return states
    return [states[int(index)] for index in np.linspace(0, len(states) - 1, STATES)]
