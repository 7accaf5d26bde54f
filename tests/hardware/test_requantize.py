# SPDX-License-Identifier: Apache-2.0
"""The requantiser equals the reference in every rounding mode, and keeps its timing."""

import numpy as np
import pytest
from qopt_mlir.backends.amaranth import reference
from qopt_mlir.backends.amaranth.requantize import RequantizeUnit
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat, Rounding

from .streams import random_codes, run
from .test_threshold import every_code

BEATS = 24


def check(
    multiplier: np.ndarray,
    addend: np.ndarray,
    shift: int,
    rounding: Rounding,
    input_format: IntegerFormat,
    lanes: int,
    channels: int,
    stall: float = 0.3,
) -> None:
    unit = RequantizeUnit(
        multiplier=multiplier,
        addend=addend,
        shift=shift,
        rounding=rounding,
        clip=(-20, 25),
        input_format=input_format,
        output_format=FixedFormat(6),
        lanes=lanes,
        channels=channels,
    )
    frame = every_code(np.random.default_rng(1), input_format, BEATS * lanes)
    rows = max(len(multiplier), len(addend))
    constants = np.broadcast_to(multiplier, rows), np.broadcast_to(addend, rows)
    expected = reference.requantize(frame, *constants, shift, rounding, (-20, 25))
    trace = run(unit, frame, BEATS, stall=stall)
    assert trace.codes.tolist() == expected.tolist()
    if stall == 0:
        assert trace.accepted == list(range(BEATS))
        assert trace.offered == [cycle + unit.latency for cycle in range(BEATS)]


@pytest.mark.parametrize("shift", [0, 1, 2, 5, 20])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_rounding(rounding: Rounding, shift: int) -> None:
    rng = np.random.default_rng(2)
    for size in (1, 3):
        multiplier, addend = rng.integers(-3, 4, size=size), rng.integers(-9, 10, size=size)
        check(multiplier, addend, shift, rounding, FixedFormat(6), 6, 3)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_ties(rounding: Rounding) -> None:
    check(np.array([1]), np.array([0]), 1, rounding, FixedFormat(5), 2, 1)
    check(np.array([1]), np.array([0]), 2, rounding, FixedFormat(5, signed=False), 2, 1)


@pytest.mark.parametrize("stall", [0, 0.3])
@pytest.mark.parametrize(
    ("sizes", "lanes", "channels"), [((1, 1), 3, 6), ((6, 6), 2, 6), ((6, 1), 4, 6), ((1, 6), 1, 6)]
)
def test_channels(sizes: tuple[int, int], lanes: int, channels: int, stall: float) -> None:
    rng = np.random.default_rng(3)
    multiplier, addend = rng.integers(-40, 40, size=sizes[0]), rng.integers(-100, 100, size=sizes[1])
    for format in (FixedFormat(8), BipolarFormat(), FixedFormat(4, signed=False)):
        check(multiplier, addend, 5, Rounding.HALF_EVEN, format, lanes, channels, stall)


def test_constants_beyond_64_bits() -> None:
    multiplier, addend, shift = (1 << 70) + 1, 3 << 69, 71
    unit = RequantizeUnit(
        multiplier=np.array([multiplier], dtype=object),
        addend=np.array([addend], dtype=object),
        shift=shift,
        rounding=Rounding.HALF_EVEN,
        clip=(-32, 31),
        input_format=FixedFormat(5),
        output_format=FixedFormat(6),
        lanes=1,
        channels=1,
    )
    frame = random_codes(np.random.default_rng(4), FixedFormat(5), BEATS)
    sums = [multiplier * int(x) + addend for x in frame]
    expected = [reference.round_shift(value, shift, Rounding.HALF_EVEN) for value in sums]
    assert run(unit, frame, BEATS).codes.tolist() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"multiplier": [1, 2, 3]}, "multiplier has 3 elements for 2 channels"),
        ({"addend": [0.5]}, "addend has elements of type float64"),
        ({"shift": -1}, "shift is -1"),
        ({"clip": (3, 2)}, r"clip range \[3, 2\] is empty"),
        ({"clip": (0, 9)}, r"clip range \[0, 9\] exceeds the output format \[-8, 7\]"),
        ({"channels": 0}, "0 channels"),
    ],
)
def test_refused_arguments(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "multiplier": [1, 2],
        "addend": [0],
        "shift": 1,
        "rounding": Rounding.FLOOR,
        "clip": (-8, 7),
        "input_format": FixedFormat(5),
        "output_format": FixedFormat(4),
        "lanes": 1,
        "channels": 2,
    }
    with pytest.raises(QoptError, match=message):
        RequantizeUnit(**(arguments | changes))  # pyright: ignore[reportArgumentType]
