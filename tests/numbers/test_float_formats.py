# SPDX-License-Identifier: Apache-2.0
"""Custom floats, exhaustively up to 8 bits: against ml_dtypes, and against a search over all values in Fractions."""

from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from qopt_mlir.qdialect.float_formats import decode, decode_exact, encode_exact, encode_float, floor_log2, value_of
from qopt_mlir.qdialect.formats import FLOAT32, FORMAT_NAMES, FloatFormat, Overflow, Rounding, float_format
from qopt_mlir.qdialect.rounding import round_fraction

ML_DTYPES = {
    "float8_e4m3fn": float_format(4, 3, "fn"),
    "float8_e5m2": float_format(5, 2, "ieee"),
    "float8_e4m3": float_format(4, 3, "ieee"),
    "float8_e3m4": float_format(3, 4, "ieee"),
    "float6_e3m2fn": float_format(3, 2),
    "float6_e2m3fn": float_format(2, 3),
    "float4_e2m1fn": float_format(2, 1),
    "bfloat16": float_format(8, 7, "ieee"),
}

SMALL = [
    FloatFormat(e, m, bias, specials, subnormals)
    for e, m in product(range(1, 6), range(0, 5))
    for bias in sorted({(1 << (e - 1)) - 1, -1 - m})
    for specials in ("none", "ieee", "fn")
    for subnormals in (True, False)
    if e + m <= 7 and FloatFormat(e, m, bias, specials, subnormals).max_code >= 1 << m
]

# Rounding does not look at the specials but for the largest number.
KINDS = [("none", True), ("ieee", True), ("fn", False)]
ROUNDED = [f for f in SMALL if (f.specials, f.subnormals) in KINDS and f.bias < 1 << f.exponent_bits and f.bias >= 0]


def definition(code: int, format_: FloatFormat) -> Fraction:
    """Value of a finite code as the module's text defines it."""
    sign, rest = divmod(code, 1 << (format_.word_length - 1))
    field, fraction = divmod(rest, 1 << format_.fraction_bits)
    significand = Fraction(fraction, 1 << format_.fraction_bits)
    if field:
        size = (1 + significand) * Fraction(2) ** (field - format_.bias)
    else:
        size = significand * Fraction(2) ** (1 - format_.bias) * format_.subnormals
    return -size if sign else size


def nearest(value: Fraction, values: list[Fraction], fraction_bits: int, rounding: Rounding) -> int:
    """Index of the value that the rounding picks among rising `values` >= 0 (code order), for value >= 0.

    A tie to even looks at the significand's last bit; without fraction bits that bit is 1 in every number but zero.
    """
    below = bisect_right(values, value) - 1
    if below == len(values) - 1 or values[below] == value:
        return below
    distance = (value - values[below]) / (values[below + 1] - values[below])
    parity = below % 2 if fraction_bits else min(below, 1)
    return round_fraction(parity + distance, rounding) - parity + below


@pytest.mark.parametrize("format_", SMALL, ids=str)
def test_decode_all_codes(format_: FloatFormat) -> None:
    half = 1 << (format_.word_length - 1)
    codes = np.array([s * half + c for s in (0, 1) for c in range(format_.max_code + 1)])
    expected = [definition(int(code), format_) for code in codes]
    assert [Fraction(v) for v in decode(codes, format_)] == expected
    integers, quantum = decode_exact(codes, format_)
    assert [int(i) * quantum for i in integers] == expected
    assert value_of(int(codes[-1]), format_) == expected[-1]


@pytest.mark.parametrize("format_", SMALL, ids=str)
def test_codes_survive(format_: FloatFormat) -> None:
    """encode(decode(code)) is the code, in every mode, but for flushed subnormal codes."""
    half = 1 << (format_.word_length - 1)
    words = [w for w in range(format_.max_code + 1) if format_.subnormals or w == 0 or w >= 1 << format_.fraction_bits]
    codes = np.array([s * half + w for s in (0, 1) for w in words])
    for rounding in Rounding:
        assert np.array_equal(encode_float(decode(codes, format_), format_, rounding, Overflow.SATURATE), codes)


@pytest.mark.parametrize("format_", ROUNDED, ids=str)
def test_rounding_between_codes(format_: FloatFormat) -> None:
    """Points between all neighbours, ties included, against a search over the values of a wider format."""
    gradual = FloatFormat(format_.exponent_bits + 1, format_.fraction_bits, format_.bias)
    grid = [definition(code, gradual) for code in range(format_.max_code + 3)]
    sizes = [low + (high - low) * Fraction(k, 8) for low, high in pairwise(grid) for k in (0, 1, 4, 7)]
    values = [*sizes, *(-size for size in sizes if size)]
    quantum = Fraction(2) ** (format_.quantum_exponent - 4)
    numerators = np.array([int(v / quantum) for v in values], dtype=object)
    for rounding in Rounding:
        expected = [_expected(value, grid, format_, rounding) for value in values]
        codes = encode_exact(numerators, quantum, format_, rounding, Overflow.SATURATE)
        assert codes.tolist() == expected
        if rounding in (Rounding.HALF_EVEN, Rounding.CEIL):
            thirds = encode_exact(numerators * 3, quantum / 3, format_, rounding, Overflow.SATURATE)
            assert thirds.tolist() == expected
        floats = encode_float(np.array([float(v) for v in values]), format_, rounding, Overflow.SATURATE)
        assert floats.tolist() == expected


