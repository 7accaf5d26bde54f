# SPDX-License-Identifier: Apache-2.0
"""Whole frames at once, and counting beats, against the simulation that follows beats one by one."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from qopt_mlir.qdialect.cost.frames import FrameRun, Unsettled
from qopt_mlir.qdialect.cost.line_buffer import window_schedule
from qopt_mlir.qdialect.cost.progress import surely_progresses
from qopt_mlir.qdialect.cost.timing import (
    FEW_BEATS,
    Buffer,
    Deadlock,
    Fork,
    Network,
    Schedule,
    chain,
    check_progress,
    evenly,
    simulate,
)
from qopt_mlir.qdialect.q.window import Window as KernelWindow

sys.path.insert(0, str(Path(__file__).parent))
from cycle_model import CycleModel, random_chain, random_network

FRAMES = 5


def frame_ends(network: Network, interval: int) -> list[int]:
    run = FrameRun(network, interval)
    for _ in range(FRAMES):
        run.frame()
    return run.ends


def test_equal_the_cycle_model() -> None:
    settled = 0
    for seed in range(2000, 2080):
        rnd = random.Random(seed)
        network = rnd.choice([random_chain, random_network])(rnd)
        interval = rnd.choice([0, 0, rnd.randint(1, 60)])
        try:
            ends = frame_ends(network, interval)
        except Unsettled:
            continue
        run = CycleModel(network).run(FRAMES, interval)
        assert run is not None, seed
        assert ends == run[1], (seed, network.stages)
        settled += 1
    assert settled > 60


def test_equal_what_follows_every_beat() -> None:
    """Frame ends, occupancy and latency, and the interval of graphs that repeat."""
    periodic = 0
    for seed in range(2200, 2260):
        rnd = random.Random(seed)
        network = rnd.choice([random_chain, random_network])(rnd)
        interval, run = rnd.choice([0, 0, rnd.randint(1, 60)]), None
        try:
            followed = simulate(network, frame_interval=interval, max_frames=20)
            run = FrameRun(network, interval)
            for _ in followed.frame_ends:
                run.frame()
        except (Deadlock, Unsettled):
            continue
        assert tuple(run.ends) == followed.frame_ends, seed
        assert run.ends[0] - run.start == followed.latency, seed
        assert run.occupancy() == followed.occupancy, seed
        periodic += followed.period > 0
    assert periodic > 35


def test_equal_states_have_equal_futures() -> None:
    repeated = 0
    for seed in range(2400, 2440):
        network, seen = random_chain(random.Random(seed)), dict[object, int]()
        run, period = FrameRun(network), 0
        try:
            while not period and len(run.ends) < 30:
                run.frame()
                period = len(run.ends) - seen.setdefault(run.state(), len(run.ends))
            known = len(run.ends)
            for _ in range(8):
                run.frame()
        except Unsettled:
            continue
        if not period:
            continue
        step = run.ends[known - 1] - run.ends[known - 1 - period]
        for frame in range(known, known + 8):
            assert run.ends[frame] == run.ends[frame - period] + step, (seed, network.stages)
        repeated += 1
    assert repeated > 20


def test_progress_is_what_following_beats_finds() -> None:
    stops = 0
    for seed in range(2500, 2580):
        network = random_network(random.Random(seed))
        run = CycleModel(network).run(3)
        if surely_progresses(network):
            check_progress(network)
            assert run is not None, (seed, network.stages)
            continue
        with pytest.raises(Deadlock):
            check_progress(network)
        stops += 1
    assert 8 < stops < 72, "both cases occur"


def images(rnd: random.Random) -> Network:
    """Two windows over an image with units before, between and behind them; the second is as busy as what feeds it."""
    height, width, groups = rnd.randint(5, 9), rnd.randint(5, 9), rnd.choice([1, 2])
    window = KernelWindow((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    first, outputs = window_schedule(height, width, groups, window), rnd.choice([2, 4])
    second = window_schedule(height, width, outputs, window)
    stages = [
        first.stage(first.depth),
        evenly(1, 1, 2),
        Buffer(rnd.choice([2, 9, 20]), 1),
        evenly(9 * groups, outputs, 5),
        evenly(1, 1, rnd.randint(1, 6)),
        second.stage(second.depth),
        evenly(1, 1, 2),
        Buffer(rnd.choice([2, 9, 20]), 1),
        evenly(9 * outputs, rnd.choice([1, 2]), 4),
    ]
    return chain(stages, first.beats)


@pytest.mark.parametrize("seed", range(4))
def test_images_equal_the_cycle_model(seed: int) -> None:
    network = images(random.Random(seed))
    assert sum(network.beats) > FEW_BEATS
    timing = simulate(network, max_frames=4, max_followed=0)
    run = CycleModel(network).run(3)
    assert run is not None
    assert [timing.frame_end(frame) for frame in range(3)] == run[1]
    assert timing.latency == run[1][0] - run[0]


def test_stalls_that_go_round_beat_by_beat_are_followed() -> None:
    """A FIFO of one beat passes a beat every second cycle; the frame settles a beat a time, or is followed."""
    network = chain([evenly(1, 1, 2), Buffer(1, 1), evenly(1, 1, 2)], 2 * FEW_BEATS)
    with pytest.raises(Unsettled):
        simulate(network, max_followed=0)
    assert simulate(network).initiation_interval == 4 * FEW_BEATS


def test_a_join_behind_a_long_branch() -> None:
    """The short branch has to hold what the long one needs before it gives its first beat."""
    window = window_schedule(16, 16, 4, KernelWindow((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)))

    def graph(depth: int) -> Network:
        network = Network(window.beats)
        a, b = network.add(Fork(2), 0)
        for stage in (window.stage(window.depth), evenly(1, 1, 2), evenly(9, 1, 3)):
            (a,) = network.add(stage, a)
        (b,) = network.add(Buffer(depth, 1), b)
        network.add(Schedule(1, (range(1), range(1)), range(1), 1), a, b)
        return network

    depth = next(depth for depth in range(2, 200) if surely_progresses(graph(depth)))
    assert depth > 16 * 4
    assert simulate(graph(depth)).period
    with pytest.raises(Deadlock):
        check_progress(graph(depth - 1))
