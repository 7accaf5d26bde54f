# SPDX-License-Identifier: Apache-2.0
"""Sensitivities and an integer programme (HAWQ-V3 2021): least cost with the sum of noises within a budget.

The noise of each variable alone at each word length is measured; that of a choice is taken to be the sum. The cost is
read off the cost function: constants for single variables and for pairs, exact where no product has more than two
variables. The largest budget whose solution is feasible is found by bisection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log
from typing import Any

import numpy as np

from ...qdialect.attrs import Array
from ...qdialect.errors import QoptError
from .problem import Problem, changed
from .variables import Bits

BUDGET_STEPS = 32


@dataclass
class Programme:
    """Columns: one for each variable and word length, then one for each pair of them in each pair that interacts."""

    problem: Problem
    costs: list[float]
    noises: list[float]
    rows: list[dict[int, float]]
    right_sides: list[float]

    def column(self, number: int, bits: int) -> int:
        before = self.problem.variables[:number]
        return sum(one.high - one.low + 1 for one in before) + bits - self.problem.variables[number].low

    def solve(self, budget: float) -> Bits | None:
        """The choice of least cost within the budget; None if there is none."""
        optimize = _scipy()
        equal = optimize.LinearConstraint(self._matrix(), self.right_sides, self.right_sides)
        noise = optimize.LinearConstraint([self.noises], -np.inf, budget)
        solved: Any = optimize.milp(
            self.costs, constraints=[equal, noise], integrality=np.ones(len(self.costs)), bounds=optimize.Bounds(0, 1)
        )
        if solved.x is None:
            return None
        return tuple(
            max(_range(variable), key=lambda bits: solved.x[self.column(number, bits)])
            for number, variable in enumerate(self.problem.variables)
        )

    def _matrix(self) -> Any:
        from scipy.sparse import lil_array

        matrix: Any = lil_array((len(self.rows), len(self.costs)))
        for index, row in enumerate(self.rows):
            for column, value in row.items():
                matrix[index, column] = value
        return matrix.tocsr()


def integer_programme(problem: Problem) -> Bits:
    """QoptError if scipy is not installed."""
    _scipy()
    programme = _programme(problem)
    used = [noise for noise in programme.noises if noise > 0]
    if not used:
        return problem.best_known()
    budgets = np.exp(np.linspace(log(min(used)), log(sum(used)), BUDGET_STEPS))
    low, high = -1, len(budgets) - 1
    while low < high:
        middle = (low + high + 1) // 2
        bits = programme.solve(budgets[middle])
        low, high = (middle, high) if bits is None or problem.feasible(bits) else (low, middle - 1)
    return problem.best_known()


def _scipy() -> Any:
    try:
        from scipy import optimize
    except ImportError:
        what = "the algorithm 'integer_programme' needs the package scipy"
        raise QoptError(what, mend="install qopt-mlir[precision], or choose another algorithm") from None
    return optimize


def _programme(problem: Problem) -> Programme:
    programme = Programme(problem, [], [], [], [])
    highest = problem.highest
    top_cost, top_noise = problem.cost(highest), problem.noise(highest)
    for number, variable in enumerate(problem.variables):
        start = len(programme.costs)
        for bits in _range(variable):
            one = changed(highest, number, bits - variable.high)
            programme.costs.append(problem.cost(one) - top_cost)
            programme.noises.append(max(problem.noise(one) - top_noise, 0.0))
        programme.rows.append({column: 1.0 for column in range(start, len(programme.costs))})
        programme.right_sides.append(1.0)
    for first, second in combinations(range(len(highest)), 2):
        table = _interaction(problem, first, second)
        if table.any():
            _add_pair(programme, first, second, table)
    return programme


def _interaction(problem: Problem, first: int, second: int) -> Array:
    """What the cost of two variables is beyond the sum of both alone, [word lengths, word lengths]."""
    top, variables = problem.highest, problem.variables
    one, other = variables[first], variables[second]

    def beyond(bits: int, others: int) -> int:
        a, b = changed(top, first, bits - one.high), changed(top, second, others - other.high)
        both = changed(a, second, others - other.high)
        return problem.cost(both) - problem.cost(a) - problem.cost(b) + problem.cost(top)

    if not beyond(one.low, other.low):
        return np.zeros((1, 1))
    return np.array([[beyond(bits, others) for others in _range(other)] for bits in _range(one)], np.float64)


def _add_pair(programme: Programme, first: int, second: int, table: Array) -> None:
    """Columns for both word lengths at once, whose sums are the columns of each."""
    start, (height, width) = len(programme.costs), table.shape
    programme.costs += table.reshape(-1).tolist()
    programme.noises += [0.0] * table.size
    variables = programme.problem.variables
    for row in range(height):
        columns = {start + row * width + column: 1.0 for column in range(width)}
        programme.rows.append({**columns, programme.column(first, variables[first].low + row): -1.0})
    for column in range(width):
        columns = {start + row * width + column: 1.0 for row in range(height)}
        programme.rows.append({**columns, programme.column(second, variables[second].low + column): -1.0})
    programme.right_sides += [0.0] * (height + width)


def _range(variable: Any) -> Sequence[int]:
    return range(variable.low, variable.high + 1)
