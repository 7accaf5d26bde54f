# SPDX-License-Identifier: Apache-2.0
"""What a stage of the timing simulation does with its beats: when it takes them and when it offers them.

A stage is a process (a generator) that reads when its inputs are offered and when its outputs are taken, and writes
when it takes and when it offers. It yields when it cannot go on: which list it waits for, and how long that has to be.
A new kind of stage is a class with `output_beats`, `memory` and `run`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Process: TypeAlias = Generator[tuple[int, int], None, None]
NEVER = 1 << 62


class Channel:
    """The beats between two stages.

    `taken[k]`: the cycle in which beat k moves, written by the stage that takes it, which is the first in which it can
    and the beat is offered. `offers[k]`: a beat is offered from cycle `offers[k]` on, but not before the cycle after
    the one before was taken; or, if the channel is `relative`, `offers[k]` cycles after the one before was taken.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.offers: list[int] = []
        self.taken: list[int] = []
        self.relative = False

    def times(self, start: int, stop: int) -> NDArray[np.int64]:
        """In which cycles the beats from `start` to `stop` were first offered, and taken."""
        taken = np.array(self.taken[start:stop])
        before = np.array([self.taken[start - 1] if start else -1, *self.taken[start : stop - 1]])
        offers = np.array(self.offers[start:stop])
        return np.array([before + offers if self.relative else np.maximum(offers, before + 1), taken])


