# SPDX-License-Identifier: Apache-2.0
"""Parts of frames, and channels in another order: a beat taken in every cycle, others as soon as they are there."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.slice import SliceUnit
from qopt_mlir.qdialect.dataflow import SliceOp, StreamType
from qopt_mlir.qdialect.dataflow.slice import Axis, pixel_beats
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType
from xdsl.utils.test_value import create_ssa_value

sys.path.insert(0, str(Path(__file__).parent))
from units import check_ladder, module_of

TYPES = [FixedType(4, 1), BipolarType(), UFixedType(3, 0)]


def _range(rnd: random.Random, length: int) -> tuple[int, int, int]:
    """Start, size and step of a part of an axis, which is often all of it."""
    if rnd.random() < 0.4:
        return 0, length, 1
    start, step = rnd.randrange(length), rnd.choice([1, 1, 2, 3])
    return start, rnd.randint(1, -(-(length - start) // step)), step


@pytest.mark.parametrize("seed", range(30))
def test_equals_numpy(seed: int) -> None:
    """Ranges of all axes, or channels in any order, some of them twice; with any folding."""
    rnd = random.Random(seed)
    image = (rnd.randint(1, 4), rnd.randint(1, 5), rnd.choice([1, 2, 4, 6, 8]))
    ranges = [_range(rnd, length) for length in image]
    start, size, step = ranges[2]
    channels = start + step * np.arange(size)
    order = None
    if rnd.random() < 0.5:
        order = [rnd.randrange(image[2]) for _ in range(rnd.randint(1, 8))]
        ranges[2], channels = (0, len(order), 1), np.array(order)
    starts, sizes, steps = zip(*ranges, strict=True)
    element = rnd.choice(TYPES)
    stream = create_ssa_value(StreamType(element, 1, int(np.prod(image))))
    lanes = rnd.choice(SliceOp(stream, image, starts, sizes, steps, order=order).foldings())

    def expected(frame: np.ndarray) -> np.ndarray:
        rows, columns = (slice(start, start + size * step, step) for start, size, step in ranges[:2])
        return frame[rows, columns][..., channels]

    module = module_of(
        element,
        image,
        lambda x: SliceOp(x, image, starts, sizes, steps, order=order, lanes=lanes).result,
        lanes[0],
    )
    check_ladder(module, expected, np.random.default_rng(seed))


def test_beats_of_a_pixel() -> None:
    """Beats that are kept are evenly spaced and wired alike."""
    assert pixel_beats(np.array([4, 5, 6, 7]), 2, 2) == (2, 2, 1, (0, 1))
    assert pixel_beats(np.array([1, 0, 5, 4]), 2, 2) == (0, 2, 2, (1, 0))
    assert pixel_beats(np.array([0, 2, 1, 3]), 4, 4) == (0, 1, 1, (0, 2, 1, 3))
    assert pixel_beats(np.array([0, 2, 1, 3]), 2, 2) is None
    assert pixel_beats(np.array([0, 1, 5]), 1, 1) is None
    assert pixel_beats(np.array([0, 3]), 2, 1) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"axes": [Axis(4, 1, 2, 2), Axis(4, 2, 2, 2)]}, "keeps places that are not there"),
        ({"picks": [0, 2]}, "no lanes"),
    ],
)
def test_refused_arguments(changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"axes": [], "format": FixedType(4, 0).format, "lanes": 2, "picks": [1]}
    SliceUnit(**arguments)
    with pytest.raises(QoptError, match=message):
        SliceUnit(**{**arguments, **changed})
