# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions of streams: windows times the weights of their channel, a beat a cycle."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.dataflow import DepthwiseOp, Memory, SlidingWindowOp
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, integer_format
from xdsl.ir import SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from networks import random_codes
from test_sliding_window import random_case, windows
from units import check_ladder, constant, module_of


@pytest.mark.parametrize("seed", range(24))
def test_equals_numpy(seed: int) -> None:
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    case = random_case(rnd, 4)
    element = rnd.choice([FixedType(4, 1), FixedType(9, 0), BipolarType(), FixedType(2, 0)])
    factor = rnd.choice([FixedType(2, 0), BipolarType(), UFixedType(3, 1), FixedType(8, 0)])
    channels, taps = case.image[2], case.window.num_taps
    lanes = rnd.choice([d for d in (1, 2, 3) if channels % d == 0])
    weights = random_codes(rng, factor, (channels, taps))
    bias = rng.integers(-9, 10, channels) if rnd.random() < 0.5 else None
    bits = sum(integer_format(type_).fraction_bits for type_ in (element, factor))

    def body(x: SSAValue) -> SSAValue:
        x = SlidingWindowOp(x, case.image, case.window, pad_value=-1, depthwise=True, lanes=lanes).result
        table = constant(weights, factor)
        addend = None if bias is None else constant(bias, FixedType(5, bits))
        memory = rnd.choice([None, Memory.BLOCK])
        most = int(np.abs(weights).sum(axis=1).max()) * (1 << (integer_format(element).word_length)) + 9
        length = IntRange(-most, most).word_length
        accumulator = FixedType(length if length <= 16 else 32, bits)  # a lane of the test has 1, 2 or 4 bytes
        return DepthwiseOp(x, table, accumulator, bias=addend, memory=memory).result

    def expected(frame: np.ndarray) -> np.ndarray:
        found = windows(frame, case.window, -1)  # [row, column, kernel row, kernel column, C]
        products = found * weights.T.reshape(*case.window.kernel, channels)
        return products.sum(axis=(2, 3)) + (0 if bias is None else bias)

    check_ladder(module_of(element, case.image, body, lanes), expected, rng)
