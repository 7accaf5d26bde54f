# SPDX-License-Identifier: Apache-2.0
"""`q.quantize` and `q.threshold` of the reference against definitions in Fractions and QONNX's float32 formulas."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.float_formats import encode_exact, encode_float
from qopt_mlir.qdialect.formats import FixedFormat, IntRange, Overflow, Rounding
from qopt_mlir.qdialect.q import AddOp, MulOp, QuantizeOp, SubOp, ThresholdOp
from qopt_mlir.qdialect.reference.affine_counts import affine_kernel
from qopt_mlir.qdialect.reference.values import FLOAT32, Numbers
from qopt_mlir.qdialect.text import verify_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, UFixedType
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Attribute, SSAValue

from ..numbers.rounding_modes import rounded
from .helpers import compiled, constant, function, random_codes, real_constant, values

MODES = [(Overflow.SATURATE, False), (Overflow.SATURATE, True), (Overflow.WRAP, False)]
SOURCES = [FixedType(6, 2), UFixedType(9, 5), FixedType(30, 12), FixedType(60, 20), FixedType(100, 50), BipolarType()]
TARGETS = [FixedType(3, 0), UFixedType(4, 1), FixedType(8, -2), FixedType(28, 6), FixedType(64, 9), UFixedType(80, 30)]


def code_of(value: Fraction, format_: FixedFormat, rounding: Rounding, overflow: Overflow, narrow: bool) -> int:
    code, range_ = rounded(value * Fraction(2) ** format_.fraction_bits, rounding), format_.code_range
    if overflow is Overflow.WRAP:
        return (code - range_.lo) % (1 << format_.word_length) + range_.lo
    low = range_.lo + (narrow and format_.signed)
    high = range_.hi - (narrow and not format_.signed)
    return min(max(code, low), high)


@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("rounding", Rounding)
def test_exact_numbers(source: Attribute, rounding: Rounding) -> None:
    """From integers, and from reals whose scale is a power of two, a fraction, and a fraction with a long numerator."""
    rng = np.random.default_rng(7)
    codes = random_codes(rng, source, (40, 3))
    x = values(codes, source)
    scales = [None, Fraction(1, 8), Fraction(5, 3), Fraction(3**60, 7**55)]
    for target in TARGETS:
        for overflow, narrow in MODES:
            scale = scales[rng.integers(0, len(scales))]

            def build(x: SSAValue, scale: object = scale, modes: tuple = (target, rounding, overflow, narrow)) -> list:
                scaled = x if scale is None else MulOp(x, real_constant(scale)).result
                return [QuantizeOp(scaled, *modes).result]

            got = compiled([TensorType(source, [3])], build).run_codes({0: codes})[0]
            factor = Fraction(1) if scale is None else scale
            expected = [code_of(v * factor, target.format, rounding, overflow, narrow) for v in x.reshape(-1)]
            assert got.reshape(-1).tolist() == expected, (target, scale, overflow, narrow)


def sixth(x: SSAValue) -> SSAValue:
    return MulOp(x, real_constant(Fraction(1, 6))).result


def test_ties_of_thirds() -> None:
    """(2k + 1) / 2 quanta reached through a scale of 1/6: ties that no float32 quotient may miss."""
    codes = np.arange(-2000, 2000)[:, None]
    for rounding in Rounding:
        plan = compiled(
            [TensorType(FixedType(12, 0), [1])],
            lambda x, r=rounding: [QuantizeOp(sixth(x), FixedType(12, 0), r).result],
        )
        expected = [rounded(Fraction(int(c), 6), rounding) for c in codes[:, 0]]
        assert plan.run_codes({0: codes})[0].reshape(-1).tolist() == expected


def qonnx(x: np.ndarray, type_: Attribute, rounding: Rounding, narrow: bool) -> np.ndarray:
    """QONNX's IntQuant with a scale of one quantum, all in float32."""
    format_ = type_.format
    y = x / np.float32(2.0**-format_.fraction_bits)
    low = format_.code_range.lo + (narrow and format_.signed)
    high = format_.code_range.hi - (narrow and not format_.signed)
    y = np.where(y > high, np.float32(high), y)
    y = np.where(y < low, np.float32(low), y)
    half = np.float32(0.5)
    functions = {
        Rounding.HALF_EVEN: np.round,
        Rounding.CEIL: np.ceil,
        Rounding.FLOOR: np.floor,
        Rounding.UP: lambda v: np.sign(v) * np.ceil(np.abs(v)),
        Rounding.DOWN: np.trunc,
        Rounding.HALF_UP: lambda v: np.sign(v) * np.floor(np.abs(v) + half),
        Rounding.HALF_DOWN: lambda v: np.sign(v) * np.ceil(np.abs(v) - half),
    }
    return functions[rounding](y)


