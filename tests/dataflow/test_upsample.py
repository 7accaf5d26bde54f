# SPDX-License-Identifier: Apache-2.0
"""Upsampling by whole factors: a beat in every cycle, from a memory of about a row."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.cost.line_buffer import upsample_schedule
from qopt_mlir.qdialect.dataflow import Memory, UpsampleOp
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType

sys.path.insert(0, str(Path(__file__).parent))
from units import check_ladder, module_of


@pytest.mark.parametrize("seed", range(24))
def test_equals_numpy(seed: int) -> None:
    rnd = random.Random(seed)
    image = (rnd.randint(1, 4), rnd.randint(1, 4), rnd.choice([1, 2, 3, 4]))
    factors = (rnd.choice([1, 2, 2, 3]), rnd.choice([1, 2, 2, 3]))
    lanes = rnd.choice([d for d in (1, 2, 3) if image[2] % d == 0])
    memory = rnd.choice([None, Memory.DISTRIBUTED, Memory.BLOCK])
    module = module_of(
        rnd.choice([FixedType(4, 1), BipolarType(), UFixedType(3, 0)]),
        image,
        lambda x: UpsampleOp(x, image, factors, lanes=lanes, memory=memory).result,
        lanes,
    )
    check_ladder(
        module,
        lambda frame: frame.repeat(factors[0], axis=0).repeat(factors[1], axis=1),
        np.random.default_rng(seed),
    )


def test_rows_kept() -> None:
    assert upsample_schedule(16, 16, 8, 2, 2).depth <= 17 * 8
    assert upsample_schedule(16, 16, 8, 1, 2).depth <= 2 * 8
