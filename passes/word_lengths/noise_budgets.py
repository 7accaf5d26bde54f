# SPDX-License-Identifier: Apache-2.0
"""Noise budgeting (Ha, Sentieys 2021): clusters of neighbouring variables are solved one by one, each with a budget.

The noise of all is taken to be the sum of the clusters'. A total is shared out equally; each cluster is solved by min+1
within its share while the others have the most bits. The largest total whose joint solution is feasible is found by
bisection over powers of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .min_plus_one import min_plus_one
from .problem import Problem
from .variables import Bits

CLUSTER_SIZE = 6
SMALLEST, LARGEST = -24, 0  # log2 of the total noise, relative to the output's power


@dataclass(frozen=True)
class Cluster:
    """Variables `start..stop-1` of a problem."""

    problem: Problem
    start: int
    stop: int

    def whole(self, bits: Bits) -> Bits:
        """A choice for the cluster, with the most bits for all other variables."""
        highest = self.problem.highest
        return (*highest[: self.start], *bits, *highest[self.stop :])

    def solved(self, budget: float) -> Bits:
        part = Problem(
            self.problem.variables[self.start : self.stop],
            lambda bits: self.problem.cost(self.whole(bits)),
            lambda bits: budget - self._noise(bits),
            self._noise,
        )
        return min_plus_one(part) if part.feasible(part.highest) else part.highest

    def _noise(self, bits: Bits) -> float:
        return self.problem.noise(self.whole(bits))


def noise_budgets(problem: Problem) -> Bits:
    count = len(problem.variables)
    edges = [*range(0, count, CLUSTER_SIZE), count]
    clusters = [Cluster(problem, start, stop) for start, stop in pairwise(edges)]

    def solution(exponent: int) -> Bits:
        budget = 2.0**exponent / len(clusters)
        return tuple(bits for cluster in clusters for bits in cluster.solved(budget))

    low, high = SMALLEST, LARGEST
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if problem.feasible(solution(middle)) else (low, middle - 1)
    return problem.best_known()
