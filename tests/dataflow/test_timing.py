# SPDX-License-Identifier: Apache-2.0
"""The timing simulation against a plain cycle-by-cycle model."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from qopt_mlir.qdialect.cost.timing import (
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

sys.path.insert(0, str(Path(__file__).parent))
from cycle_model import CycleModel, random_chain, random_network


@pytest.mark.parametrize("seed", range(300))
def test_equals_the_cycle_model(seed: int) -> None:
    rnd = random.Random(seed)
    network = random_chain(rnd)
    interval = rnd.choice([0, 0, rnd.randint(1, 60)])
    timing = simulate(network, frame_interval=interval, max_frames=rnd.choice([3, 12, 40]))
    frames = len(timing.frame_ends) + (2 * timing.period if timing.period else 0)
    run = CycleModel(network).run(frames, interval)
    assert run is not None
    start, ends = run
    assert [timing.frame_end(frame) for frame in range(frames)] == ends, (seed, network.stages)
    assert timing.latency == ends[0] - start


@pytest.mark.parametrize("seed", range(1000, 1300))
def test_graphs_equal_the_cycle_model(seed: int) -> None:
    rnd = random.Random(seed)
    network = random_network(rnd)
    interval = rnd.choice([0, 0, rnd.randint(1, 60)])
    try:
        timing = simulate(network, frame_interval=interval, max_frames=rnd.choice([3, 12, 40]))
    except Deadlock:
        assert CycleModel(network).run(40, interval) is None, (seed, network.stages)
        with pytest.raises(Deadlock):
            check_progress(network)
        return
    frames = len(timing.frame_ends) + (2 * timing.period if timing.period else 0)
    run = CycleModel(network).run(frames, interval)
    assert run is not None, (seed, network.stages)
    start, ends = run
    assert [timing.frame_end(frame) for frame in range(frames)] == ends, (seed, network.stages)
    assert timing.latency == ends[0] - start


def test_what_cannot_stop_does_not_stop_with_pauses() -> None:
    stops = 0
    for seed in range(1400, 1500):
        network = random_network(random.Random(seed))
        try:
            check_progress(network)
        except Deadlock:
            stops += 1
            continue
        runs = [CycleModel(network, random.Random(number)).run(6) for number in range(3)]
        assert None not in runs, (seed, network.stages)
    assert 10 < stops < 90, "both cases occur"


def test_pauses_alone_can_stop_a_network() -> None:
    """Without a pause five beats fit into the pipeline of one branch; a pause leaves one in it."""
    network = Network(8)
    a, b = network.add(Fork(2), 0)
    (a,) = network.add(evenly(4, 1, 1), a)
    (a,) = network.add(evenly(1, 4, 1), a)
    (b,) = network.add(evenly(1, 1, 5), b)
    network.add(Schedule(1, (range(1), range(1)), range(1), 1), a, b)
    assert simulate(network).period
    assert None in [CycleModel(network, random.Random(seed)).run(6) for seed in range(20)]
    with pytest.raises(Deadlock) as caught:
        check_progress(network)
    deadlock = caught.value
    assert (deadlock.fork.stage, deadlock.join.stage) == (0, 4)
    assert [(stage.stage, stage.taken, stage.given) for stage in deadlock.full] == [(3, 1, 0)]
    assert [stage.stage for stage in deadlock.starved] == [1, 2]


@pytest.mark.parametrize("seed", range(300, 360))
def test_a_fifo_as_deep_as_its_occupancy_changes_nothing(seed: int) -> None:
    network = random_chain(random.Random(seed))
    stages = [stage for stage, _, _ in network.stages]
    endless = chain([Buffer(None, 1) if isinstance(stage, Buffer) else stage for stage in stages], network.beats[0])
    free = simulate(endless, max_frames=6)
    sized = [
        Buffer(occupancy, 1) if isinstance(stage, Buffer) else stage
        for stage, occupancy in zip(stages, free.occupancy, strict=True)
    ]
    again = simulate(chain(sized, network.beats[0]), max_frames=6)
    assert [again.frame_end(frame) for frame in range(6)] == [free.frame_end(frame) for frame in range(6)]


def test_a_single_unit_takes_its_steps() -> None:
    timing = simulate(chain([evenly(28, 64, 5)], 28))
    assert timing.initiation_interval == 64 * 28
    assert timing.latency == 64 * 28 - 1 + 5
    assert timing.frame_end(100) == timing.latency + 100 * 64 * 28


def test_balanced_units_settle_at_their_common_interval() -> None:
    """The second unit slips by a cycle a frame until its FIFO holds enough: the settled interval counts."""
    unit = evenly(64, 64, 5)
    timing = simulate(chain([unit, Buffer(64, 1), evenly(1, 1, 2), unit], 64))
    assert timing.frame_ends[1] - timing.frame_ends[0] == 4097
    assert timing.initiation_interval == 4096
