# SPDX-License-Identifier: Apache-2.0
"""The matrix-vector unit equals the reference for every data path and folding, and keeps its timing."""

import numpy as np
import pytest
from qopt_mlir.backends.amaranth import reference
from qopt_mlir.backends.amaranth.matrix_vector import MatrixVectorUnit
from qopt_mlir.qdialect.cost.sign_sums import sign_sums
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat, IntRange, smallest_fixed

from .streams import random_codes, run

BIPOLAR = BipolarFormat()
INPUTS: list[IntegerFormat] = [
    BIPOLAR,
    FixedFormat(1, signed=False),
    FixedFormat(2),
    FixedFormat(3, signed=False),
    FixedFormat(8, 4),
    FixedFormat(8, signed=False),
]
WEIGHTS: list[IntegerFormat] = [
    BIPOLAR,
    FixedFormat(1),
    FixedFormat(2),
    FixedFormat(3),
    FixedFormat(4, signed=False),
    FixedFormat(4, 2),
    FixedFormat(8),
]
FRAMES = 3


def extremes(frames: np.ndarray, format: IntegerFormat) -> np.ndarray:
    """Frames with one at the lower and one at the upper end of the format in front."""
    ends = [np.full_like(frames[:1], end) for end in (format.code_range.lo, format.code_range.hi)]
    return np.concatenate([*ends, frames])


