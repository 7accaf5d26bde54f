# SPDX-License-Identifier: Apache-2.0
"""max-1: from the most bits, remove again and again the bit that saves most for the noise it adds (Cantin et al. 2001).

Each step tries every variable: the yardstick for the other algorithms. The bound is asked for in the order of worth,
until a bit may go.
"""

from __future__ import annotations

from .problem import Problem, changed
from .variables import Bits


def max_minus_one(problem: Problem) -> Bits:
    bits = problem.highest
    while True:
        candidates = [n for n, variable in enumerate(problem.variables) if bits[n] > variable.low]
        candidates.sort(key=lambda n: (-problem.worth(bits, n), n))
        best = next((n for n in candidates if problem.feasible(changed(bits, n, -1))), None)
        if best is None:
            return bits
        bits = changed(bits, best, -1)
