# SPDX-License-Identifier: Apache-2.0
"""What a search for word lengths tried and chose, as JSON data for reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...frontends.precision.specification import Bound, Objective
from .problem import Problem
from .variables import Bits


def search_figures(algorithm: str, objective: Objective, bound: Bound, problem: Problem, bits: Bits) -> dict[str, Any]:
    """Cost and margin over the bound of every choice whose margin was measured, in order; of `bits`, which was chosen.

    Look-up tables are estimated for seconds a choice: then the trials are those of the start and the end alone.
    """
    if objective is Objective.LUTS:
        tried = list(dict.fromkeys((problem.highest, bits)))
    else:
        tried = list(problem.margins)
    scored = [(problem.cost(choice), problem.margin(choice)) for choice in (*tried, bits)]
    return figures_of(algorithm, objective, bound, scored, problem.cost(problem.highest)) | {
        "evaluations": problem.evaluations
    }


def figures_of(
    algorithm: str, objective: Objective, bound: Bound, scored: Sequence[tuple[int, float]], before: int
) -> dict[str, Any]:
    """Figures of any search: costs and margins of what was tried in order, and of what was chosen as the last."""
    *trials, chosen = [{"cost": cost, "margin": round(margin, 4)} for cost, margin in scored]
    return {
        "algorithm": algorithm,
        "objective": objective.value,
        "bound": str(bound),
        "evaluations": len(trials),
        "cost_before": before,
        "cost_after": chosen["cost"],
        "margin": chosen["margin"],
        "trials": trials,
    }
