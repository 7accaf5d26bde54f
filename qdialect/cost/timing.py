# SPDX-License-Identifier: Apache-2.0
"""Cycle-exact timing of a graph of stages, from plain numbers: initiation interval, latency, FIFO occupancy, deadlock.

Stages are joined by channels, and a channel moves each beat in one cycle: the first in which it is offered and taken.
Nothing is stepped through cycle by cycle. Each stage computes, beat after beat, when it takes and when it offers, from
when its neighbours offer and take (`stages.py`); it waits only for what it cannot know yet. So the order of computing
does not matter, one beat costs one short computation at each end, and if no stage can go on the hardware stands still
too. Frames of many beats are computed as arrays instead (`frames.py`), with the same result. The source offers a beat
in every cycle, the sink takes every beat at once; cycle 0 is the first after reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from .frames import FrameRun, Unsettled
from .progress import surely_progresses
from .stages import Buffer, Channel, Fork, Process, Schedule, Stage, Window, evenly, process, sink

# A graph that has not become periodic after so many beats is measured over its last frame.
MAX_WORK = 1_000_000
_FRAME_WORK = 50  # what comparing frames costs for each channel, in beats
# Up to so many beats a frame, in all channels, are followed one by one, which is the quicker way for them;
FEW_BEATS = 2000
# up to so many if whole frames do not settle.
MAX_FOLLOWED = 3_000_000
_FOLLOWED_WORK = 80  # what following a beat costs, against computing it with its frame


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
        work: beats that were computed, again and again where need be: the time that the simulation takes.
    """

    initiation_interval: Fraction
    latency: int
    occupancy: tuple[int, ...]
    frame_ends: tuple[int, ...]
    period: int
    work: int

    def frame_end(self, frame: int) -> int:
        """Cycle in which the last output beat of a frame is taken, also beyond the simulated frames."""
        last = len(self.frame_ends) - 1
        if frame <= last:
            return self.frame_ends[frame]
        period = max(self.period, 1)
        rounds = -(-(frame - last) // period)
        return self.frame_ends[frame - rounds * period] + int(rounds * period * self.initiation_interval)


@dataclass(frozen=True)
class Waiting:
    """A stage that can never go on: its number, and the beats that it took of its inputs and gave in all."""

    stage: int
    taken: int
    given: int


@dataclass(frozen=True)
class Deadlock(Exception):
    """Stages that wait for each other in a circle.

    `join` needs a beat that has to come along `starved` (in stream order), whose first stage gets nothing from `fork`,
    which waits until `full`, the way over which `join` takes nothing, has room.
    """

    fork: Waiting
    join: Waiting
    starved: tuple[Waiting, ...]
    full: tuple[Waiting, ...]


class Network:
    """Stages joined by channels. Channel 0 is the input; the one that no stage takes is the output.

    Attributes:
        stages: in the order of adding; each comes with the channels that it takes and those that it makes.
        beats: of a frame, on each channel.
    """

    def __init__(self, input_beats: int) -> None:
        self.stages: list[tuple[Stage, tuple[int, ...], tuple[int, ...]]] = []
        self.beats = [input_beats]

    def add(self, stage: Stage, *inputs: int) -> tuple[int, ...]:
        """Append a stage that takes the channels `inputs`; the channels that it makes."""
        made = stage.output_beats([self.beats[channel] for channel in inputs])
        outputs = tuple(range(len(self.beats), len(self.beats) + len(made)))
        self.beats += made
        self.stages.append((stage, inputs, outputs))
        return outputs

    @property
    def output(self) -> int:
        """The channel that no stage takes."""
        taken = {channel for _, inputs, _ in self.stages for channel in inputs}
        (output,) = (channel for channel in range(len(self.beats)) if channel not in taken)
        return output


def chain(stages: Sequence[Stage], input_beats: int) -> Network:
    """A network of stages one behind the other."""
    network, channel = Network(input_beats), 0
    for stage in stages:
        (channel,) = network.add(stage, channel)
    return network


def simulate(
    network: Network,
    *,
    frame_interval: int = 0,
    max_frames: int | None = None,
    max_followed: int = MAX_FOLLOWED,
    max_work: int | None = None,
) -> Timing:
    """Follow frames through a network until they repeat. Deadlock if it comes to a stop.

    Args:
        frame_interval: the source starts frame k no earlier than cycle k * frame_interval.
        max_frames: stop there if frames do not repeat; at least 2. By default what `MAX_WORK` allows.
        max_followed: beats a frame up to which they are followed one by one where whole frames do not settle;
            Unsettled beyond.
        max_work: beats to compute before whole frames are given up; by default what `frames.py` allows each frame.
    """
    beats = sum(network.beats)
    if max_frames is None:
        max_frames = max(8, MAX_WORK // _frame_work(network))
    if beats > FEW_BEATS:
        try:
            return _repeat(FrameRun(network, frame_interval, max_work, hurried=beats <= max_followed), max_frames)
        except Unsettled:
            if beats > max_followed:
                raise
    return _repeat(_Run(network, frame_interval), max_frames)


def _frame_work(network: Network) -> int:
    """What following a frame costs, in beats."""
    return sum(network.beats) + _FRAME_WORK * len(network.beats)


def _repeat(run: FrameRun | _Run, max_frames: int) -> Timing:
    """Frame after frame until a state comes again."""
    ends, seen = run.ends, dict[tuple[object, ...], int]()
    while True:
        run.frame()
        state = run.state()
        period = len(ends) - seen.get(state, len(ends))
        if period or len(ends) >= max_frames:
            break
        seen[state] = len(ends)
    interval = Fraction(ends[-1] - ends[-1 - period], period) if period else Fraction(ends[-1] - ends[-2])
    return Timing(interval, ends[0] - run.start, run.occupancy(), tuple(ends), period, run.work)


def check_progress(network: Network) -> None:
    """Deadlock if the network could come to a stop, whatever pauses its source and its sink make.

    A pause can empty a pipeline but for the beat that waits at its end. So here a pipeline takes a beat only when all
    that it made is gone. Such a network does what it can in any order with one end, so if it passes one frame it passes
    all; and hardware has at least its room.
    """
    if not surely_progresses(network):
        _Run(network, wary=True).frame()


class _Run:
    """A simulation: channels, and the processes that are ready or wait."""

    def __init__(self, network: Network, frame_interval: int = 0, *, wary: bool = False) -> None:
        self.network, self.interval = network, frame_interval
        self.channels = [Channel(number) for number in range(len(network.beats))]
        self.ends: list[int] = []
        ports = [(inputs, outputs) for _, inputs, outputs in network.stages] + [((network.output,), ())]
        streams = [[[self.channels[c] for c in side] for side in port] for port in ports]
        self._processes: list[Process] = [
            process(stage, *streams[number], wary=wary) for number, (stage, _, _) in enumerate(network.stages)
        ]
        self._processes.append(sink(streams[-1][0][0]))
        # keys as in stages.py: 2 c for the offers of channel c, 2 c + 1 for when its beats were taken
        self._lists = [times for channel in self.channels for times in (channel.offers, channel.taken)]
        self._grown = [[2 * c + 1 for c in inputs] + [2 * c for c in outputs] for inputs, outputs in ports]
        self._ports = ports
        self._waiting: list[tuple[int, int]] = [(-1, 0)] * len(self._lists)  # (process, length it needs) by key
        self._blocked = [-1] * len(ports)  # key that each process waits for
        self._digests: list[bytes] = []
        frames = (stage.memory([network.beats[c] for c in inputs]) for stage, inputs, _ in network.stages)
        self._memory = max([1, *frames])
        self._go_on(deque(range(len(ports))))

    @property
    def start(self) -> int:
        """Cycle in which the first beat was taken."""
        return self.channels[0].taken[0]

    @property
    def work(self) -> int:
        """As `FrameRun` counts it, by the time that a beat takes."""
        return _FOLLOWED_WORK * len(self.ends) * _frame_work(self.network)

    def frame(self) -> None:
        """Offer one more frame and follow it to its end."""
        number, beats = len(self.ends), self.network.beats
        self.channels[0].offers.extend([number * self.interval, *[0] * (beats[0] - 1)])
        first, _ = self._waiting[0]
        self._waiting[0] = (-1, 0)
        self._go_on(deque([first]))
        if any(len(channel.taken) < (number + 1) * beats[channel.number] for channel in self.channels):
            raise self._deadlock()
        output = self.network.output
        self.ends.append(self.channels[output].taken[(number + 1) * beats[output] - 1])
        self._digests.append(self._digest(number))

    def _go_on(self, ready: deque[int]) -> None:
        lists, waiting, grown = self._lists, self._waiting, self._grown
        steps = [process.__next__ for process in self._processes]
        while ready:
            number = ready.popleft()
            key, needed = steps[number]()
            self._blocked[number] = key
            waiting[key] = (number, needed)
            for other in grown[number]:
                waiter, needed = waiting[other]
                if waiter >= 0 and len(lists[other]) >= needed:
                    waiting[other] = (-1, 0)
                    ready.append(waiter)

    def state(self) -> tuple[object, ...]:
        """All that the future depends on, relative to the end of the last frame; equal states have equal futures."""
        ahead = len(self.ends) * self.interval - self.channels[0].taken[-1]
        return (max(0, ahead), *self._digests[-self._memory :]) if len(self.ends) >= self._memory else (len(self.ends),)

    def _digest(self, frame: int) -> bytes:
        """When each beat of a frame was offered and taken, relative to the frame's end."""
        end, hashed = self.ends[frame], blake2b(digest_size=16)
        for channel, beats in zip(self.channels, self.network.beats, strict=True):
            hashed.update((channel.times(frame * beats, (frame + 1) * beats) - end).tobytes())
        return hashed.digest()

    def occupancy(self) -> tuple[int, ...]:
        return tuple(
            _most_held(self.channels[inputs[0]].taken, self.channels[outputs[0]].taken)
            if isinstance(stage, Buffer)
            else 0
            for stage, inputs, outputs in self.network.stages
        )

    def _deadlock(self) -> Deadlock:
        """Follow who waits for whom from the sink until it goes round."""
        maker = {c: number for number, (_, outputs) in enumerate(self._ports) for c in outputs}
        taker = {c: number for number, (inputs, _) in enumerate(self._ports) for c in inputs}
        number, order = len(self._ports) - 1, list[int]()
        while number not in order:
            order.append(number)
            channel, for_room = divmod(self._blocked[number], 2)
            number = (taker if for_room else maker)[channel]
        circle = order[order.index(number) :]
        for_room = [self._blocked[number] % 2 == 1 for number in circle]
        start = next(i for i in range(len(circle)) if not for_room[i] and for_room[i - 1])
        circle, for_room = circle[start:] + circle[:start], for_room[start:] + for_room[:start]
        turn = for_room.index(True)
        waiting = [self._waiting_stage(number) for number in circle]
        return Deadlock(waiting[turn], waiting[0], tuple(reversed(waiting[1:turn])), tuple(waiting[turn + 1 :]))

    def _waiting_stage(self, number: int) -> Waiting:
        inputs, outputs = self._ports[number]
        taken, given = (sum(len(self.channels[c].taken) for c in side) for side in (inputs, outputs))
        return Waiting(number, taken, given)


def _most_held(taken: Sequence[int], given: Sequence[int]) -> int:
    """Most beats held at once; one that is given in a cycle is held until its end."""
    arrivals: NDArray[np.int64] = np.array(taken)
    return int((np.arange(1, len(arrivals) + 1) - np.searchsorted(np.array(given), arrivals)).max())


__all__ = [
    "FEW_BEATS",
    "Buffer",
    "Deadlock",
    "Fork",
    "Network",
    "Schedule",
    "Stage",
    "Timing",
    "Unsettled",
    "Waiting",
    "Window",
    "chain",
    "check_progress",
    "evenly",
    "simulate",
]
