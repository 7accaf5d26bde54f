# SPDX-License-Identifier: Apache-2.0
"""Images merged pixel by pixel, and channels that become pixels: a beat in every cycle."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.cost.depth_to_space import depth_to_space_schedule
from qopt_mlir.qdialect.dataflow import DepthToSpaceOp, InterleaveOp, MaxPoolOp, Memory, SlidingWindowOp
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType
from xdsl.ir import SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from units import check_ladder, module_of, run_passes

TYPES = [FixedType(4, 1), BipolarType(), UFixedType(3, 0)]


@pytest.mark.parametrize("seed", range(20))
def test_depth_to_space_equals_numpy(seed: int) -> None:
    rnd = random.Random(seed)
    down, right = rnd.choice([1, 2, 2, 3]), rnd.choice([1, 2, 2, 3])
    channels = rnd.choice([1, 2, 4])
    height, width = rnd.randint(1, 4), rnd.randint(1, 4)
    image = (height, width, down * right * channels)
    lanes = rnd.choice([d for d in (1, 2) if channels % d == 0])
    memory = rnd.choice([None, Memory.DISTRIBUTED, Memory.BLOCK])
    module = module_of(
        rnd.choice(TYPES),
        image,
        lambda x: DepthToSpaceOp(x, image, (down, right), lanes=lanes, memory=memory).result,
        lanes,
    )

    def expected(frame: np.ndarray) -> np.ndarray:
        return frame.reshape(height, width, down, right, channels).transpose(0, 2, 1, 3, 4)

    check_ladder(module, expected, np.random.default_rng(seed))


def test_rows_kept() -> None:
    """While the first part of each pixel is read, the others wait for a row of the image."""
    assert depth_to_space_schedule(16, 16, 8, 2).depth <= 16 * 2 * 8
    assert 2 * depth_to_space_schedule(16, 16, 8, 4).depth <= 3 * 16 * 4 * 8
    assert depth_to_space_schedule(16, 16, 8, 1).depth <= 2 * 8


@pytest.mark.parametrize("seed", range(16))
def test_interleave_equals_numpy(seed: int) -> None:
    """Branches of an image that are a row or column shorter or not, by the maximum of neighbours."""
    rnd = random.Random(seed)
    height, width, channels = rnd.randint(2, 4), rnd.randint(2, 4), rnd.choice([1, 2])
    factors = rnd.choice([(1, 2), (2, 1), (2, 2), (1, 3)])
    shorter = tuple(rnd.choice([0, 1]) if factor > 1 else 0 for factor in factors)
    kernels = [
        tuple(1 + short * (phase > 0) for short, phase in zip(shorter, phases, strict=True))
        for phases in np.ndindex(*factors)
    ]
    sizes = [size * f - short * (f - 1) for size, f, short in zip((height, width), factors, shorter, strict=True)]

    def body(x: SSAValue) -> SSAValue:
        parts = [_largest(x, (height, width, channels), kernel) for kernel in kernels]
        return InterleaveOp(parts, (*sizes, channels), factors).result

    def expected(frame: np.ndarray) -> np.ndarray:
        result = np.zeros((*sizes, channels), frame.dtype)
        for phases, kernel in zip(np.ndindex(*factors), kernels, strict=True):
            views = np.lib.stride_tricks.sliding_window_view(frame, kernel, axis=(0, 1))
            result[phases[0] :: factors[0], phases[1] :: factors[1]] = views.max(axis=(-1, -2))
        return result

    module = module_of(rnd.choice(TYPES), (height, width, channels), body)
    module = run_passes(module, "q-insert-forks,q-insert-width-converters,q-insert-fifos")
    check_ladder(module, expected, np.random.default_rng(seed))


def _largest(x: SSAValue, image: tuple[int, int, int], kernel: tuple[int, ...]) -> SSAValue:
    """The largest element of each window of the image; the image itself if the window is a pixel."""
    if kernel == (1, 1):
        return x
    window = Window(kernel, (1, 1), (0, 0, 0, 0), (1, 1))
    windows = SlidingWindowOp(x, image, window, depthwise=True).result
    return MaxPoolOp(windows, windows.type.element_type, taps=window.num_taps).result  # pyright: ignore[reportAttributeAccessIssue]
