# SPDX-License-Identifier: Apache-2.0
"""Cycle-exact timing of a chain of units, from plain numbers: initiation interval, latency, FIFO occupancy.

Units are rigid pipelines (`Schedule`) and FIFOs (`Buffer`). Instead of stepping through cycles, each beat is followed
through the chain once: a rigid pipeline has a clock of its own that stands still while an output beat waits, so
all that happens in it is fixed on that clock when an input beat is taken, and only the waiting has to be added. The
cost is one short computation for each beat and unit. The source offers a beat in every cycle, the sink takes every
beat at once; cycle 0 is the first after reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

# A chain that has not become periodic after so many beats (times stages) is measured over its last frame.
MAX_WORK = 250_000


@dataclass(frozen=True)
class Schedule:
    """A rigid pipeline that repeats rounds of `steps`, one a cycle unless it waits.

    The first `inputs` steps of a round take an input beat each; every `steps / outputs`-th step makes an output beat,
    which is offered `latency` cycles later. A step that needs a beat and has none is a bubble; a beat that waits at
    the output holds everything.
    """

    steps: int
    inputs: int
    outputs: int
    latency: int


@dataclass(frozen=True)
class Buffer:
    """A FIFO of `depth` beats (None: unlimited); an empty one offers a beat `latency` cycles after it took it."""

    depth: int | None
    latency: int


Stage = Schedule | Buffer


@dataclass(frozen=True)
class Timing:
    """What a simulation found.

    Attributes:
        initiation_interval: cycles between the ends of successive frames in the steady state (an average if frames
            alternate, so it can be a fraction).
        latency: cycles from the first beat of frame 0 taken to its last output beat taken.
        occupancy: for each stage the most beats held at once if it is a Buffer, the beat just offered included; else 0.
        frame_ends: cycle in which the last output beat of each simulated frame was taken.
        period: after the simulated frames the last `period` intervals come again and again; 0 if that is not known.
    """

    initiation_interval: Fraction
    latency: int
    occupancy: tuple[int, ...]
    frame_ends: tuple[int, ...]
    period: int

    def frame_end(self, frame: int) -> int:
        """Cycle in which the last output beat of a frame is taken, also beyond the simulated frames."""
        last = len(self.frame_ends) - 1
        if frame <= last:
            return self.frame_ends[frame]
        period = max(self.period, 1)
        rounds = -(-(frame - last) // period)
        return self.frame_ends[frame - rounds * period] + int(rounds * period * self.initiation_interval)


def simulate(
    stages: Sequence[Stage],
    input_beats: int,
    output_beats: int,
    *,
    frame_interval: int = 0,
    max_frames: int | None = None,
) -> Timing:
    """Follow frames through a chain until its state repeats.

    Args:
        input_beats, output_beats: beats of a frame at both ends of the chain.
        frame_interval: the source starts frame k no earlier than cycle k * frame_interval.
        max_frames: stop there if the state does not repeat; at least 2. By default what `MAX_WORK` allows.
    """
    if max_frames is None:
        max_frames = max(8, MAX_WORK // ((input_beats + output_beats) * max(1, len(stages))))
    sink = _Sink()
    chain: list[_Node] = []
    for stage in reversed(stages):
        target = chain[0] if chain else sink
        chain.insert(0, _Buffer(stage, target) if isinstance(stage, Buffer) else _Rigid(stage, target))
    first = chain[0] if chain else sink
    seen: dict[tuple[object, ...], int] = {}
    start, now, frames = -1, -1, 0
    ends: list[int] = []
    interval: Fraction | None = None
    period = 0
    while interval is None:
        now = max(now, frames * frame_interval - 1)
        for _ in range(input_beats):
            now = first.take(now + 1)
            start = now if start < 0 else start
        frames += 1
        ends = sink.times[output_beats - 1 :: output_beats]
        assert len(ends) == frames, "a stage swallowed part of a frame"
        state = (max(0, frames * frame_interval - now), *(node.state(now) for node in chain))
        if state in seen:
            period = frames - seen[state]
            interval = Fraction(ends[-1] - ends[-1 - period], period)
        elif frames >= max_frames:
            interval = Fraction(ends[-1] - ends[-2])
        seen[state] = frames
    occupancy = tuple(node.occupancy for node in chain)
    return Timing(interval, ends[0] - start, occupancy, tuple(ends), period)


class _Node(Protocol):
    occupancy: int

    def take(self, offered: int) -> int:
        """Cycle in which the beat that is offered from cycle `offered` on is taken. Beats come in order."""
        ...

    def state(self, now: int) -> object:
        """All that the future depends on, relative to cycle `now`; two equal states have equal futures."""
        ...


class _Sink:
    """Takes each beat in the first cycle that offers it."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.occupancy = 0

    def take(self, offered: int) -> int:
        self.times.append(offered)
        return offered

    def state(self, now: int) -> object:
        return self.times[-1] - now if self.times else None


