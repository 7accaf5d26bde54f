# SPDX-License-Identifier: Apache-2.0
"""Choose a folding for each unit of a chain: pure numbers, no IR.

For a limit of cycles a frame, the cheapest choice is found exactly by dynamic programming along the chain: the best
way to reach each number of lanes behind each unit, converters and FIFOs between units included.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..qdialect.cost import UnitCost
from ..qdialect.cost.fifo import fifo_cost
from ..qdialect.cost.width_converter import converter_cost

Folding = tuple[int, int]  # lanes taken, lanes made


@dataclass(frozen=True)
class FoldableUnit:
    """What the search knows of a unit.

    Attributes:
        name: for messages.
        options: cost of every folding.
        elements, width: of a frame of its input stream, and bits of one element.
        follows_input: no converter may stand before it.
        buffered: a FIFO stands before it unless it is the first.
    """

    name: str
    options: dict[Folding, UnitCost]
    elements: int
    width: int
    follows_input: bool = False
    buffered: bool = False

    @property
    def least_cycles(self) -> int:
        return min(cost.cycles for cost in self.options.values())


@dataclass(frozen=True)
class Choice:
    """A folding for each unit, and what all cost together with converters and estimated FIFOs."""

    foldings: tuple[Folding, ...]
    cost: UnitCost


def cheapest(units: Sequence[FoldableUnit], max_cycles: int, *, by_lut: bool = False) -> Choice | None:
    """The folding of least area (or look-up tables) with no unit above `max_cycles` a frame; None if there is none."""
    best: dict[int, Choice] = {}  # by the lanes behind the units so far
    for index, unit in enumerate(units):
        reached: dict[int, Choice] = {}
        for folding, cost in unit.options.items():
            if cost.cycles > max_cycles:
                continue
            for before in _arrivals(best, unit, folding, first=index == 0):
                total = Choice((*before.foldings, folding), before.cost + cost)
                known = reached.get(folding[1])
                if known is None or _key(total, by_lut) < _key(known, by_lut):
                    reached[folding[1]] = total
        best = reached
    return min(best.values(), key=lambda choice: _key(choice, by_lut), default=None)


def fastest(units: Sequence[FoldableUnit], max_lut: int) -> Choice | None:
    """The folding with the least cycles a frame that stays within `max_lut` look-up tables; None if none does."""
    limits = sorted({cost.cycles for unit in units for cost in unit.options.values()})

    def fits(limit: int) -> bool:
        choice = cheapest(units, limit, by_lut=True)
        return choice is not None and choice.cost.lut <= max_lut

    index = bisect_left(limits, True, key=fits)
    return None if index == len(limits) else cheapest(units, limits[index], by_lut=True)


def _key(choice: Choice, by_lut: bool) -> tuple[int, int]:
    cost = choice.cost
    return (cost.lut, cost.area) if by_lut else (cost.area, cost.lut)


def _arrivals(best: dict[int, Choice], unit: FoldableUnit, folding: Folding, *, first: bool) -> list[Choice]:
    """Choices for the units before, with the converter and the FIFO that lead to `folding`."""
    if first:
        return [Choice((), UnitCost())]
    if unit.follows_input:
        return [best[folding[0]]] if folding[0] in best else []
    return [
        Choice(before.foldings, before.cost + _link(unit.elements, unit.width, lanes, folding[0], unit.buffered))
        for lanes, before in best.items()
    ]


@lru_cache(maxsize=1 << 16)
def _link(elements: int, width: int, made: int, taken: int, buffered: bool) -> UnitCost:
    """What stands between two units: a converter if lanes differ, and at most a frame in a FIFO behind it."""
    converter = converter_cost(elements, width, made, taken)
    if not buffered:
        return converter
    beats = elements // taken
    return converter + fifo_cost(beats, taken * width, beats)
