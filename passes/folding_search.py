# SPDX-License-Identifier: Apache-2.0
"""Choose a folding for each unit of a graph: pure numbers, no IR.

For a limit of cycles a frame, the cheapest choice is found by dynamic programming along the units: the best way to
reach each combination of lanes on the streams that lead from the units so far to the rest, converters and FIFOs between
units included. That is exact as long as there are at most `BEAM` combinations, as on chains and around the skip
connections of residual networks; beyond, only the cheapest are followed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, NamedTuple, TypeAlias

from ..qdialect.cost import UnitCost
from ..qdialect.cost.fifo import fifo_cost
from ..qdialect.cost.unit import BRAM18_AREA, DSP_AREA
from ..qdialect.cost.width_converter import converter_cost
from ..qdialect.dataflow import Memory
from .fifo_sizing import LEAST_DEPTH

BEAM = 512

Prices: TypeAlias = tuple[int, int, int]  # of a look-up table, a DSP block, an 18-kbit memory
FINE = 16  # prices rise in parts of a look-up table
AREA: Prices = (FINE, FINE * DSP_AREA, FINE * BRAM18_AREA)
RISES = 5  # how often the prices of resources beyond the budget rise, each time fourfold
STEPS = 4  # how often the last rise is halved, to pay no more than the budget asks for


class Folding(NamedTuple):
    """Lanes taken, lanes made, and where the unit keeps its numbers if that is not left as it is."""

    taken: int
    made: int
    memory: Memory | None = None


@dataclass(frozen=True)
class Budget:
    """Resources to stay within; None: any number."""

    lut: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    names: ClassVar = {"lut": "look-up tables", "dsp": "DSP blocks", "bram18": "18-kbit memories"}

    @property
    def limits(self) -> dict[str, int]:
        return {name: limit for name in self.names if (limit := getattr(self, name)) is not None}

    def less(self, numbers: Mapping[str, int]) -> Budget:
        """With so many fewer of some limited resources."""
        return replace(self, **{name: max(0, self.limits[name] - number) for name, number in numbers.items()})

    def exceeded(self, cost: UnitCost) -> list[str]:
        """The resources of which there are too few."""
        return [name for name, limit in self.limits.items() if getattr(cost, name) > limit]

    def most_exceeded(self, cost: UnitCost) -> tuple[str, int, int]:
        """The resource that is exceeded by most of its limit, how many are needed, and the limit."""
        used = {name: getattr(cost, name) for name in self.limits}
        name = max(used, key=lambda name: Fraction(used[name], self.limits[name] + 1))
        return name, used[name], self.limits[name]

    @property
    def scarcity(self) -> Prices:
        """Prices by which only limited resources count, each by the part of its limit."""
        largest = 1000 * max(self.limits.values()) + 1
        lut, dsp, bram18 = (largest // (self.limits[name] + 1) if name in self.limits else 0 for name in self.names)
        return lut, dsp, bram18


@dataclass(frozen=True)
class Feed:
    """A stream that a unit takes: the unit that makes it (-1: the host), elements a frame, bits of an element."""

    maker: int
    elements: int
    width: int


@dataclass(frozen=True)
class FoldableUnit:
    """What the search knows of a unit.

    Attributes:
        name: for messages.
        options: cost of every folding.
        feeds: the streams that it takes; makers stand before their takers.
        follows_input: no converter may stand before it.
        burst: elements that it takes at once before it works on them, from a FIFO unless the host feeds it; or 0.
    """

    name: str
    options: dict[Folding, UnitCost]
    feeds: tuple[Feed, ...]
    follows_input: bool = False
    burst: int = 0

    @property
    def least_cycles(self) -> int:
        return min(cost.cycles for cost in self.options.values())


@dataclass(frozen=True)
class Choice:
    """A folding for each unit, and what all cost together with converters and estimated FIFOs."""

    foldings: tuple[Folding, ...]
    cost: UnitCost


@dataclass(frozen=True)
class _Way:
    """Foldings of the units so far, the last one in front; what they weigh."""

    weight: tuple[int, int] = (0, 0)
    folding: Folding | None = None
    before: _Way | None = field(default=None, repr=False)

    def foldings(self) -> tuple[Folding, ...]:
        found: list[Folding] = []
        way: _Way | None = self
        while way is not None and way.folding is not None:
            found.append(way.folding)
            way = way.before
        return tuple(reversed(found))


_State: TypeAlias = tuple[int, ...]  # lanes of the open makers: units with takers to come


def cheapest(units: Sequence[FoldableUnit], max_cycles: int, prices: Prices = AREA) -> Choice | None:
    """The folding of the lowest price, then area, with no unit above `max_cycles` a frame; None if there is none."""
    last_taker = {feed.maker: number for number, unit in enumerate(units) for feed in unit.feeds}
    ways: dict[_State, _Way] = {(): _Way()}
    makers: list[int] = []  # the open ones
    for number, unit in enumerate(units):
        options = {folding: cost for folding, cost in unit.options.items() if cost.cycles <= max_cycles}
        weights = {folding: _weight(cost, prices) for folding, cost in options.items()}
        positions = [None if feed.maker < 0 else makers.index(feed.maker) for feed in unit.feeds]
        kept = [place for place, maker in enumerate(makers) if last_taker[maker] > number]
        ways = _joined(
            unit,
            _arrivals(unit, sorted({folding.taken for folding in weights}), ways, positions, kept, prices),
            weights,
            number in last_taker,
        )
        makers = [makers[place] for place in kept] + ([number] if number in last_taker else [])
        if len(ways) > BEAM:
            ways = dict(sorted(ways.items(), key=lambda item: (item[1].weight, item[0]))[:BEAM])
    best = min(ways.values(), key=lambda way: way.weight, default=None)
    return None if best is None else Choice(best.foldings(), _total(units, best.foldings()))


def _arrivals(
    unit: FoldableUnit,
    lanes_taken: Sequence[int],
    ways: dict[_State, _Way],
    positions: Sequence[int | None],
    kept: Sequence[int],
    prices: Prices,
) -> dict[tuple[_State, int], _Way]:
    """The best ways to feed the unit, by the lanes of the makers that stay open and the lanes taken."""
    found: dict[tuple[_State, int], _Way] = {}
    for state, way in ways.items():
        rest = tuple(state[place] for place in kept)
        made = [None if place is None else state[place] for place in positions]
        for taken in lanes_taken:
            if unit.follows_input and any(lanes not in (None, taken) for lanes in made):
                continue
            links = _weight(_links(unit, tuple(made), taken), prices)
            weight = (way.weight[0] + links[0], way.weight[1] + links[1])
            known = found.get((rest, taken))
            if known is None or weight < known.weight:
                found[rest, taken] = _Way(weight, way.folding, way.before)  # the same foldings, linked
    return found


def _joined(
    unit: FoldableUnit,
    arrivals: dict[tuple[_State, int], _Way],
    weights: dict[Folding, tuple[int, int]],
    is_open: bool,
) -> dict[_State, _Way]:
    """The ways with the unit's own folding added."""
    found: dict[_State, _Way] = {}
    for (rest, taken), way in arrivals.items():
        for folding, (weight, second) in weights.items():
            if folding.taken != taken:
                continue
            state = (*rest, folding.made) if is_open else rest
            total = (way.weight[0] + weight, way.weight[1] + second)
            known = found.get(state)
            if known is None or total < known.weight:
                found[state] = _Way(total, folding, way)
    return found


