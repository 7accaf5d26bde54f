# SPDX-License-Identifier: Apache-2.0
"""The folding search against trying everything."""

from __future__ import annotations

import random
from itertools import product

import pytest
from qopt_mlir.passes.folding_search import Budget, Feed, FoldableUnit, Folding, cheapest, fastest, within
from qopt_mlir.qdialect.cost import UnitCost
from qopt_mlir.qdialect.cost.fifo import fifo_cost
from qopt_mlir.qdialect.cost.width_converter import converter_cost
from qopt_mlir.qdialect.dataflow import Memory


def random_unit(rnd: random.Random, number: int, makers: tuple[int, ...]) -> FoldableUnit:
    lanes = rnd.sample([1, 2, 3, 4, 6, 12], 3)
    options = {
        Folding(a, b): UnitCost(cycles=-(-144 // (a * b)), lut=rnd.randint(1, 300)) for a in lanes for b in lanes
    }
    feeds = tuple(Feed(maker, 12, rnd.randint(1, 8)) for maker in makers)
    return FoldableUnit(f"unit {number}", options, feeds, rnd.random() < 0.2, rnd.choice((0, 0, 4, 12)))


def random_units(rnd: random.Random) -> list[FoldableUnit]:
    """A chain, or a fork (two takers of one unit) with a join."""
    shapes = [[(-1,)], [(-1,), (0,)], [(-1,), (0,), (1,)], [(-1,), (0,), (0, 1)], [(-1,), (0,), (0,), (1, 2)]]
    return [random_unit(rnd, number, makers) for number, makers in enumerate(rnd.choice(shapes))]


def every_choice(units: list[FoldableUnit]) -> list[tuple[int, int, tuple[Folding, ...]]]:
    """(cycles, look-up tables, foldings) of every combination that can be built."""
    found = list[tuple[int, int, tuple[Folding, ...]]]()
    for foldings in product(*(unit.options for unit in units)):
        costs = [unit.options[folding] for unit, folding in zip(units, foldings, strict=True)]
        links = [
            link(feed, unit, foldings[feed.maker].made, folding.taken)
            for unit, folding in zip(units, foldings, strict=True)
            for feed in unit.feeds
            if feed.maker >= 0
        ]
        if None not in links:
            lut = sum(cost.lut for cost in costs) + sum(cost.lut for cost in links if cost)
            found.append((max(cost.cycles for cost in costs), lut, foldings))
    return found


def link(feed: Feed, unit: FoldableUnit, made: int, taken: int) -> UnitCost | None:
    """What stands between two units; None if nothing may and lanes differ."""
    if unit.follows_input and made != taken:
        return None
    fifo = fifo_cost(12 // taken, taken * feed.width, max(2, unit.burst // taken)) if unit.burst else UnitCost()
    return converter_cost(12, feed.width, made, taken) + fifo


@pytest.mark.parametrize("seed", range(40))
def test_search_equals_trying_everything(seed: int) -> None:
    rnd = random.Random(seed)
    units = random_units(rnd)
    choices = every_choice(units)
    for limit in (1, 4, 12, 40, 144):
        best = min((lut for cycles, lut, _ in choices if cycles <= limit), default=None)
        choice = cheapest(units, limit)
        assert (choice.cost.lut if choice else None) == best, (seed, limit)
    for budget in (100, 400, 800, 2000):
        quickest = min((cycles for cycles, lut, _ in choices if lut <= budget), default=None)
        choice = fastest(units, Budget(lut=budget))
        assert (max(u.options[f].cycles for u, f in zip(units, choice.foldings, strict=True)) if choice else None) == (
            quickest
        ), (seed, budget)


@pytest.mark.parametrize("seed", range(10))
def test_one_budget_is_met_whenever_it_can_be(seed: int) -> None:
    rnd = random.Random(seed)
    units = random_units(rnd)
    choices = every_choice(units)
    for limit in (4, 40):
        least = min((lut for cycles, lut, _ in choices if cycles <= limit), default=None)
        for budget in (200, 500, 900):
            choice = within(units, limit, Budget(lut=budget))
            assert (choice is not None) == (least is not None and least <= budget), (seed, limit, budget)
            assert choice is None or choice.cost.lut <= budget


def test_memory_is_traded_for_tables_as_the_budget_asks() -> None:
    block, distributed = UnitCost(cycles=4, lut=20, bram18=3), UnitCost(cycles=4, lut=900)
    options = {Folding(1, 1, Memory.BLOCK): block, Folding(1, 1, Memory.DISTRIBUTED): distributed}
    units = [FoldableUnit(f"unit {number}", options, (Feed(number - 1, 12, 1),)) for number in range(4)]

    def blocks(budget: Budget) -> int | None:
        choice = within(units, 4, budget)
        return None if choice is None else sum(folding.memory is Memory.BLOCK for folding in choice.foldings)

    assert blocks(Budget()) == 4
    assert blocks(Budget(bram18=0)) == 0
    assert blocks(Budget(lut=100)) == 4
    assert blocks(Budget(lut=100, bram18=11)) is None
    assert blocks(Budget(lut=4000, bram18=12)) == 4
