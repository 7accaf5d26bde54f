# SPDX-License-Identifier: Apache-2.0
"""The end of every search: remove single bits until none can go (the result is 1-minimal).

What a bit is worth is measured anew only when it comes first by what was measured before (lazy greedy, Minoux 1978).
"""

from __future__ import annotations

from .problem import Problem, changed
from .variables import Bits


def descend(problem: Problem, bits: Bits) -> Bits:
    """Remove bits from a feasible choice, most saving for the noise first, until each single removal is infeasible.

    A variable whose bit could not go is left alone until no other can go; at the end all have been asked for.
    """
    while True:
        start = bits
        bits = _descend_once(problem, bits)
        if bits == start:
            return bits


def _descend_once(problem: Problem, bits: Bits) -> Bits:
    worth = {number: float("inf") for number in range(len(bits))}
    measured_at = dict[int, Bits]()
    while worth:
        number = max(worth, key=lambda one: (worth[one], -one))
        if bits[number] == problem.variables[number].low:
            del worth[number]
        elif measured_at.get(number) != bits:
            worth[number], measured_at[number] = problem.worth(bits, number), bits
        elif _can_go(problem, bits, number):
            bits = changed(bits, number, -1)
        else:
            del worth[number]
    return bits


def is_one_minimal(problem: Problem, bits: Bits) -> bool:
    """Whether the choice is feasible and no single bit can go."""
    return problem.feasible(bits) and not any(_can_go(problem, bits, n) for n in range(len(bits)))


def _can_go(problem: Problem, bits: Bits, number: int) -> bool:
    """Whether a variable can lose a bit; not if that costs more, as where a multiplier leaves its DSP block."""
    if bits[number] == problem.variables[number].low or problem.saving(bits, number) < 0:
        return False
    return problem.feasible(changed(bits, number, -1))
