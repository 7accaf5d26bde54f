# SPDX-License-Identifier: Apache-2.0
"""Sliding windows: the pixels that numpy takes, in as many cycles as beats, with the least memory."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.cost.line_buffer import LineSchedule, upsample_schedule, window_schedule
from qopt_mlir.qdialect.cost.timing import Deadlock, chain, evenly, simulate
from qopt_mlir.qdialect.dataflow import Memory, SlidingWindowOp
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType

sys.path.insert(0, str(Path(__file__).parent))
from units import check_ladder, module_of


@dataclass(frozen=True)
class Case:
    """An image and a window that fits it."""

    image: tuple[int, int, int]
    window: Window


def random_case(rnd: random.Random, largest: int = 7) -> Case:
    while True:
        height, width = rnd.randint(1, largest), rnd.randint(1, largest)
        pads = tuple(rnd.choice([0, 0, 1, 2, 3]) for _ in range(4))
        kernel, strides = (rnd.randint(1, 4), rnd.randint(1, 4)), (rnd.randint(1, 3), rnd.randint(1, 3))
        window = Window(kernel, strides, pads, (rnd.choice([1, 1, 2, 3]), rnd.choice([1, 1, 2])))
        padded = (height + pads[0] + pads[2], width + pads[1] + pads[3])
        if all(extent <= size for extent, size in zip(window.extents, padded, strict=True)):
            return Case((height, width, rnd.choice([1, 2, 3, 4, 6])), window)


def windows(frame: np.ndarray, window: Window, pad: int) -> np.ndarray:
    """[output row, output column, kernel row, kernel column, C]."""
    top, left, bottom, right = window.pads
    padded = np.pad(frame, ((top, bottom), (left, right), (0, 0)), constant_values=pad)
    every = np.lib.stride_tricks.sliding_window_view(padded, window.extents, axis=(0, 1))
    taken = every[:: window.strides[0], :: window.strides[1], :, :: window.dilations[0], :: window.dilations[1]]
    return np.moveaxis(taken, 2, -1)


@pytest.mark.parametrize("seed", range(60))
def test_the_whole_ladder(seed: int) -> None:
    rnd = random.Random(seed)
    case = random_case(rnd, 5)
    element, pad = rnd.choice([(FixedType(4, 1), rnd.choice([0, -8])), (BipolarType(), -1), (UFixedType(3, 0), 0)])
    lanes = rnd.choice([d for d in (1, 2, 3) if case.image[2] % d == 0])
    depthwise, memory = rnd.random() < 0.4, rnd.choice([None, Memory.DISTRIBUTED, Memory.BLOCK])
    module = module_of(
        element,
        case.image,
        lambda x: (
            SlidingWindowOp(
                x, case.image, case.window, pad_value=pad, depthwise=depthwise, lanes=lanes, memory=memory
            ).result
        ),
        lanes,
    )

    def expected(frame: np.ndarray) -> np.ndarray:
        found = windows(frame, case.window, pad)
        if depthwise:
            found = found.reshape(*found.shape[:4], -1, lanes)
            found = np.moveaxis(found, 4, 2)
        return found

    check_ladder(module, expected, np.random.default_rng(seed))


def interval(schedule: LineSchedule, depth: int) -> object:
    try:
        return simulate(chain([schedule.stage(depth), evenly(1, 1, 2)], schedule.beats)).initiation_interval
    except Deadlock:
        return None


@pytest.mark.parametrize("seed", range(200))
def test_the_memory_is_the_least_that_runs_at_full_speed(seed: int) -> None:
    rnd = random.Random(seed)
    case, groups = random_case(rnd), rnd.randint(1, 3)
    (height, width, _), factors = case.image, (rnd.randint(1, 3), rnd.randint(1, 3))
    schedule = window_schedule(height, width, groups, case.window)
    if rnd.random() < 0.2:
        schedule = upsample_schedule(height, width, groups, *factors)
    assert interval(schedule, schedule.depth) == schedule.interval
    assert interval(schedule, schedule.depth + 1) == schedule.interval
    if schedule.depth > 2:
        assert interval(schedule, schedule.depth - 1) != schedule.interval


@pytest.mark.parametrize(
    ("kernel", "stride", "rows"), [(3, 1, 2.125), (3, 2, 3.16), (5, 1, 4.19), (2, 2, 2.125), (1, 1, 0.07), (1, 2, 0.07)]
)
def test_rows_kept(kernel: int, stride: int, rows: float) -> None:
    """Of a 32 x 32 image of 16 beats a pixel."""
    pads = (0 if kernel == 2 else kernel // 2,) * 4
    schedule = window_schedule(32, 32, 16, Window((kernel, kernel), (stride, stride), pads, (1, 1)))
    assert schedule.depth <= rows * 32 * 16