def _expected(value: Fraction, grid: list[Fraction], format_: FloatFormat, rounding: Rounding) -> int:
    sign = 1 << (format_.word_length - 1) if value < 0 else 0
    mirrored = {Rounding.FLOOR: Rounding.CEIL, Rounding.CEIL: Rounding.FLOOR}
    mode = mirrored.get(rounding, rounding) if value < 0 else rounding
    code = nearest(abs(value), grid, format_.fraction_bits, mode)
    if not format_.subnormals and code < 1 << format_.fraction_bits:
        code = 0
    return sign + min(code, format_.max_code)


@pytest.mark.parametrize("name", ML_DTYPES)
def test_against_ml_dtypes(name: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    format_, dtype = ML_DTYPES[name], np.dtype(getattr(ml_dtypes, name))
    codes = np.arange(1 << format_.word_length)
    with np.errstate(invalid="ignore"):
        theirs = codes.astype(np.uint16 if format_.word_length > 8 else np.uint8).view(dtype).astype(np.float64)
    ours = decode(codes, format_)
    assert np.array_equal(ours, theirs, equal_nan=True)
    assert np.array_equal(np.signbit(ours), np.signbit(theirs))
    finite = np.unique(ours[np.isfinite(ours)])
    random = np.random.default_rng(1).normal(size=2000) * 2.0 ** np.random.default_rng(2).integers(-12, 12, 2000)
    points = np.concatenate([finite, (finite[1:] + finite[:-1]) / 2, random, [-0.0]]).astype(np.float32)
    overflow = Overflow.SATURATE if format_.specials == "none" else Overflow.INFINITY
    got = decode(encode_float(points, format_, Rounding.HALF_EVEN, overflow), format_)
    with np.errstate(invalid="ignore"):
        want = points.astype(dtype).astype(np.float64)
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_against_ieee(dtype: type) -> None:
    format_ = FORMAT_NAMES["f16"] if dtype is np.float16 else FLOAT32
    assert isinstance(format_, FloatFormat)
    rng = np.random.default_rng(3)
    values = rng.normal(size=20000) * 2.0 ** rng.integers(-160, 140, 20000)
    with np.errstate(over="ignore"):
        want = values.astype(dtype)
    codes = encode_float(values, format_, Rounding.HALF_EVEN, Overflow.INFINITY)
    assert np.array_equal(codes, want.view(f"u{want.itemsize}").astype(np.int64))
    assert np.array_equal(decode(codes, format_), want.astype(np.float64))


def test_specials_and_overflow() -> None:
    values, modes = np.array([np.inf, -np.inf, 1e9]), (Rounding.HALF_EVEN, Overflow.INFINITY)
    assert encode_float(values, float_format(5, 2, "ieee"), *modes).tolist() == [0x7C, 0xFC, 0x7C]
    assert encode_float(values, float_format(4, 3, "fn"), *modes).tolist() == [0x7F, 0xFF, 0x7F]
    saturated = encode_float(values, float_format(2, 1), Rounding.HALF_EVEN, Overflow.SATURATE)
    assert saturated.tolist() == [7, 15, 7]
    assert encode_float(np.array([np.nan]), float_format(5, 2, "ieee"), *modes).tolist() == [0x7E]
    with pytest.raises(ValueError, match="no NaN"):
        encode_float(np.array([np.nan]), float_format(2, 1), Rounding.HALF_EVEN, Overflow.SATURATE)
    with pytest.raises(ValueError, match="cannot overflow to 'wrap'"):
        encode_float(values, float_format(2, 1), Rounding.HALF_EVEN, Overflow.WRAP)
    with pytest.raises(ValueError, match="no exact number"):
        decode_exact(np.array([0x7C]), float_format(5, 2, "ieee"))


def test_formats_beyond_float64() -> None:
    quad = float_format(15, 112, "ieee")
    rng = np.random.default_rng(4)
    integers = np.array([int(rng.integers(1, 1 << 62)) ** 3 for _ in range(50)], dtype=object)
    for scale in (Fraction(2) ** -9000, Fraction(1, 3), Fraction(2) ** 5000):
        for rounding in Rounding:
            codes = encode_exact(integers, scale, quad, rounding, Overflow.SATURATE)
            exact = [int(i) * scale for i in integers]
            error = [abs(value_of(int(c), quad) - v) / v for c, v in zip(codes, exact, strict=True)]
            assert max(error) <= Fraction(1, 2 ** (113 if rounding.startswith("half") else 112))
    assert value_of(int(encode_float(np.array([-1.5]), quad, Rounding.FLOOR, Overflow.SATURATE)[0]), quad) == -1.5


def test_exact_numbers_next_to_ties() -> None:
    """Sums of a tie and less than float64 can show: only exact arithmetic tells up from down."""
    tie, least = Fraction(3, 2) + Fraction(1, 1 << 24), Fraction(1, 3**70)
    scale = least / (1 << 24)
    numerators = np.array([int((sign * tie + d * least) / scale) for sign in (1, -1) for d in (-1, 0, 1)], dtype=object)
    low, high = 0x3FC00000, 0x3FC00001  # 1.5 and its neighbour
    codes = encode_exact(numerators, scale, FLOAT32, Rounding.HALF_EVEN, Overflow.SATURATE)
    minus = 1 << 31
    assert codes.tolist() == [low, low, high, minus + high, minus + low, minus + low]
    codes = encode_exact(numerators, scale, FLOAT32, Rounding.HALF_UP, Overflow.SATURATE)
    assert codes.tolist() == [low, high, high, minus + high, minus + high, minus + low]


def test_floor_log2() -> None:
    for exponent in (-90, -1, 0, 1, 70):
        power = Fraction(2) ** exponent
        assert floor_log2(power) == exponent
        assert floor_log2(power * Fraction(3, 2)) == exponent
        assert floor_log2(power * Fraction(2**80 - 1, 2**80)) == exponent - 1