class _Rigid:
    """A `Schedule`. `local` cycles count on the pipeline's own clock; cycle = local + delay."""

    def __init__(self, schedule: Schedule, target: _Node) -> None:
        self.occupancy = 0
        self._target = target
        self._inputs = schedule.inputs
        self._step = 0  # step of the round that takes the next beat
        self._next = 0  # local cycle in which it can be taken at the earliest
        self._delay = 0  # cycles waited before local cycle `_next`
        self._waits: deque[tuple[int, int]] = deque()  # (local cycle of an output beat, delay from there on)
        self._last_delay = 0
        period = schedule.steps // schedule.outputs
        # For each input step: local cycles from it to the output beats of it and of the free steps behind it.
        self._made: list[list[int]] = [[] for _ in range(schedule.inputs)]
        for step in range(period - 1, schedule.steps, period):
            owner = min(step, schedule.inputs - 1)
            self._made[owner].append(step - owner + schedule.latency)
        self._free = schedule.steps - schedule.inputs

    def take(self, offered: int) -> int:
        local, delay, waits = self._next, self._delay, self._waits
        while True:
            while waits and waits[0][0] <= local:
                delay = waits.popleft()[1]
            if local + delay >= offered:
                break
            local = min(offered - delay, waits[0][0]) if waits else offered - delay
        step = self._step
        self._step = step + 1 if step + 1 < self._inputs else 0
        self._next = local + 1 + (0 if self._step else self._free)
        self._delay = delay
        for distance in self._made[step]:
            made = local + distance
            self._last_delay = self._target.take(made + self._last_delay) - made
            waits.append((made, self._last_delay))
        return local + delay

    def state(self, now: int) -> object:
        local = self._next
        waits = tuple((made - local, delay - self._delay) for made, delay in self._waits)
        return self._step, max(local + self._delay - now, -(1 << 20)), waits, self._last_delay - self._delay


class _Buffer:
    """A `Buffer`. A place is free again in the cycle after its beat was taken."""

    def __init__(self, buffer: Buffer, target: _Node) -> None:
        self.occupancy = 0
        self._target = target
        self._depth = buffer.depth
        self._latency = buffer.latency
        self._held: deque[int] = deque()  # cycles in which the beats still held, as far as known, are taken
        self._last = -1

    def take(self, offered: int) -> int:
        held, time = self._held, offered
        while held and held[0] < time:
            held.popleft()
        if self._depth is not None and len(held) >= self._depth:
            time = held[-self._depth] + 1
            while held and held[0] < time:
                held.popleft()
        self._last = self._target.take(max(time + self._latency, self._last + 1))
        held.append(self._last)
        self.occupancy = max(self.occupancy, len(held))
        return time

    def state(self, now: int) -> object:
        return tuple(time - now for time in self._held if time >= now), max(self._last - now, 0)