@pytest.mark.parametrize("target", [FixedType(2, 0), UFixedType(8, 3), FixedType(8, -2), FixedType(20, 10)], ids=str)
@pytest.mark.parametrize("narrow", [False, True])
def test_float32_as_qonnx(target: Attribute, narrow: bool) -> None:
    rng = np.random.default_rng(8)
    x = np.concatenate(
        [
            rng.normal(size=2000).astype(np.float32) * 300,
            rng.normal(size=2000).astype(np.float32),
            np.arange(-64, 64, dtype=np.float32) / 16,
            np.float32([0.49999997, -0.49999997, 1e30, -1e30, np.inf, -np.inf, 1e-45, -0.0]),
        ]
    )
    for rounding in Rounding:
        plan = compiled(
            [TensorType(f32, [1, len(x)])],
            lambda x, r=rounding: [QuantizeOp(x, target, r, Overflow.SATURATE, narrow).result],
        )
        assert np.array_equal(plan.run_codes({0: x[None]})[0][0, 0], qonnx(x, target, rounding, narrow))


def test_float32_to_wide_formats() -> None:
    x = np.float32([[3e9, -3e9, 1.5, 1e25, -1e25, 16777217.0]])
    for target in (FixedType(32, 0), UFixedType(32, 0), FixedType(64, 2), FixedType(100, 3)):
        plan = compiled([TensorType(f32, [6])], lambda x, t=target: [QuantizeOp(x, t).result])
        args = (target.format, Rounding.HALF_EVEN, Overflow.SATURATE, False)
        expected = [code_of(Fraction(float(v)), *args) for v in x[0]]
        assert plan.run_codes({0: x})[0].reshape(-1).tolist() == expected


def test_bipolar() -> None:
    x = np.float32([[-1.5, -0.0, 0.0, 1e-30]])
    plan = compiled([TensorType(f32, [4])], lambda x: [QuantizeOp(x, BipolarType()).result])
    assert plan.run({0: x})[0].tolist() == [[-1, 1, 1, 1]]
    plan = compiled(
        [TensorType(FixedType(4, 0), [4])],
        lambda x: [QuantizeOp(SubOp(x, real_constant(Fraction(1, 3))).result, BipolarType()).result],
    )
    assert plan.run({0: [[-3, 0, 1, 5]]})[0].tolist() == [[-1, -1, 1, 1]]


@pytest.mark.parametrize("target", [FloatType(4, 3, specials="fn"), FloatType(5, 2, specials="ieee"), FloatType(2, 1)])
def test_custom_floats(target: FloatType) -> None:
    rng = np.random.default_rng(9)
    x = (rng.normal(size=(50, 4)) * 10).astype(np.float32)
    modes = (Rounding.HALF_EVEN, Overflow.SATURATE)
    plan = compiled([TensorType(f32, [4])], lambda x: [QuantizeOp(x, target).result])
    assert np.array_equal(plan.run_codes({0: x})[0], encode_float(x, target.format, *modes))
    codes = rng.integers(-100, 100, (50, 4))
    plan = compiled(
        [TensorType(FixedType(8, 0), [4])],
        lambda x: [QuantizeOp(MulOp(x, real_constant(Fraction(1, 7))).result, target).result],
    )
    assert np.array_equal(plan.run_codes({0: codes})[0], encode_exact(codes, Fraction(1, 7), target.format, *modes))
    again = compiled([TensorType(target, [4])], lambda x: [QuantizeOp(x, target).result])
    finite = random_codes(rng, target, (50, 4))
    assert np.array_equal(again.run_codes({0: finite})[0], finite)


def test_real_to_float32_is_the_nearest() -> None:
    codes = np.arange(-300, 300)[:, None]
    plan = compiled(
        [TensorType(FixedType(12, 0), [1])],
        lambda x: [QuantizeOp(MulOp(x, real_constant(Fraction(1, 3))).result, f32).result],
    )
    assert np.array_equal(plan.run({0: codes})[0], (codes / 3.0).astype(np.float32))


def test_real_next_to_a_tie_of_float32() -> None:
    """(2^25 + 2) * s + d with a tiny d: the float64 product falls on the tie between 2^25 and 2^25 + 4."""
    tiny = Fraction(1, 3**60)
    for offset, expected in ((-tiny, 2**25), (Fraction(0), 2**25), (tiny, 2**25 + 4)):
        plan = compiled(
            [TensorType(FixedType(30, 0), [1])],
            lambda x, d=offset: [QuantizeOp(AddOp(x, real_constant(d)).result, f32).result],
        )
        assert plan.run({0: [[2**25 + 2]]})[0].tolist() == [[expected]]