def check(
    rng: np.random.Generator,
    weights: np.ndarray,
    formats: tuple[IntegerFormat, IntegerFormat],
    pe: int,
    simd: int,
    stall: float = 0.3,
    memory: str = "auto",
) -> None:
    mh, mw = weights.shape
    bias = rng.integers(-100, 100, size=mh)
    frames = extremes(random_codes(rng, formats[0], FRAMES * mw).reshape(FRAMES, mw), formats[0])
    expected = np.stack([reference.matrix_vector(frame, weights, bias) for frame in frames])
    result = smallest_fixed(IntRange(int(expected.min()), int(expected.max())))
    fraction_bits = formats[0].fraction_bits + formats[1].fraction_bits
    unit = MatrixVectorUnit(
        weights=weights,
        input_format=formats[0],
        weight_format=formats[1],
        accumulator_format=FixedFormat(result.word_length, fraction_bits, result.signed),
        pe=pe,
        simd=simd,
        memory=memory,
        bias=bias,
    )
    trace = run(unit, frames.reshape(-1), len(frames) * mh // pe, stall=stall)
    assert trace.codes.reshape(expected.shape).tolist() == expected.tolist()
    if stall == 0:
        check_timing(unit, trace.accepted, trace.offered, (mh // pe, mw // simd), len(frames))


def check_timing(
    unit: MatrixVectorUnit, accepted: list[int], offered: list[int], groups: tuple[int, int], frames: int
) -> None:
    """Step s of frame f is made in cycle f * steps + s; its beats move then, and `latency` cycles later."""
    rows, columns = groups
    starts = [frame * rows * columns for frame in range(frames)]
    assert accepted == [start + column for start in starts for column in range(columns)]
    assert offered == [start + (row + 1) * columns - 1 + unit.latency for start in starts for row in range(rows)]


@pytest.mark.parametrize("weight_format", WEIGHTS, ids=str)
@pytest.mark.parametrize("input_format", INPUTS, ids=str)
def test_every_data_path(input_format: IntegerFormat, weight_format: IntegerFormat) -> None:
    rng = np.random.default_rng(1)
    weights = random_codes(rng, weight_format, 4 * 15).reshape(4, 15)
    check(rng, weights, (input_format, weight_format), pe=2, simd=5)


@pytest.mark.parametrize("stall", [0, 0.4])
@pytest.mark.parametrize("weight_format", [BIPOLAR, FixedFormat(3)], ids=str)
@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (1, 6), (4, 1), (4, 6), (2, 3), (1, 3), (4, 2)])
def test_every_folding(pe: int, simd: int, weight_format: IntegerFormat, stall: float) -> None:
    rng = np.random.default_rng(2)
    weights = random_codes(rng, weight_format, 4 * 6).reshape(4, 6)
    for input_format in (FixedFormat(2), FixedFormat(6)):
        check(rng, weights, (input_format, weight_format), pe, simd, stall)


@pytest.mark.parametrize("code", [-4, -3, -1, 0, 1, 3])
@pytest.mark.parametrize(
    "input_format", [BIPOLAR, FixedFormat(2), FixedFormat(7), FixedFormat(5, signed=False)], ids=str
)
def test_matrix_of_one_value(input_format: IntegerFormat, code: int) -> None:
    check(np.random.default_rng(3), np.full((2, 3), code), (input_format, FixedFormat(3)), pe=1, simd=3)


@pytest.mark.parametrize("input_format", [BIPOLAR, FixedFormat(8)], ids=str)
def test_one_by_one_matrix(input_format: IntegerFormat) -> None:
    for code in (-128, -2, 127):
        check(np.random.default_rng(4), np.array([[code]]), (input_format, FixedFormat(8)), pe=1, simd=1)


def test_ternary_weights_in_a_wide_format_take_a_narrow_data_path() -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(-1, 2, size=(4, 8))
    check(rng, weights, (FixedFormat(8), FixedFormat(8)), pe=2, simd=4)
    check(rng, weights, (FixedFormat(2), FixedFormat(8)), pe=2, simd=4)


@pytest.mark.parametrize("memory", ["auto", "block", "distributed"])
def test_memory_choice_changes_no_result(memory: str) -> None:
    rng = np.random.default_rng(6)
    weights = random_codes(rng, FixedFormat(4), 6 * 10).reshape(6, 10)
    check(rng, weights, (FixedFormat(4), FixedFormat(4)), pe=3, simd=5, memory=memory)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_units(seed: int) -> None:
    rng = np.random.default_rng(seed)
    formats = (INPUTS[rng.integers(len(INPUTS))], WEIGHTS[rng.integers(len(WEIGHTS))])
    pe, simd, row_groups, column_groups = (int(rng.integers(1, 7)) for _ in range(4))
    weights = random_codes(rng, formats[1], pe * row_groups * simd * column_groups)
    weights = weights.reshape(pe * row_groups, simd * column_groups)
    check(rng, weights, formats, pe, simd, stall=float(rng.choice([0, 0.2, 0.6])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pe": 3}, "PE 3 does not divide 4 rows"),
        ({"simd": 4}, "SIMD 4 does not divide 6 columns"),
        ({"pe": 0}, "PE 0 does not divide 4 rows"),
        ({"memory": "ultra"}, "unknown memory 'ultra'"),
        ({"pixels": 2}, "2 pixels at once with PE 2 and SIMD 3"),
        ({"bias": [1, 2]}, "bias has 2 elements for 4 rows"),
        ({"weights": np.full((4, 6), 9)}, r"weight 9 is outside the weight format \[-4, 3\]"),
        ({"weights": np.zeros((4, 6)), "weight_format": BIPOLAR}, "weights has elements of type float64"),
        ({"weights": np.zeros((4, 6), int), "weight_format": BIPOLAR}, "weight 0 is not bipolar"),
        ({"weights": np.zeros(6, int)}, "weights has 1 axes, not 2"),
        ({"weights": np.zeros((0, 6), int)}, "weights is empty"),
    ],
)
def test_refused_arguments(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "weights": np.ones((4, 6), int),
        "input_format": FixedFormat(4),
        "weight_format": FixedFormat(3),
        "accumulator_format": FixedFormat(12),
        "pe": 2,
        "simd": 3,
    }
    with pytest.raises(QoptError, match=message):
        MatrixVectorUnit(**(arguments | changes))  # pyright: ignore[reportArgumentType]


def test_signs_share_parities_where_that_is_cheaper() -> None:
    rng = np.random.default_rng(8)
    ways = [
        sign_sums(IntRange(-1, 1), False, simd=simd, planes=1, pe=pe, steps=steps)
        for pe, simd, steps in ((1, 29, 64), (4, 29, 2), (4, 2, 2))
    ]
    assert [way.parities for way in ways if way] == [False, True, False]
    for pe, simd in ((4, 29), (4, 27), (1, 31)):
        for format in (BIPOLAR, FixedFormat(3), FixedFormat(2, signed=False)):
            weights = random_codes(rng, BIPOLAR, 2 * pe * simd).reshape(2 * pe, simd)
            check(rng, weights, (format, BIPOLAR), pe, simd, stall=0)


@pytest.mark.parametrize("codes", [(0, 1), (-1, 0, 1), (-1, 1), (1,), (-1,), (0,)], ids=str)
@pytest.mark.parametrize("simd", [1, 2, 13, 40])
def test_weights_of_signs(codes: tuple[int, ...], simd: int) -> None:
    rng = np.random.default_rng(9)
    for format in (BIPOLAR, FixedFormat(1, signed=False), FixedFormat(2), FixedFormat(4)):
        check(rng, rng.choice(codes, (2, 2 * simd)), (format, FixedFormat(2)), pe=2, simd=simd, stall=0)
