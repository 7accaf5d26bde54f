# SPDX-License-Identifier: Apache-2.0
"""Choose depths of FIFOs for a graph of units: pure numbers, no IR.

A FIFO that can be left out has depth 0. The search is bounded by the beats that its simulations follow, not by time, so
that it always finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..qdialect.cost.timing import Deadlock, Network, check_progress, simulate

LEAST_DEPTH = 2  # a beat can pass every cycle
MAX_WORK = 6_000_000  # beats to follow in all; about as many microseconds

Depths = dict[int, int]


@dataclass(frozen=True)
class Fifo:
    """A FIFO to size: its number, whether it can be left out, and the bits of a beat."""

    number: int
    optional: bool
    width: int


class Sizing:
    """The search for least depths.

    Args:
        build: the stages of the graph with these depths (None: unlimited), and the number of the unit of each stage.
        fifos: to size.
        cycles: of the busiest unit, a frame.
    """

    def __init__(
        self,
        build: Callable[[Mapping[int, int | None]], tuple[Network, Sequence[int]]],
        fifos: Sequence[Fifo],
        cycles: int,
    ) -> None:
        self._build, self._cycles = build, cycles
        self._fifos = sorted(fifos, key=lambda fifo: -fifo.width)
        self._work = 0

    def run(self) -> Depths:
        """Least depths, found one by one from the widest on, that are as fast as what waits at full speed.

        Deadlock if no depths keep the graph from stopping.
        """
        depths = self._safe(self._held())
        best = self._interval(depths)
        assert best is not None, "safe depths do not stop"
        slack = {fifo.number: 0 for fifo in self._fifos if fifo.optional and depths[fifo.number] <= LEAST_DEPTH}
        if slack and self._keeps(depths | slack, best):
            depths |= slack
        for fifo in self._fifos:
            self._lower(fifo, depths, best)
        return depths

    def _held(self) -> Depths:
        """What each unlimited FIFO holds when a frame comes with every interval of the busiest unit."""
        network, owners = self._build({fifo.number: None for fifo in self._fifos})
        check_progress(network)
        timing = simulate(network, frame_interval=self._cycles)
        held = dict(zip(owners, timing.occupancy, strict=True))
        return {fifo.number: max(LEAST_DEPTH, held[fifo.number]) for fifo in self._fifos}

    def _safe(self, depths: Depths) -> Depths:
        """Depths of at least these that never let the graph stop, whatever pauses the ends make."""
        depths, sized = dict(depths), {fifo.number for fifo in self._fifos}
        while True:
            network, owners = self._build(depths)
            try:
                check_progress(network)
            except Deadlock as deadlock:
                full = [owners[stage.stage] for stage in deadlock.full if owners[stage.stage] in sized]
                if not full:
                    raise
                depths[full[-1]] += 1 + depths[full[-1]] // 4
            else:
                return depths

    def _interval(self, depths: Depths) -> Fraction | None:
        """The interval with these depths; None if the graph can stop."""
        network, _ = self._build(depths)
        self._work += sum(network.beats)
        try:
            check_progress(network)
        except Deadlock:
            return None
        timing = simulate(network)
        self._work += sum(network.beats) * len(timing.frame_ends)
        return timing.initiation_interval

    def _keeps(self, depths: Depths, best: Fraction) -> bool:
        """Whether depths are as good as what is known; no if the search has taken long enough."""
        if self._work > MAX_WORK:
            return False
        interval = self._interval(depths)
        return interval is not None and interval <= best

    def _lower(self, fifo: Fifo, depths: Depths, best: Fraction) -> None:
        number = fifo.number
        low, high = LEAST_DEPTH, depths[number]
        if high and fifo.optional and self._keeps(depths | {number: 0}, best):
            low = high = 0
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._keeps(depths | {number: middle}, best) else (middle + 1, high)
        depths[number] = high