def test_nan_and_infinity_are_refused() -> None:
    def build(x: SSAValue) -> object:
        return [QuantizeOp(SubOp(MulOp(x, x).result, MulOp(x, x).result).result, FixedType(8, 0)).result]

    plan = compiled([TensorType(f32, [2])], build)
    with np.errstate(all="ignore"), pytest.raises(QoptError, match=r"q\.quantize: NaN has no code"):
        plan.run({0: np.float32([[1, 1e30]])})
    plan = compiled([TensorType(f32, [1])], lambda x: [AddOp(x, real_constant(0)).result])
    with pytest.raises(QoptError, match=r"q\.add: an infinity or NaN is no exact number"):
        plan.run({0: np.float32([[np.inf]])})


THRESHOLD_INPUTS = [FixedType(9, 0), FixedType(20, 3), FixedType(40, 0), FixedType(80, 10)]


@pytest.mark.parametrize("input_type", THRESHOLD_INPUTS, ids=str)
@pytest.mark.parametrize("levels", [1, 3, 15, 200])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("axis", [0, 1])
def test_threshold(input_type: FixedType, levels: int, rows: int, axis: int) -> None:
    """Compared one by one, from a table, by search, and with Python integers, as types and levels ask for."""
    rng = np.random.default_rng(levels + rows)
    wider = FixedType(input_type.format.word_length + 4, input_type.format.fraction_bits)
    thresholds = np.sort(random_codes(rng, wider, (rows, levels)), axis=1)
    thresholds[0, 0] = random_codes(rng, input_type, (1,))[0] if levels == 1 else thresholds[0, 0]
    codes = random_codes(rng, input_type, (60, 2, 4))
    codes[0] = np.clip(thresholds[0, levels // 2], input_type.format.code_range.lo, input_type.format.code_range.hi)
    for flags in (None, np.zeros(rows, int), rng.integers(0, 2, rows)):
        plan = compiled(
            [TensorType(input_type, [2, 4] if axis else [4, 2])],
            lambda x, flags=flags: [
                ThresholdOp(
                    x,
                    constant(thresholds, wider),
                    FixedType(10, 0),
                    -5,
                    None if flags is None else constant(flags, UFixedType(1, 0)),
                    axis,
                ).result
            ],
        )
        count = (codes[..., None] >= thresholds).sum(axis=-1)
        falls = np.zeros(rows, int) if flags is None else flags
        expected = np.where(falls, levels - count, count) - 5
        given, expected = (array if axis else array.swapaxes(1, 2) for array in (codes, expected))
        assert np.array_equal(plan.run_codes({0: given})[0], expected)


def test_threshold_to_bipolar() -> None:
    codes = np.arange(-4, 4)[:, None, None] * np.ones((1, 1, 2), int)
    for flags in ([0, 0], [0, 1], [1, 1]):
        plan = compiled(
            [TensorType(FixedType(3, 0), [1, 2])],
            lambda x, flags=flags: [
                ThresholdOp(
                    x,
                    constant([[1], [-2]], FixedType(3, 0)),
                    BipolarType(),
                    -1,
                    constant(flags, UFixedType(1, 0)),
                ).result
            ],
        )
        sign = np.where(codes >= np.array([1, -2]), 1, -1) * np.where(flags, -1, 1)
        assert np.array_equal(plan.run({0: codes})[0], sign)


def test_thresholds_of_a_finer_quantum() -> None:
    """x in whole numbers against thresholds in quarters: x >= 5/4 from 2 on."""
    plan = compiled(
        [TensorType(FixedType(4, 0), [1])],
        lambda x: [ThresholdOp(x, constant([[-5, 5]], FixedType(6, 2)), FixedType(3, 0), 0).result],
    )
    assert plan.run({0: [[-2], [-1], [1], [2]]})[0].reshape(-1).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("word_length", [24, 25, 26, 53, 54, 55, 62, 63, 64, 65])
def test_thresholds_at_the_ends_of_the_input(word_length: int) -> None:
    """Thresholds at, one below and one beyond the highest and lowest code, where floats and int64 end."""
    type_, wider = FixedType(word_length, 0), FixedType(word_length + 2, 0)
    low, high = type_.format.code_range.lo, type_.format.code_range.hi
    thresholds = [[low - 1, low, low + 1, high - 1, high, high + 1]]
    codes = np.array([[low], [low + 1], [0], [high - 2], [high - 1], [high]], dtype=object)
    for parts in ([0, 1, 2, 3, 4, 5], [2, 4, 5], [0, 5]):
        chosen = np.array([[thresholds[0][p] for p in parts]], dtype=object)
        plan = compiled(
            [TensorType(type_, [1])],
            lambda x, t=chosen: [ThresholdOp(x, constant(t, wider), UFixedType(3, 0), 0).result],
        )
        expected = [sum(int(c[0]) >= t for t in chosen[0]) for c in codes]
        assert plan.run_codes({0: codes})[0].reshape(-1).tolist() == expected


@pytest.mark.parametrize(
    ("target", "overflow", "narrow"),
    [
        (FixedType(8, 0), Overflow.INFINITY, False),
        (FixedType(8, 0), Overflow.WRAP, True),
        (FloatType(2, 1), Overflow.INFINITY, False),
        (FloatType(4, 3), Overflow.WRAP, False),
        (FloatType(4, 3), Overflow.SATURATE, True),
    ],
    ids=str,
)
def test_overflow_that_the_format_does_not_know(target: Attribute, overflow: Overflow, narrow: bool) -> None:
    modes = (Rounding.HALF_EVEN, overflow, narrow)
    module = ModuleOp([function([TensorType(f32, [1])], lambda x: [QuantizeOp(x, target, *modes).result])])
    with pytest.raises(QoptError, match=r"q\.quantize (to .* cannot|cannot be narrow)"):
        verify_module(module)


def test_overflow_to_infinity() -> None:
    target = FloatType(5, 2, specials="ieee")
    plan = compiled(
        [TensorType(f32, [3])],
        lambda x: [QuantizeOp(x, target, Rounding.HALF_EVEN, Overflow.INFINITY).result],
    )
    assert plan.run({0: np.float32([[1e9, -np.inf, 57344]])})[0].tolist() == [[np.inf, -np.inf, 57344]]


@pytest.mark.parametrize("levels", [2, 7, 12, 40])
@pytest.mark.parametrize("word_length", [12, 22])
def test_thresholds_of_few_and_of_many_frames(levels: int, word_length: int) -> None:
    """One frame is looked up in a table or searched; of many, fewer thresholds than that is worth are compared."""
    rng = np.random.default_rng(levels)
    type_ = FixedType(word_length, 0)
    thresholds = np.sort(random_codes(rng, type_, (64, levels)), axis=1)
    codes = random_codes(rng, type_, (400, 1, 64))
    plan = compiled(
        [TensorType(type_, [1, 64])],
        lambda x: [ThresholdOp(x, constant(thresholds, type_), FixedType(10, 0), -3).result],
    )
    expected = (codes[..., None] >= thresholds).sum(axis=-1) - 3
    assert np.array_equal(plan.run_codes({0: codes})[0], expected)
    assert np.array_equal(np.concatenate([plan.run_codes({0: frame[None]})[0] for frame in codes]), expected)


@pytest.mark.parametrize("word_length", [12, 22, 40])
@pytest.mark.parametrize("levels", [5, 15, 255])
def test_thresholds_of_quantisers(levels: int, word_length: int) -> None:
    """Thresholds of round(a x + b), rising and falling, some of them beyond the input: right next to each, and far."""
    rng = np.random.default_rng(levels)
    type_, channels = FixedType(word_length, 0), 8
    span = 1 << word_length
    slopes = [Fraction(int(rng.integers(levels, 3 * levels)), span) for _ in range(channels)]
    offsets = [Fraction(int(rng.integers(0, 1000 * levels)), 1000) for _ in range(channels)]
    rows = np.array(
        [
            [ceil((k - Fraction(1, 2) - b) / a) for k in range(1, levels + 1)]
            for a, b in zip(slopes, offsets, strict=True)
        ]
    )
    falls = np.arange(channels) % 3 == 2
    ends = type_.format.code_range
    near = (rows.T[:, None] + np.array([-1, 0, 1])[:, None]).reshape(-1, 1, channels)
    codes = np.concatenate([np.clip(near, ends.lo, ends.hi), random_codes(rng, type_, (400, 1, channels))])

    def build(x: SSAValue) -> list[SSAValue]:
        thresholds, flags = constant(rows, FixedType(word_length + 4)), constant(falls.astype(int), UFixedType(1))
        return [ThresholdOp(x, thresholds, FixedType(10, 0), 1, flags).result]

    (found,) = compiled([TensorType(type_, [1, channels])], build).run_codes({0: codes})
    counts = (codes[..., None] >= rows).sum(axis=-1)
    assert np.array_equal(found, 1 + np.where(falls, levels - counts, counts))


def test_which_thresholds_are_a_line() -> None:
    x = Numbers(FixedType(12), (1, 1), FLOAT32, Fraction(1), IntRange(-2048, 2047))
    even, bent = np.arange(-800, 800, 100)[None], np.array([[-800, -700, -600, 0, 1, 2, 500]])
    rising = np.zeros(1, dtype=bool)
    assert affine_kernel(x, even, rising, IntRange(0, 16), FLOAT32, 0) is not None
    assert affine_kernel(x, bent, rising, IntRange(0, 7), FLOAT32, 0) is None
    doubled = np.repeat(even, 2, axis=1)
    assert affine_kernel(x, doubled, rising, IntRange(0, 32), FLOAT32, 0) is None