@dataclass(frozen=True)
class Schedule:
    """A rigid pipeline that repeats rounds of `steps`, one a cycle unless it waits.

    A step that takes a beat and has none (of one of its inputs) is a bubble; a beat that waits at the output holds
    everything.

    Attributes:
        takes: for each input the steps that take a beat of it, rising.
        makes: the steps that make an output beat, rising; it is offered `latency` cycles later.
    """

    steps: int
    takes: tuple[Sequence[int], ...]
    makes: Sequence[int]
    latency: int

    def output_beats(self, beats: Sequence[int]) -> list[int]:
        rounds = {number // len(steps) for number, steps in zip(beats, self.takes, strict=True)}
        assert len(rounds) == 1, (self, beats)
        return [rounds.pop() * len(self.makes)]

    def memory(self, beats: Sequence[int]) -> int:
        """Frames that the future depends on: those whose beats may still be in the pipeline."""
        return -(-self.latency // (beats[0] // len(self.takes[0]) * self.steps))

    def taking_steps(self) -> list[tuple[tuple[int, ...], int, list[int]]]:
        """(inputs taken, steps to the next that takes, steps to the offers made until then) for each step that takes.

        The round is turned so that it begins with such a step.
        """
        inputs: dict[int, tuple[int, ...]] = {}
        for number, steps in enumerate(self.takes):
            for step in steps:
                inputs[step] = (*inputs.get(step, ()), number)
        taking = sorted(inputs)
        offers: list[list[int]] = [[] for _ in taking]
        starts = np.array(taking)
        for step in [*self.makes]:
            owner = int(np.searchsorted(starts, step, side="right")) - 1  # -1: the last one of the round before
            offers[owner].append((step - taking[owner]) % self.steps + self.latency)
        gaps = [b - a for a, b in zip(taking, [*taking[1:], taking[0] + self.steps], strict=True)]
        return [(inputs[step], gap, sorted(made)) for step, gap, made in zip(taking, gaps, offers, strict=True)]

    def run(self, inputs: Sequence[Channel], outputs: Sequence[Channel], *, wary: bool) -> Process:
        """`local` cycles count on the pipeline's own clock, which stands still while an output beat waits."""
        (out,) = outputs
        out.relative = True
        first = min(steps[0] for steps in self.takes)
        made = [step + self.latency for step in self.makes if step < first]  # local cycles of the outputs' offers
        out.offers.extend(b - a for a, b in zip([-1, *made], made, strict=False))
        return _rigid(self.taking_steps(), first, made, inputs, out, wary)


def _rigid(
    steps: list[tuple[tuple[int, ...], int, list[int]]],
    local: int,
    made: list[int],
    inputs: Sequence[Channel],
    out: Channel,
    wary: bool,
) -> Process:
    sides = [(channel.offers, channel.taken, 2 * channel.number, channel.relative) for channel in inputs]
    counts, before = [0] * len(sides), [-1] * len(sides)
    gone, offers, room = out.taken, out.offers, 2 * out.number + 1
    last, following, passed, delay = made[-1] if made else -1, made[0] if made else NEVER, 0, 0
    while True:
        for taken_inputs, gap, distances in steps:
            offered = -1
            for side in taken_inputs:
                times, _, key, relative = sides[side]
                beat, previous = counts[side], before[side]
                if len(times) <= beat:
                    yield key, beat + 1
                cycle = times[beat]
                cycle = cycle + previous if relative else cycle if cycle > previous else previous + 1
                if cycle > offered:
                    offered = cycle
                counts[side] = beat + 1
            if wary and len(gone) < len(made):
                yield room, len(made)
            while True:
                while following <= local:
                    if len(gone) <= passed:
                        yield room, passed + 1
                    delay = gone[passed] - following
                    passed += 1
                    following = made[passed] if passed < len(made) else NEVER
                cycle = local + delay
                if cycle >= offered:
                    break
                local = min(offered - delay, following)
            for side in taken_inputs:
                sides[side][1].append(cycle)
                before[side] = cycle
            for distance in distances:
                made.append(local + distance)
                offers.append(local + distance - last)
                last = local + distance
            if following == NEVER and passed < len(made):
                following = made[passed]
            local += gap


@dataclass(frozen=True)
class Window:
    """A buffer that keeps input beats as long as output beats need them; each side moves up to a beat a cycle.

    Attributes:
        need: for each `repeats` output beats of a frame the number of the last input beat of the frame that must be
            there; -1 if they need none. They are offered from `latency` cycles after that was taken on.
        free: for each input beat of a frame the number of the output beat that must be gone before there is room; it is
            taken no earlier than the cycle after. Negative numbers count back from the last beat of the frame before.
    """

    need: NDArray[np.int64]
    free: NDArray[np.int64]
    latency: int
    repeats: int = 1

    @property
    def frame_beats(self) -> int:
        """Output beats of a frame."""
        return len(self.need) * self.repeats

    def output_beats(self, beats: Sequence[int]) -> list[int]:
        assert beats[0] % len(self.free) == 0, (self, beats)
        return [beats[0] // len(self.free) * self.frame_beats]

    def memory(self, beats: Sequence[int]) -> int:
        """Frames that the future depends on: those that have to be gone before there is room."""
        return -(int(self.free.min()) // self.output_beats(beats)[0])

    def run(self, inputs: Sequence[Channel], outputs: Sequence[Channel], *, wary: bool) -> Process:
        need = np.maximum.accumulate(self.need)
        ready = (np.bincount(need + 1, minlength=len(self.free) + 1) * self.repeats).tolist()
        return _buffered(ready, self.free.tolist(), self.latency, inputs[0], outputs[0])


@dataclass(frozen=True)
class Buffer:
    """A FIFO of `depth` beats (None: unlimited); an empty one offers a beat `latency` cycles after it took it."""

    depth: int | None
    latency: int

    def output_beats(self, beats: Sequence[int]) -> list[int]:
        return [*beats]

    def memory(self, beats: Sequence[int]) -> int:
        """Frames that the future depends on: those that have to be gone before there is room."""
        return -(-(self.depth or 0) // beats[0])

    def run(self, inputs: Sequence[Channel], outputs: Sequence[Channel], *, wary: bool) -> Process:
        size = 64  # beats a turn of the loop
        free = [beat - (self.depth or NEVER) for beat in range(size)]
        return _buffered([0, *[1] * size], free, self.latency, inputs[0], outputs[0])


def _buffered(ready: list[int], free: list[int], latency: int, source: Channel, out: Channel) -> Process:
    """`ready`: how many output beats need no input beat, and how many each input beat completes."""
    times, taken, relative, key = source.offers, source.taken, source.relative, 2 * source.number
    gone, offers, room = out.taken, out.offers, 2 * out.number + 1
    early, frame, previous, beat = ready[0], sum(ready), -1, 0
    steps = list(zip(free, ready[1:], strict=True))
    for start in count(0, frame):
        offers.extend([0] * early)
        for last, made in steps:
            if len(times) <= beat:
                yield key, beat + 1
            cycle = times[beat]
            cycle = cycle + previous if relative else cycle if cycle > previous else previous + 1
            beat += 1
            last += start
            if last >= 0:
                if len(gone) <= last:
                    yield room, last + 1
                if gone[last] >= cycle:
                    cycle = gone[last] + 1
            taken.append(cycle)
            previous = cycle
            if made == 1:
                offers.append(cycle + latency)
            elif made:
                offers.extend([cycle + latency] * made)


@dataclass(frozen=True)
class Fork:
    """Offers each beat to several branches in the cycle in which it is offered, and takes it when all have taken it."""

    copies: int

    def output_beats(self, beats: Sequence[int]) -> list[int]:
        return [beats[0]] * self.copies

    def memory(self, beats: Sequence[int]) -> int:
        return 0

    def run(self, inputs: Sequence[Channel], outputs: Sequence[Channel], *, wary: bool) -> Process:
        (source,) = inputs
        times, taken, relative, key = source.offers, source.taken, source.relative, 2 * source.number
        branches = [(out.offers, out.taken, 2 * out.number + 1) for out in outputs]
        previous = -1
        for beat in count():
            if len(times) <= beat:
                yield key, beat + 1
            cycle = times[beat]
            cycle = cycle + previous if relative else cycle if cycle > previous else previous + 1
            for offers, _, _ in branches:
                offers.append(cycle)
            for _, gone, room in branches:
                if len(gone) <= beat:
                    yield room, beat + 1
                if gone[beat] > cycle:
                    cycle = gone[beat]
            taken.append(cycle)
            previous = cycle


Stage: TypeAlias = Schedule | Buffer | Window | Fork


def evenly(inputs: int, outputs: int, latency: int) -> Schedule:
    """A schedule of `inputs * outputs` steps: the first ones take, and every `inputs`-th one makes a beat."""
    steps = inputs * outputs
    return Schedule(steps, (range(inputs),), range(inputs - 1, steps, inputs), latency)


def process(stage: Stage, inputs: Sequence[Channel], outputs: Sequence[Channel], *, wary: bool) -> Process:
    """The process of a stage. `wary`: a pipeline takes nothing before all that it made is gone."""
    return stage.run(inputs, outputs, wary=wary)


def sink(source: Channel) -> Process:
    """Takes each beat in the first cycle that offers it."""
    previous = -1
    for beat in count():
        if len(source.offers) <= beat:
            yield 2 * source.number, beat + 1
        offered = source.offers[beat]
        previous = previous + offered if source.relative else max(offered, previous + 1)
        source.taken.append(previous)
