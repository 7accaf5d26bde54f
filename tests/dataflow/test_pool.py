# SPDX-License-Identifier: Apache-2.0
"""Pools of windows and of whole images: what numpy computes, a beat a cycle."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.dataflow import FifoOp, MaxPoolOp, PoolOp, SlidingWindowOp, SumPoolOp, stream_type
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, fixed_type
from xdsl.ir import Attribute, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from test_sliding_window import random_case, windows
from units import check_ladder, module_of

ELEMENTS: list[Attribute] = [FixedType(4, 1), BipolarType(), UFixedType(3, 0)]


def pool(x: SSAValue, total: bool, taps: int, channels: int | None, lanes: int | None) -> PoolOp:
    """A pool whose result type is the tightest."""
    if not total:
        return MaxPoolOp(x, stream_type(x).element_type, taps=taps, channels=channels, lanes=lanes)
    wide = SumPoolOp(x, FixedType(64, 0), taps=taps, channels=channels, lanes=lanes)
    type_ = fixed_type(wide.result_range(), stream_type(x).format.fraction_bits)
    wide.detach()
    wide.erase()
    return SumPoolOp(x, type_, taps=taps, channels=channels, lanes=lanes)


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_depthwise_windows(seed: int, total: bool) -> None:
    rnd = random.Random(seed)
    case, element = random_case(rnd, 5), rnd.choice(ELEMENTS)
    taps, lanes = case.window.num_taps, rnd.choice([d for d in (1, 2, 3) if case.image[2] % d == 0])

    def body(x: SSAValue) -> SSAValue:
        x = SlidingWindowOp(x, case.image, case.window, pad_value=-1, depthwise=True, lanes=lanes).result
        return pool(FifoOp(x, 2).result, total, taps, None, None).result

    if isinstance(element, UFixedType):
        element = FixedType(3, 0)
    reduction = np.sum if total else np.max
    check_ladder(
        module_of(element, case.image, body, lanes),
        lambda frame: reduction(windows(frame, case.window, -1), axis=(2, 3)),
        np.random.default_rng(seed),
    )


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize(
    ("rounds", "taps", "channels", "lanes"),
    [(1, 1, 1, 1), (1, 6, 1, 1), (3, 4, 4, 2), (2, 5, 3, 1), (1, 9, 6, 6), (1, 2, 80, 1), (2, 1, 4, 1)],
)
def test_channels_take_turns(rounds: int, taps: int, channels: int, lanes: int, total: bool) -> None:
    rnd = random.Random(taps * channels)
    module = module_of(
        rnd.choice(ELEMENTS),
        (rounds, taps, channels),
        lambda x: pool(x, total, taps, channels, lanes).result,
        lanes,
    )
    reduction = np.sum if total else np.max
    check_ladder(module, lambda frame: reduction(frame, axis=1), np.random.default_rng(channels))
