# SPDX-License-Identifier: Apache-2.0
"""The folding search against trying everything."""

from __future__ import annotations

import random
from itertools import product

import pytest
from qopt_mlir.passes.folding_search import FoldableUnit, Folding, cheapest, fastest
from qopt_mlir.qdialect.cost import UnitCost
from qopt_mlir.qdialect.cost.fifo import fifo_cost
from qopt_mlir.qdialect.cost.width_converter import converter_cost


def random_unit(rnd: random.Random, number: int) -> FoldableUnit:
    lanes = rnd.sample([1, 2, 3, 4, 6, 12], 3)
    options = {(a, b): UnitCost(cycles=-(-144 // (a * b)), lut=rnd.randint(1, 300)) for a in lanes for b in lanes}
    follows = rnd.random() < 0.2
    return FoldableUnit(f"unit {number}", options, 12, rnd.randint(1, 8), follows, rnd.random() < 0.5)


def every_choice(units: list[FoldableUnit]) -> list[tuple[int, int, tuple[Folding, ...]]]:
    """(cycles, look-up tables, foldings) of every combination that can be built."""
    found = list[tuple[int, int, tuple[Folding, ...]]]()
    for foldings in product(*(unit.options for unit in units)):
        total = UnitCost()
        for number, (unit, folding) in enumerate(zip(units, foldings, strict=True)):
            total += unit.options[folding]
            made = foldings[number - 1][1]
            if number and unit.follows_input and made != folding[0]:
                break
            if number and not unit.follows_input:
                total += converter_cost(12, unit.width, made, folding[0])
                taken = folding[0]
                total += fifo_cost(12 // taken, taken * unit.width, 12 // taken) if unit.buffered else UnitCost()
        else:
            cycles = max(unit.options[folding].cycles for unit, folding in zip(units, foldings, strict=True))
            found.append((cycles, total.lut, foldings))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_search_equals_trying_everything(seed: int) -> None:
    rnd = random.Random(seed)
    units = [random_unit(rnd, number) for number in range(rnd.randint(1, 3))]
    choices = every_choice(units)
    for limit in (1, 4, 12, 40, 144):
        best = min((lut for cycles, lut, _ in choices if cycles <= limit), default=None)
        choice = cheapest(units, limit)
        assert (choice.cost.lut if choice else None) == best, (seed, limit)
    for budget in (100, 400, 800, 2000):
        quickest = min((cycles for cycles, lut, _ in choices if lut <= budget), default=None)
        choice = fastest(units, budget)
        assert (max(u.options[f].cycles for u, f in zip(units, choice.foldings, strict=True)) if choice else None) == (
            quickest
        ), (seed, budget)
