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
            while bits[number] > problem.variables[number].low and problem.feasible(changed(bits, number, -1)):
                bits = changed(bits, number, -1)
        if bits == start:
            return bits


def is_one_minimal(problem: Problem, bits: Bits) -> bool:
    """Whether the choice is feasible and no single bit can go."""
    smaller = [changed(bits, n, -1) for n, variable in enumerate(problem.variables) if bits[n] > variable.low]
    return problem.feasible(bits) and not any(problem.feasible(one) for one in smaller)
