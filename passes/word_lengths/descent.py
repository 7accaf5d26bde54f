# SPDX-License-Identifier: Apache-2.0
"""The end of every search: remove single bits until none can go (the result is 1-minimal)."""

from __future__ import annotations

from .problem import Problem, changed
from .variables import Bits


def descend(problem: Problem, bits: Bits) -> Bits:
    """Remove bits from a feasible choice, largest saving first, until each single removal is infeasible.

    A bit that could not go is not asked for again until another one has gone; at the end all have been asked for.
    """
    while True:
        order = sorted(
            (number for number, variable in enumerate(problem.variables) if bits[number] > variable.low),
            key=lambda number: (-problem.saving(bits, number), number),
        )
        start = bits
        for number in order:
            while _can_go(problem, bits, number):
                bits = changed(bits, number, -1)
        if bits == start:
            return bits


def is_one_minimal(problem: Problem, bits: Bits) -> bool:
    """Whether the choice is feasible and no single bit can go."""
    return problem.feasible(bits) and not any(_can_go(problem, bits, n) for n in range(len(bits)))


def _can_go(problem: Problem, bits: Bits, number: int) -> bool:
    """Whether a variable can lose a bit; not if that costs more, as where a multiplier leaves its DSP block."""
    if bits[number] == problem.variables[number].low or problem.saving(bits, number) < 0:
        return False
    return problem.feasible(changed(bits, number, -1))
