# SPDX-License-Identifier: Apache-2.0
"""Tabu search (Nguyen, Menard, Sentieys 2011): single bits up until the bound holds, down until it does not.

A variable whose move crosses the bound is left alone from then on; the search ends when all are. The best choice that
was met counts.
"""

from __future__ import annotations

from .min_plus_one import minimal_alone
from .problem import Problem, changed
from .variables import Bits


def tabu(problem: Problem) -> Bits:
    bits, left = minimal_alone(problem), set(range(len(problem.variables)))
    feasible = problem.feasible(bits)
    while left:
        step = -1 if feasible else 1
        moves = {n: changed(bits, n, step) for n in left if _has_room(problem, bits, n, step)}
        if not moves:
            break
        chosen = max(moves, key=lambda n: (_worth(problem, bits, moves[n]), -n))
        bits = moves[chosen]
        if problem.feasible(bits) != feasible:
            feasible = not feasible
            left.discard(chosen)
    return problem.best_known()


def _has_room(problem: Problem, bits: Bits, number: int, step: int) -> bool:
    variable = problem.variables[number]
    return variable.low <= bits[number] + step <= variable.high


def _worth(problem: Problem, bits: Bits, moved: Bits) -> float:
    """Noise for cost: what a bit more takes away, or what a bit less adds, with the sign of a gain."""
    noise = problem.noise(bits) - problem.noise(moved)
    cost = abs(problem.cost(moved) - problem.cost(bits))
    return noise / cost if cost else noise * 1e30
