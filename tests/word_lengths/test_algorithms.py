# SPDX-License-Identifier: Apache-2.0
"""Each algorithm on problems whose best choice is known by trying all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from qopt_mlir.frontends.precision.specification import Role
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.descent import descend, is_one_minimal
from qopt_mlir.passes.word_lengths.fitting import Fit
from qopt_mlir.passes.word_lengths.problem import Problem
from qopt_mlir.passes.word_lengths.variables import Bits, Variable


def noise_problem(seed: int, count: int) -> Problem:
    """Additive noise K_i 4^-w_i, and a cost of products of neighbours."""
    generator = np.random.default_rng(seed)
    gains, weights = generator.uniform(0.1, 100, count), generator.integers(1, 50, count)
    variables = [Variable((f"v{n}",), "matmul", Role.WEIGHT, n, 2, 8, (Fit(),) * 7) for n in range(count)]

    def noise(bits: Bits) -> float:
        return float(sum(gain * 4.0**-word for gain, word in zip(gains, bits, strict=True)))

    def cost(bits: Bits) -> int:
        return sum(int(weights[n]) * bits[n] * bits[(n + 1) % count] for n in range(count))

    budget = noise((5,) * count)
    return Problem(variables, cost, lambda bits: budget - noise(bits), noise)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("seed", range(3))
def test_near_the_best_of_all(name: str, seed: int) -> None:
    problem = noise_problem(seed, 3)
    bits = descend(problem, ALGORITHMS[name](problem))
    assert is_one_minimal(problem, bits)
    everything = noise_problem(seed, 3)
    best = min(everything.cost(one) for one in product(range(2, 9), repeat=3) if everything.feasible(one))
    assert best <= problem.cost(bits) <= 1.35 * best


@pytest.mark.parametrize("name", ["analytic", "min_plus_one"])
def test_fewer_trials_than_max_minus_one(name: str) -> None:
    problems = {one: noise_problem(7, 10) for one in (name, "max_minus_one")}
    costs = {one: problem.cost(descend(problem, ALGORITHMS[one](problem))) for one, problem in problems.items()}
    assert problems[name].evaluations < problems["max_minus_one"].evaluations
    assert costs[name] <= 1.2 * costs["max_minus_one"]


@pytest.mark.parametrize("seed", range(4))
def test_the_descent_alone_ends_near_max_minus_one_in_a_half_of_its_trials(seed: int) -> None:
    lazy, thorough = noise_problem(seed, 16), noise_problem(seed, 16)
    bits, others = descend(lazy, lazy.highest), ALGORITHMS["max_minus_one"](thorough)
    assert is_one_minimal(lazy, bits)
    assert 2 * lazy.evaluations <= thorough.evaluations
    assert lazy.cost(bits) <= 1.05 * thorough.cost(others)


def test_nothing_to_remove() -> None:
    variables = [Variable(("v",), "matmul", Role.WEIGHT, 0, 2, 4, (Fit(),) * 3)]
    problem = Problem(variables, sum, lambda bits: 0.0 if bits == (4,) else -1.0, lambda bits: 4.0 ** -bits[0])
    for name in ("analytic", "max_minus_one", "min_plus_one", "tabu", "noise_budgets"):
        assert descend(problem, ALGORITHMS[name](problem)) == (4,)
    assert is_one_minimal(problem, (4,))
    assert not is_one_minimal(problem, (3,))
