# SPDX-License-Identifier: Apache-2.0
"""The arg-max unit equals the reference, ties included, and keeps its timing."""

import numpy as np
import pytest
from qopt_mlir.backends.amaranth import reference
from qopt_mlir.backends.amaranth.arg_max import ArgMaxUnit
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat

from .streams import random_codes, run

FRAMES = 8


@pytest.mark.parametrize("stall", [0, 0.3])
@pytest.mark.parametrize("format", [FixedFormat(3), BipolarFormat(), FixedFormat(6, signed=False)], ids=str)
@pytest.mark.parametrize(("elements", "lanes"), [(1, 1), (6, 1), (6, 2), (6, 6), (5, 5), (7, 7), (9, 3), (10, 2)])
def test_index(elements: int, lanes: int, format: IntegerFormat, stall: float) -> None:
    codes = random_codes(np.random.default_rng(1), format, FRAMES * elements)
    unit = ArgMaxUnit(input_format=format, elements=elements, lanes=lanes, output_format=FixedFormat(4, signed=False))
    expected = [int(reference.arg_max(frame)[0]) for frame in codes.reshape(FRAMES, elements)]
    trace = run(unit, codes, FRAMES, stall=stall)
    assert trace.codes.tolist() == expected
    if stall == 0:
        beats = elements // lanes
        assert trace.accepted == list(range(FRAMES * beats))
        assert trace.offered == [(frame + 1) * beats - 1 + unit.latency for frame in range(FRAMES)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elements": 0}, "a frame has 0 elements"),
        ({"lanes": 3}, "3 lanes do not divide 10"),
        ({"output_format": FixedFormat(4)}, "index 9 does not fit the output format"),
    ],
)
def test_refused_arguments(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "input_format": FixedFormat(5),
        "elements": 10,
        "lanes": 2,
        "output_format": FixedFormat(4, signed=False),
    }
    with pytest.raises(QoptError, match=message):
        ArgMaxUnit(**(arguments | changes))  # pyright: ignore[reportArgumentType]
