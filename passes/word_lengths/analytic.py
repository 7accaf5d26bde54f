# SPDX-License-Identifier: Apache-2.0
"""Noise model with a closed-form solution (Constantinides et al. 2001; Ha, Yuki, Sentieys 2020).

Each variable i of w_i bits adds the noise K_i 4^-w_i; K_i is measured by lowering that variable alone. Least cost for a
noise budget P, with c_i what a bit of variable i costs, is at w_i = 1/2 log2(mu 2 ln 2 K_i / c_i). The largest P whose
solution is feasible is found by bisection.
"""

from __future__ import annotations

from math import log, log2

from .problem import Problem, changed
from .variables import Bits

PROBE_BITS = 4  # noise is measured there: well above what the other variables add, and below saturation
BUDGET_STEPS = 24  # of half a bit in all variables at once


def analytic(problem: Problem) -> Bits:
    gains = noise_gains(problem)
    low, high = 0, BUDGET_STEPS  # the budget 0 is the start
    while low < high:
        middle = (low + high + 1) // 2
        if problem.feasible(_solution(problem, gains, middle)):
            low = middle
        else:
            high = middle - 1
    return _solution(problem, gains, low) if low else problem.highest


def noise_gains(problem: Problem) -> list[float]:
    """K_i of each variable."""
    gains = list[float]()
    for number, variable in enumerate(problem.variables):
        bits = min(max(PROBE_BITS, variable.low), variable.high - 1)
        probe = changed(problem.highest, number, bits - variable.high)
        added = max(problem.noise(probe) - problem.noise(problem.highest), 1e-30)
        gains.append(added * 4.0**bits)
    return gains


def _solution(problem: Problem, gains: list[float], step: int) -> Bits:
    """The closed form, with half a bit less in all variables for each step, such that step 0 has all their most."""
    costs = [max(problem.saving(problem.highest, number), 1) for number in range(len(gains))]
    wanted = [0.5 * log2(2 * log(2) * gain / cost) for gain, cost in zip(gains, costs, strict=True)]
    top = max(variable.high - word for variable, word in zip(problem.variables, wanted, strict=True))
    return tuple(
        min(max(round(word + top - step / 2), variable.low), variable.high)
        for word, variable in zip(wanted, problem.variables, strict=True)
    )
