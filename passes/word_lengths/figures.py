# SPDX-License-Identifier: Apache-2.0
"""What a search for word lengths tried and chose, as JSON data for reports."""

from __future__ import annotations

from typing import Any

from ...frontends.precision.specification import Bound, Objective
from .problem import Problem
from .variables import Bits


def search_figures(algorithm: str, objective: Objective, bound: Bound, problem: Problem, bits: Bits) -> dict[str, Any]:
    """Cost and margin over the bound of every choice that was tried, in order; of `bits`, which was chosen.

    Look-up tables are estimated for seconds a choice: then the trials are those of the start and the end alone.
    """
    if objective is Objective.LUTS:
        tried = list(dict.fromkeys((problem.highest, bits)))
    else:
        tried = list(problem.trials)
    return {
        "algorithm": algorithm,
        "objective": objective.value,
        "bound": str(bound),
        "evaluations": problem.evaluations,
        "cost_before": problem.cost(problem.highest),
        "cost_after": problem.cost(bits),
        "margin": round(problem.trial(bits).margin, 4),
        "trials": [
            {"cost": problem.cost(choice), "margin": round(problem.trial(choice).margin, 4)} for choice in tried
        ],
    }