def within(units: Sequence[FoldableUnit], max_cycles: int, budget: Budget) -> Choice | None:
    """A folding within the budget with no unit above `max_cycles`: that of least area if it is, else near it.

    None if there is none, as found for certain of one limit; of several, a way may be overlooked.
    """
    prices, before = AREA, None
    for _ in range(RISES):
        choice = cheapest(units, max_cycles, prices)
        exceeded = [] if choice is None else budget.exceeded(choice.cost)
        if choice is None or not exceeded:
            return choice if choice is None or before is None else _nearer(units, max_cycles, budget, before, choice)
        lut, dsp, bram18 = (
            price * (4 if name in exceeded else 1) for price, name in zip(prices, budget.names, strict=True)
        )
        before, prices = (prices, (lut, dsp, bram18)), (lut, dsp, bram18)
    choice = cheapest(units, max_cycles, budget.scarcity)
    return None if choice is None or budget.exceeded(choice.cost) else choice


def _nearer(
    units: Sequence[FoldableUnit], max_cycles: int, budget: Budget, rise: tuple[Prices, Prices], best: Choice
) -> Choice:
    """The choice of least area at prices between those that ask for too much and those of `best`, which do not."""
    low, high = rise
    for _ in range(STEPS):
        lut, dsp, bram18 = ((a + b) // 2 for a, b in zip(low, high, strict=True))
        choice = cheapest(units, max_cycles, (lut, dsp, bram18))
        if choice is None or budget.exceeded(choice.cost):
            low = lut, dsp, bram18
        else:
            high, best = (lut, dsp, bram18), min(choice, best, key=lambda choice: choice.cost.area)
    return _kept_elsewhere(units, budget, best)


def _kept_elsewhere(units: Sequence[FoldableUnit], budget: Budget, choice: Choice) -> Choice:
    """With the numbers of units in other memories, where that takes less area and the budget has room; lanes stay."""
    foldings = list(choice.foldings)
    for place, unit in enumerate(units):
        own = foldings[place]
        for other in sorted(unit.options, key=lambda folding: unit.options[folding].area):
            if other[:2] != own[:2] or unit.options[other].area >= unit.options[own].area:
                continue
            cost = choice.cost.instead(unit.options[own], unit.options[other])
            if not budget.exceeded(cost):
                foldings[place], choice = other, replace(choice, cost=cost)
                break
    return replace(choice, foldings=tuple(foldings))


def fastest(units: Sequence[FoldableUnit], budget: Budget) -> Choice | None:
    """The folding with the least cycles a frame that stays within the budget; None if none does."""
    limits = sorted({cost.cycles for unit in units for cost in unit.options.values()})

    def fits(limit: int) -> bool:
        if len(budget.limits) > 1:
            return within(units, limit, budget) is not None
        choice = cheapest(units, limit, budget.scarcity)
        return choice is not None and not budget.exceeded(choice.cost)

    index = bisect_left(limits, True, key=fits)
    return None if index == len(limits) else within(units, limits[index], budget)


def _weight(cost: UnitCost, prices: Prices) -> tuple[int, int]:
    lut, dsp, bram18 = prices
    return lut * cost.lut + dsp * cost.dsp + bram18 * cost.bram18, cost.area


def _total(units: Sequence[FoldableUnit], foldings: Sequence[Folding]) -> UnitCost:
    total = UnitCost()
    for unit, folding in zip(units, foldings, strict=True):
        made = tuple(None if feed.maker < 0 else foldings[feed.maker].made for feed in unit.feeds)
        total = total + unit.options[folding] + _links(unit, made, folding.taken)
    return total


def _links(unit: FoldableUnit, made: tuple[int | None, ...], taken: int) -> UnitCost:
    """What stands before a unit that takes `taken` lanes of streams with the lanes `made` (None: from the host)."""
    total = UnitCost()
    for feed, lanes in zip(unit.feeds, made, strict=True):
        if lanes is not None:
            total += _link(feed.elements, feed.width, lanes, taken, unit.burst)
    return total


@lru_cache(maxsize=1 << 16)
def _link(elements: int, width: int, made: int, taken: int, burst: int) -> UnitCost:
    """What stands between two units: a converter if lanes differ, and a FIFO behind it that holds a burst."""
    converter = converter_cost(elements, width, made, taken)
    if not burst:
        return converter
    depth = max(LEAST_DEPTH, burst // taken)
    return converter + fifo_cost(elements // taken, taken * width, depth)
