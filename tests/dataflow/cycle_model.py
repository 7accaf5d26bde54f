# SPDX-License-Identifier: Apache-2.0
"""A plain cycle-by-cycle model of pipelines, buffers and forks, and random networks of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import gcd

import numpy as np
from qopt_mlir.qdialect.cost.timing import Buffer, Fork, Network, Schedule, Stage, Window, chain, evenly

IDLE = 800  # cycles without an output beat, after which none comes any more


class CycleModel:
    """Every stage of a network stepped in every cycle, as the hardware's contract says it."""

    def __init__(self, network: Network, pauses: random.Random | None = None):
        self.network, self.stages, self.pauses = network, network.stages, pauses
        self.step = [0] * len(self.stages)
        self.pipes = [[False] * getattr(stage, "latency", 0) for stage, _, _ in self.stages]
        self.done = [set[int]() for _ in self.stages]
        self.moved: list[list[int]] = [[] for _ in network.beats]  # cycles in which beats moved, by channel
        self.offering = False
        self.cycle = 0

    def run(self, frames: int, interval: int = 0) -> tuple[int, list[int]] | None:
        """(cycle of the first accepted beat, cycle of the last beat of each frame); None if it comes to a stop."""
        output, idle = self.network.output, 0
        beats = self.network.beats[output]
        while len(self.moved[output]) < frames * beats:
            known = len(self.moved[output])
            self._cycle(interval)
            idle = 0 if len(self.moved[output]) > known else idle + 1
            self.cycle += 1
            if idle > IDLE + interval:
                return None
        return self.moved[0][0], self.moved[output][beats - 1 :: beats]

    def _goes(self) -> bool:
        return self.pauses is None or self.pauses.random() < 0.6

    def _cycle(self, interval: int) -> None:
        frame, beat = divmod(len(self.moved[0]), self.network.beats[0])
        self.offering = (self.offering or self._goes()) and (beat > 0 or self.cycle >= frame * interval)
        valid = [self.offering] + [False] * (len(self.network.beats) - 1)
        ready = [False] * len(valid)
        ready[self.network.output] = self._goes()
        for i, (_, _, outputs) in enumerate(self.stages):
            for branch, channel in enumerate(outputs):
                valid[channel] = self._valid(i, branch, valid)
        for i in reversed(range(len(self.stages))):
            self._make_ready(i, valid, ready)
        moved = [a and b for a, b in zip(valid, ready, strict=True)]
        for i, (stage, _, outputs) in enumerate(self.stages):
            if isinstance(stage, Schedule) and (not valid[outputs[0]] or ready[outputs[0]]):
                self._advance(i, stage, moved)
        self._record(moved)

    def _valid(self, i: int, branch: int, valid: list[bool]) -> bool:
        stage, inputs, outputs = self.stages[i]
        if isinstance(stage, Schedule):
            return self.pipes[i][-1]
        if isinstance(stage, Fork):
            return valid[inputs[0]] and branch not in self.done[i]
        beat, arrived = len(self.moved[outputs[0]]), self.moved[inputs[0]]
        if isinstance(stage, Window):
            frame, within = divmod(beat, stage.frame_beats)
            needed = int(stage.need[: within // stage.repeats + 1].max())
            if needed < 0:
                return True
            beat = frame * len(stage.free) + needed
        return beat < len(arrived) and arrived[beat] + stage.latency <= self.cycle

    def _wanted(self, i: int, stage: Schedule) -> list[int]:
        return [c for c, steps in zip(self.stages[i][1], stage.takes, strict=True) if self.step[i] in steps]

    def _make_ready(self, i: int, valid: list[bool], ready: list[bool]) -> None:
        stage, inputs, outputs = self.stages[i]
        if isinstance(stage, Schedule):
            advance, wanted = not valid[outputs[0]] or ready[outputs[0]], self._wanted(i, stage)
            for channel in wanted:
                ready[channel] = advance and all(valid[other] for other in wanted if other != channel)
        elif isinstance(stage, Fork):
            ready[inputs[0]] = all(b in self.done[i] or ready[channel] for b, channel in enumerate(outputs))
        else:
            beat, gone = len(self.moved[inputs[0]]), len(self.moved[outputs[0]])
            if isinstance(stage, Buffer):
                ready[inputs[0]] = stage.depth is None or beat - gone < stage.depth
            else:
                frame, within = divmod(beat, len(stage.free))
                ready[inputs[0]] = gone > frame * stage.frame_beats + int(stage.free[within])

    def _advance(self, i: int, stage: Schedule, moved: list[bool]) -> None:
        made = False
        if all(moved[channel] for channel in self._wanted(i, stage)):
            made = self.step[i] in stage.makes
            self.step[i] = (self.step[i] + 1) % stage.steps
        self.pipes[i] = [made, *self.pipes[i][:-1]]

    def _record(self, moved: list[bool]) -> None:
        for channel, move in enumerate(moved):
            if move:
                self.moved[channel].append(self.cycle)
        self.offering = self.offering and not moved[0]
        for i, (stage, inputs, outputs) in enumerate(self.stages):
            if isinstance(stage, Fork):
                taken = {branch for branch, channel in enumerate(outputs) if moved[channel]}
                self.done[i] = set() if moved[inputs[0]] else self.done[i] | taken


def random_stage(rnd: random.Random, beats: int) -> Stage:
    """A stage with one input of `beats` beats a frame, with whole rounds in a frame."""
    inputs, outputs = rnd.choice([d for d in range(1, beats + 1) if beats % d == 0]), rnd.randint(1, 5)
    match rnd.randrange(7):
        case 0:
            return Buffer(rnd.choice([1, 2, 3, 5, 9, None]), 1)
        case 1:
            return evenly(1, 1, rnd.randint(1, 5))
        case 2:
            return evenly(inputs, outputs, rnd.randint(1, 9))
        case 3:
            return evenly(1, outputs, 1)
        case 4:
            return evenly(inputs, 1, 1)
        case 5:
            steps = inputs + outputs + rnd.randint(0, 3)
            takes, makes = (sorted(rnd.sample(range(steps), number)) for number in (inputs, outputs))
            return Schedule(steps, (takes,), makes, rnd.randint(1, 4))
        case _:
            need, repeats = np.sort([rnd.randint(-1, inputs - 1) for _ in range(outputs)]), rnd.choice([1, 1, 2, 3])
            # an output beat that only needs beats before this one may have to be gone
            last = [int((need < beat).sum()) * repeats - 1 for beat in range(inputs)]
            free = np.array([rnd.randint(-2 * outputs * repeats, number) for number in last])
            return Window(need, np.maximum.accumulate(free), rnd.randint(1, 3), repeats)


def random_chain(rnd: random.Random) -> Network:
    stages, first = list[Stage](), rnd.choice([1, 4, 6, 8, 12])
    beats = first
    for _ in range(rnd.randint(1, 7)):
        stages.append(random_stage(rnd, beats))
        (beats,) = stages[-1].output_beats([beats])
    return chain(stages, first)


def random_network(rnd: random.Random) -> Network:
    """Forks and joins, many with too little room on a branch."""
    network = Network(rnd.choice([1, 4, 6]))
    ends = [0]
    for _ in range(rnd.randint(3, 12)):
        end = ends.pop(rnd.randrange(len(ends)))
        if len(ends) < 3 and rnd.random() < 0.3:
            ends += network.add(Fork(rnd.choice([2, 2, 3])), end)
        elif ends and rnd.random() < 0.3:
            ends.append(_join(rnd, network, [end, ends.pop()]))
        elif network.beats[end] <= 60:
            ends += network.add(random_stage(rnd, network.beats[end]), end)
        else:
            ends.append(end)
    while len(ends) > 1:
        ends.append(_join(rnd, network, [ends.pop(), ends.pop(0)]))
    return network


def _join(rnd: random.Random, network: Network, ends: Sequence[int]) -> int:
    """The sum of two streams of equal length, else one behind the other; most behind FIFOs."""
    if rnd.random() < 0.8:
        ends = [network.add(Buffer(rnd.choice([1, 2, 8, 40, None]), 1), end)[0] for end in ends]
    a, b = (network.beats[end] for end in ends)
    common = gcd(a, b)
    if a == b and rnd.random() < 0.7:
        return network.add(Schedule(1, (range(1), range(1)), range(1), rnd.randint(1, 3)), *ends)[0]
    turns = (range(a // common), range(a // common, (a + b) // common))
    return network.add(Schedule((a + b) // common, turns, range((a + b) // common), 1), *ends)[0]
