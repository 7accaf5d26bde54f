# SPDX-License-Identifier: Apache-2.0
"""The width converter keeps every element in order and its busier side busy, for any pair of lanes."""

from itertools import pairwise
from math import lcm

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.width_converter import WidthConverter
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat

from .streams import random_codes, run

PAIRS = [(1, 1), (3, 3), (1, 4), (4, 1), (2, 6), (6, 2), (2, 3), (3, 2), (4, 6), (6, 4), (5, 3)]


@pytest.mark.parametrize("format", [FixedFormat(3), BipolarFormat()], ids=str)
@pytest.mark.parametrize("stall", [0.3, 0.7])
@pytest.mark.parametrize(("input_lanes", "output_lanes"), PAIRS)
def test_order(input_lanes: int, output_lanes: int, stall: float, format: IntegerFormat) -> None:
    codes = random_codes(np.random.default_rng(1), format, 60)
    unit = WidthConverter(format=format, input_lanes=input_lanes, output_lanes=output_lanes)
    assert run(unit, codes, 60 // output_lanes, stall=stall).codes.tolist() == codes.tolist()


@pytest.mark.parametrize(("input_lanes", "output_lanes"), PAIRS)
def test_timing(input_lanes: int, output_lanes: int) -> None:
    codes = random_codes(np.random.default_rng(1), FixedFormat(4), 120)
    unit = WidthConverter(format=FixedFormat(4), input_lanes=input_lanes, output_lanes=output_lanes)
    trace = run(unit, codes, 120 // output_lanes)
    common = lcm(input_lanes, output_lanes)
    interval = common // min(input_lanes, output_lanes)
    last_input = trace.accepted[common // input_lanes - 1 if common != input_lanes else 0]
    assert trace.offered[0] == last_input + unit.latency
    for cycles, lanes in (trace.accepted, input_lanes), (trace.offered, output_lanes):
        beats = common // lanes
        firsts = cycles[::beats][1:]  # the first block starts into an empty converter
        assert [b - a for a, b in pairwise(firsts)] == [interval] * (len(firsts) - 1)


def test_refused_lanes() -> None:
    with pytest.raises(QoptError, match="output stream has 0 lanes"):
        WidthConverter(format=FixedFormat(8), input_lanes=1, output_lanes=0)
