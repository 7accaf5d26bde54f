# SPDX-License-Identifier: Apache-2.0
"""The algorithms by name. A new one is a function from a problem to a choice, and its line here."""

from __future__ import annotations

from collections.abc import Callable

from .analytic import analytic
from .bayesian import bayesian
from .integer_programme import integer_programme
from .max_minus_one import max_minus_one
from .min_plus_one import min_plus_one
from .noise_budgets import noise_budgets
from .problem import Problem
from .tabu import tabu
from .variables import Bits

ALGORITHMS: dict[str, Callable[[Problem], Bits]] = {
    "analytic": analytic,
    "min_plus_one": min_plus_one,
    "max_minus_one": max_minus_one,
    "tabu": tabu,
    "noise_budgets": noise_budgets,
    "bayesian": bayesian,
    "integer_programme": integer_programme,
}
