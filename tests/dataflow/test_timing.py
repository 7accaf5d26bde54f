# SPDX-License-Identifier: Apache-2.0
"""The timing simulation against a plain cycle-by-cycle model of rigid pipelines and FIFOs."""

from __future__ import annotations

import random

import pytest
from qopt_mlir.qdialect.cost.timing import Buffer, Schedule, Stage, simulate


class CycleModel:
    """Every stage stepped in every cycle, as the hardware's contract says it."""

    def __init__(self, stages: list[Stage]):
        self.stages = stages
        self.step = [0] * len(stages)
        self.pipes = [[False] * stage.latency for stage in stages]
        self.held = [0] * len(stages)
        self.most = [0] * len(stages)

    def run(self, input_beats: int, output_beats: int, frames: int, interval: int = 0) -> tuple[int, list[int]]:
        """(cycle of the first accepted beat, cycle of the last beat of each frame)."""
        sent, start, taken, cycle = 0, -1, list[int](), 0
        while len(taken) < frames * output_beats:
            offers = cycle >= sent // input_beats * interval if sent % input_beats == 0 else True
            moved = self._cycle(offers)
            if moved[0]:
                start = cycle if start < 0 else start
                sent += 1
            if moved[-1]:
                taken.append(cycle)
            cycle += 1
        return start, taken[output_beats - 1 :: output_beats]

    def _cycle(self, offers: bool) -> list[bool]:
        number = len(self.stages)
        valid = [offers] + [
            self.held[i] > 0 if isinstance(stage, Buffer) else self.pipes[i][-1] for i, stage in enumerate(self.stages)
        ]
        ready, advance = [False] * number + [True], [False] * number
        for i in reversed(range(number)):
            stage = self.stages[i]
            if isinstance(stage, Buffer):
                ready[i] = stage.depth is None or self.held[i] < stage.depth
            else:
                advance[i] = not valid[i + 1] or ready[i + 1]
                ready[i] = advance[i] and self.step[i] < stage.inputs
        moved = [a and b for a, b in zip(valid, ready, strict=True)]
        for i, stage in enumerate(self.stages):
            if isinstance(stage, Buffer):
                self.held[i] += moved[i] - moved[i + 1]
                self.most[i] = max(self.most[i], self.held[i])
            elif advance[i]:
                self._advance(i, stage, moved[i])
        return moved

    def _advance(self, i: int, stage: Schedule, took: bool) -> None:
        made = False
        if took or self.step[i] >= stage.inputs:
            self.step[i] += 1
            made = self.step[i] % (stage.steps // stage.outputs) == 0
            self.step[i] %= stage.steps
        self.pipes[i] = [made, *self.pipes[i][:-1]]


def random_chain(rnd: random.Random) -> tuple[list[Stage], int, int]:
    """(stages, input beats, output beats) with whole rounds in a frame."""
    first = beats = rnd.choice([1, 4, 6, 8, 12])
    stages: list[Stage] = []
    for _ in range(rnd.randint(1, 7)):
        divisors = [d for d in range(1, beats + 1) if beats % d == 0]
        inputs, outputs = rnd.choice(divisors), rnd.randint(1, 5)
        match rnd.randrange(5):
            case 0:
                stages.append(Buffer(rnd.choice([1, 2, 3, 5, 9, None]), 1))
            case 1:
                stages.append(Schedule(1, 1, 1, rnd.randint(1, 5)))
            case 2:
                stages.append(Schedule(inputs * outputs, inputs, outputs, rnd.randint(1, 9)))
                beats = beats // inputs * outputs
            case 3:
                stages.append(Schedule(outputs, 1, outputs, 1))
                beats *= outputs
            case _:
                stages.append(Schedule(inputs, inputs, 1, 1))
                beats //= inputs
    return stages, first, beats


@pytest.mark.parametrize("seed", range(300))
def test_equals_the_cycle_model(seed: int) -> None:
    rnd = random.Random(seed)
    stages, input_beats, output_beats = random_chain(rnd)
    interval = rnd.choice([0, 0, rnd.randint(1, 60)])
    timing = simulate(stages, input_beats, output_beats, frame_interval=interval, max_frames=rnd.choice([3, 12, 40]))
    frames = len(timing.frame_ends) + (2 * timing.period if timing.period else 0)
    start, ends = CycleModel(stages).run(input_beats, output_beats, frames, interval)
    assert [timing.frame_end(frame) for frame in range(frames)] == ends, (seed, stages)
    assert timing.latency == ends[0] - start


@pytest.mark.parametrize("seed", range(300, 360))
def test_a_fifo_as_deep_as_its_occupancy_changes_nothing(seed: int) -> None:
    rnd = random.Random(seed)
    stages, input_beats, output_beats = random_chain(rnd)
    endless = [Buffer(None, 1) if isinstance(stage, Buffer) else stage for stage in stages]
    free = simulate(endless, input_beats, output_beats, max_frames=6)
    sized = [
        Buffer(occupancy, 1) if isinstance(stage, Buffer) else stage
        for stage, occupancy in zip(stages, free.occupancy, strict=True)
    ]
    assert simulate(sized, input_beats, output_beats, max_frames=6).frame_ends == free.frame_ends
    tight = [Buffer(max(1, s.depth - 1), 1) if isinstance(s, Buffer) and s.depth else s for s in sized]
    model = CycleModel(list(tight))
    model.run(input_beats, output_beats, 6)
    assert all(held <= (s.depth or 0) for held, s in zip(model.most, tight, strict=True) if isinstance(s, Buffer))


def test_a_single_unit_takes_its_steps() -> None:
    timing = simulate([Schedule(steps=64 * 28, inputs=28, outputs=64, latency=5)], 28, 64)
    assert timing.initiation_interval == 64 * 28
    assert timing.latency == 64 * 28 - 1 + 5
    assert timing.frame_end(100) == timing.latency + 100 * 64 * 28


def test_balanced_units_settle_at_their_common_interval() -> None:
    """The second unit slips by a cycle a frame until its FIFO holds enough: the settled interval counts."""
    unit = Schedule(64 * 64, 64, 64, 5)
    timing = simulate([unit, Buffer(64, 1), Schedule(1, 1, 1, 2), unit], 64, 64)
    assert timing.frame_ends[1] - timing.frame_ends[0] == 4097
    assert timing.initiation_interval == 4096
