# SPDX-License-Identifier: Apache-2.0
"""The threshold unit equals the reference for every number of thresholds, channels and lanes, and keeps its timing."""

import numpy as np
import pytest
from qopt_mlir.backends.amaranth import reference
from qopt_mlir.backends.amaranth.threshold import ThresholdUnit
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat

from .streams import random_codes, run

BEATS = 24


def every_code(rng: np.random.Generator, format: IntegerFormat, size: int) -> np.ndarray:
    """Random codes; the first ones sweep the whole range if it fits."""
    sweep = np.arange(format.code_range.lo, format.code_range.hi + 1)
    codes = random_codes(rng, format, size)
    if isinstance(format, FixedFormat) and len(sweep) <= size:
        codes[: len(sweep)] = rng.permutation(sweep)
    return codes


def check(
    thresholds: np.ndarray,
    input_format: IntegerFormat,
    lanes: int,
    channels: int,
    *,
    descending: np.ndarray | bool = False,
    base: int = 0,
    output_format: IntegerFormat = FixedFormat(6),
    stall: float = 0.3,
) -> ThresholdUnit:
    unit = ThresholdUnit(
        thresholds=thresholds,
        descending=descending,
        base=base,
        input_format=input_format,
        output_format=output_format,
        lanes=lanes,
        channels=channels,
    )
    frame = every_code(np.random.default_rng(1), input_format, BEATS * lanes)
    flags = np.broadcast_to(np.asarray(descending), (len(thresholds),))
    expected = reference.threshold(frame, thresholds, flags, base, output_format)
    trace = run(unit, frame, BEATS, stall=stall)
    assert trace.codes.tolist() == expected.tolist()
    if stall == 0:
        assert trace.accepted == list(range(BEATS))
        assert trace.offered == [cycle + unit.latency for cycle in range(BEATS)]
    return unit


def random_thresholds(rows: int, count: int, format: IntegerFormat, seed: int = 0) -> np.ndarray:
    range_ = format.code_range
    values = np.random.default_rng(seed).integers(range_.lo - 2, range_.hi + 4, size=(rows, count))
    return np.sort(values, axis=1)


@pytest.mark.parametrize("stall", [0, 0.3])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 15])
@pytest.mark.parametrize(
    ("rows", "channels", "lanes"), [(1, 1, 3), (1, 6, 2), (6, 6, 1), (6, 6, 2), (6, 6, 6), (6, 6, 4), (2, 2, 4)]
)
def test_counts_and_channels(rows: int, channels: int, lanes: int, count: int, stall: float) -> None:
    thresholds = random_thresholds(rows, count, FixedFormat(5))
    descending = np.random.default_rng(9).random(rows) < 0.5
    check(thresholds, FixedFormat(5), lanes, channels, descending=descending, base=-5, stall=stall)


@pytest.mark.parametrize(
    "format", [BipolarFormat(), FixedFormat(1), FixedFormat(1, signed=False), FixedFormat(9, 3)], ids=str
)
def test_input_formats(format: IntegerFormat) -> None:
    for count in (1, 2, 5):
        check(random_thresholds(3, count, format), format, 3, 3)


@pytest.mark.parametrize("descending", [False, True])
def test_bipolar_output(descending: bool) -> None:
    thresholds = random_thresholds(4, 1, FixedFormat(5))
    check(thresholds, FixedFormat(5), 2, 4, descending=descending, output_format=BipolarFormat())


def test_eight_bit_quantiser() -> None:
    thresholds = np.sort(np.random.default_rng(3).integers(-500, 500, size=(1, 255)), axis=1)
    unit = check(thresholds, FixedFormat(10), 20, 1, output_format=FixedFormat(8, signed=False), stall=0)
    assert unit.latency == 8


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("count", [4, 5, 6])
def test_small_thresholds_of_wide_inputs(count: int, descending: bool) -> None:
    """The binary search asks for columns that are not there; no input may reach them."""
    thresholds = np.arange(count)[None] - 2
    check(thresholds, FixedFormat(8), 20, 1, descending=descending, stall=0)
    check(thresholds + 3, FixedFormat(8, signed=False), 20, 1, descending=descending, stall=0)


@pytest.mark.parametrize("descending", [False, True])
def test_unreachable_thresholds_cost_no_stage(descending: bool) -> None:
    never, always = [50, 60, 70, 80], [-90, -80, -17, -16]
    thresholds = np.array([[*always, -3, 4, *never], [*always, -16, 15, *never]])
    assert check(thresholds, FixedFormat(5), 2, 2, descending=descending, stall=0).latency == 1
    assert check(thresholds, FixedFormat(5), 1, 2, descending=descending, stall=0).latency == 2
    assert check(np.array([never]), FixedFormat(5), 2, 1, descending=descending, stall=0).latency == 1
    assert check(np.array([always]), FixedFormat(5), 2, 1, descending=descending, stall=0).latency == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thresholds": [[3, 1]]}, "thresholds are not ascending"),
        ({"thresholds": [[1], [2], [3]]}, "3 rows of thresholds for 2 channels"),
        ({"thresholds": [[0.5]]}, "thresholds has elements of type float64"),
        ({"descending": [True, False, True]}, r"descending has shape \(3,\)"),
        ({"base": 3}, r"output codes 3 \.\. 5 exceed the output format \[0, 3\]"),
        ({"base": -1}, r"output codes -1 \.\. 1 exceed"),
        ({"output_format": BipolarFormat()}, "a bipolar output has 2 thresholds and base 0"),
        ({"lanes": 0}, "input stream has 0 lanes"),
        ({"channels": 0}, "0 channels"),
    ],
)
def test_refused_arguments(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "thresholds": [[1, 2], [3, 4]],
        "descending": False,
        "base": 0,
        "input_format": FixedFormat(5),
        "output_format": FixedFormat(2, signed=False),
        "lanes": 1,
        "channels": 2,
    }
    with pytest.raises(QoptError, match=message):
        ThresholdUnit(**(arguments | changes))  # pyright: ignore[reportArgumentType]
