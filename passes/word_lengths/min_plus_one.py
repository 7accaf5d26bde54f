# SPDX-License-Identifier: Apache-2.0
"""min+1: from the fewest bits of each variable alone, add the bit that gains most for its cost (Cantin et al. 2001)."""

from __future__ import annotations

from .problem import Problem, changed, least_feasible
from .variables import Bits


def min_plus_one(problem: Problem) -> Bits:
    bits = minimal_alone(problem)
    while not problem.feasible(bits):
        candidates = [n for n, variable in enumerate(problem.variables) if bits[n] < variable.high]
        best = max(candidates, key=lambda n: (_gain(problem, bits, n), -n))
        bits = changed(bits, best, 1)
    return bits


def minimal_alone(problem: Problem) -> Bits:
    """The fewest bits of each variable while all others have the most: no feasible choice has fewer, as a rule."""
    found = list[int]()
    for number, variable in enumerate(problem.variables):

        def alone(bits: int, number: int = number) -> bool:
            return problem.feasible(changed(problem.highest, number, bits - problem.highest[number]))

        found.append(least_feasible(variable.low, variable.high, alone))
    return tuple(found)


def _gain(problem: Problem, bits: Bits, number: int) -> float:
    """Noise that one bit more takes away, for its cost."""
    more = changed(bits, number, 1)
    return (problem.noise(bits) - problem.noise(more)) / max(problem.cost(more) - problem.cost(bits), 1)
