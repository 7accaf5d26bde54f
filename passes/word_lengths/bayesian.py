# SPDX-License-Identifier: Apache-2.0
"""Bayesian optimisation by a tree-structured Parzen estimator (Optuna, Akiba et al. 2019), then local search.

Infeasible choices score worse than every feasible one, by how far they are off.
"""

from __future__ import annotations

from typing import Any

from ...qdialect.errors import QoptError
from .problem import Problem
from .variables import Bits

TRIALS_PER_VARIABLE = 5
SEED = 0


def bayesian(problem: Problem) -> Bits:
    """QoptError if Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        what = "the algorithm 'bayesian' needs the package optuna"
        raise QoptError(what, mend="install qopt-mlir[precision], or choose another algorithm") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    most = problem.cost(problem.highest)

    def score(trial: Any) -> float:
        bits = tuple(
            int(trial.suggest_int(str(number), variable.low, variable.high))
            for number, variable in enumerate(problem.variables)
        )
        margin = problem.margin(bits)
        return problem.cost(bits) / most if margin >= 0 else 1 + min(-margin, 1e9)

    study: Any = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED, multivariate=True))
    study.enqueue_trial({str(number): bits for number, bits in enumerate(problem.highest)})
    study.optimize(score, n_trials=TRIALS_PER_VARIABLE * len(problem.variables))
    return problem.best_known()
