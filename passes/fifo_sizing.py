# SPDX-License-Identifier: Apache-2.0
"""Choose depths of FIFOs for a graph of units: pure numbers, no IR.

A FIFO that can be left out has depth 0. The search is bounded by the beats that its simulations compute, not by time,
so that it always finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..qdialect.cost.progress import surely_progresses
from ..qdialect.cost.timing import FEW_BEATS, Deadlock, Network, Unsettled, check_progress, simulate

LEAST_DEPTH = 2  # a beat can pass every cycle
MAX_WORK = 100_000_000  # beats to compute before the search ends; a few seconds

Depths = dict[int, int]


@dataclass(frozen=True)
class Fifo:
    """A FIFO to size.

    Attributes:
        number: by which the caller knows it.
        optional: whether it can be left out.
        width: bits of a beat.
        burst: beats that the unit behind it takes at once and then works on; 0 if it is not so.
    """

    number: int
    optional: bool
    width: int
    burst: int


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
        self._build, self._cycles, self._fifos = build, cycles, fifos
        self._work, self._longest = 0, MAX_WORK

    def run(self) -> Depths:
        """Least depths, found one by one from the largest on, that are as fast as what waits at full speed.

        Deadlock if no depths keep the graph from stopping; Unsettled if its timing cannot be found.
        """
        depths = self._safe(self._held())
        timing = simulate(self._build(depths)[0])
        best, self._longest = timing.initiation_interval, max(MAX_WORK, 2 * timing.work)
        idle = {fifo.number: 0 for fifo in self._fifos if fifo.optional and depths[fifo.number] <= LEAST_DEPTH}
        least = {fifo.number: max(LEAST_DEPTH, fifo.burst) for fifo in self._fifos if fifo.burst}
        bursts = {number: min(depth, depths[number]) for number, depth in least.items()}
        for trial in (idle | bursts, idle):
            if self._keeps(depths | trial, best):
                depths |= trial
                break
        for fifo in sorted(self._fifos, key=lambda fifo: -fifo.width * depths[fifo.number]):
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

    def _keeps(self, depths: Depths, best: Fraction) -> bool:
        """Whether depths are as good as what is known; no if that takes long to say, or the search has taken long."""
        if self._work > MAX_WORK:
            return False
        network, _ = self._build(depths)
        self._work += sum(network.beats)
        if not surely_progresses(network):
            return False
        try:
            timing = simulate(network, max_followed=20 * FEW_BEATS, max_work=self._longest)
        except Unsettled as unsettled:
            self._work += unsettled.work
            return False
        self._work += timing.work
        return timing.initiation_interval <= best

    def _lower(self, fifo: Fifo, depths: Depths, best: Fraction) -> None:
        """The least depth that keeps the interval, if the search gets there; the likely one is tried first."""
        number = fifo.number
        low, high = LEAST_DEPTH, depths[number]
        if high and fifo.optional and self._keeps(depths | {number: 0}, best):
            low = high = 0
        trial = min(max(low, fifo.burst), max(low, high - 1))
        while low < high:
            low, high = (low, trial) if self._keeps(depths | {number: trial}, best) else (trial + 1, high)
            trial = (low + high) // 2
        depths[number] = high
