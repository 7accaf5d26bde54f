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
DEEPER = (2, 4)  # times what FIFOs hold when frames come evenly, tried where that is too slow
MAX_WORK = 500_000_000  # beats to compute before the search ends; half a minute

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

    Deadlock if no depths keep the graph from stopping; Unsettled if its timing cannot be found.

    Args:
        build: the stages of the graph with these depths (None: unlimited), and the number of the unit of each stage.
        fifos: to size.
        cycles: of the busiest unit, a frame.

    Attributes:
        interval: between frames with as much room as what waits at full speed takes.
    """

    def __init__(
        self,
        build: Callable[[Mapping[int, int | None]], tuple[Network, Sequence[int]]],
        fifos: Sequence[Fifo],
        cycles: int,
    ) -> None:
        self._build, self._cycles, self._fifos = build, cycles, fifos
        self._work, self._longest = 0, MAX_WORK
        held = self._held()
        self._idle = [fifo.number for fifo in fifos if fifo.optional and held[fifo.number] <= LEAST_DEPTH]
        self.interval, self._depths = self._timed(held, 1)
        for factor in DEEPER:
            if self.interval <= cycles:
                break
            found = self._timed(held, factor)
            self.interval, self._depths = min((self.interval, self._depths), found, key=lambda found: found[0])

    def _timed(self, held: Depths, factor: int) -> tuple[Fraction, Depths]:
        """(interval, depths) with so many times what FIFOs hold."""
        depths = self._safe({number: factor * depth for number, depth in held.items()})
        timing = simulate(self._build(depths)[0])
        self._longest = max(self._longest, 4 * timing.work)
        return timing.initiation_interval, depths

    def least(self) -> Depths:
        """Least depths that keep the interval, found one by one from the largest on."""
        depths, best = dict(self._depths), self.interval
        least = {fifo.number: max(LEAST_DEPTH, fifo.burst) for fifo in self._fifos if fifo.burst}
        bursts = {number: min(depth, depths[number]) for number, depth in least.items()}
        if self._keeps(depths | bursts | dict.fromkeys(self._idle, 0), best):
            depths |= bursts | dict.fromkeys(self._idle, 0)
        else:
            self._leave_out(self._idle, depths, best)
        for fifo in sorted(self._fifos, key=lambda fifo: -fifo.width * depths[fifo.number]):
            self._lower(fifo, depths, best)
        return depths

    def _leave_out(self, idle: Sequence[int], depths: Depths, best: Fraction) -> None:
        """Leave out those of the FIFOs that the interval does not need: all, or half of them at a time."""
        if self._keeps(depths | dict.fromkeys(idle, 0), best):
            depths |= dict.fromkeys(idle, 0)
        elif len(idle) > 1:
            for half in (idle[: len(idle) // 2], idle[len(idle) // 2 :]):
                self._leave_out(half, depths, best)

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
