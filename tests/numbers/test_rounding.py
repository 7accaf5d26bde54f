# SPDX-License-Identifier: Apache-2.0
"""Rounding, saturation and wrapping against definitions written out in Fractions."""

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat, IntRange, Overflow, Rounding
from qopt_mlir.qdialect.rounding import (
    as_integers,
    quantize_exact,
    quantize_float,
    round_exact_float,
    round_float_as_qonnx,
    round_fraction,
    round_quotient,
    saturation_range,
)

from .rounding_modes import rounded


def quantized(value: Fraction, format_: FixedFormat, rounding: Rounding, overflow: Overflow, narrow: bool) -> int:
    code, range_ = rounded(value * Fraction(2) ** format_.fraction_bits, rounding), format_.code_range
    if overflow is Overflow.WRAP:
        return (code - range_.lo) % 2**format_.word_length + range_.lo
    range_ = saturation_range(format_, narrow)
    return min(max(code, range_.lo), range_.hi)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("dtype", [np.int64, object])
@pytest.mark.parametrize("denominator", [1, 2, 3, 4, 7, 8, 10, 1 << 40, (1 << 62) + 1, 1 << 70])
def test_round_quotient(rounding: Rounding, dtype: type, denominator: int) -> None:
    near = [k * denominator // 2 + d for k in range(-7, 8) for d in (-1, 0, 1)]
    numerators = [n for n in (*range(-40, 41), *near) if dtype is object or abs(n) < 2**63]
    result = round_quotient(np.array(numerators, dtype=dtype), denominator, rounding)
    assert result.tolist() == [rounded(Fraction(n, denominator), rounding) for n in numerators]


def test_round_quotient_at_the_ends_of_int64() -> None:
    ends = [-(2**63), -(2**63) + 1, 2**63 - 2, 2**63 - 1]
    for rounding in Rounding:
        for denominator in (2, 3, 2**62, 2**63 - 1):
            result = round_quotient(np.array(ends), denominator, rounding)
            assert result.tolist() == [rounded(Fraction(n, denominator), rounding) for n in ends]


@pytest.mark.parametrize("rounding", Rounding)
def test_round_floats(rounding: Rounding) -> None:
    specials = [0.49999997, -0.49999997, 8388609.0, 0.5, -0.5, 1.5, -2.5, 16777216.0, 1e30, 1e-40]
    for dtype in (np.float32, np.float64):
        values = np.array([*np.arange(-3, 3.1, 0.125), *specials], dtype=dtype)
        exact = [rounded(Fraction(float(v)), rounding) for v in values]
        assert [int(v) for v in round_exact_float(values, rounding)] == exact
        assert [round_fraction(Fraction(float(v)), rounding) for v in values] == exact
        plain = values[np.isin(np.abs(values), (np.float32(0.49999997), 8388609.0), invert=True)]
        assert np.array_equal(round_float_as_qonnx(plain, rounding), round_exact_float(plain, rounding))


def test_half_up_in_float32_adds_the_half_in_float32() -> None:
    just_below = np.array([0.49999997], dtype=np.float32)
    assert round_float_as_qonnx(just_below, Rounding.HALF_UP) == 1
    assert round_exact_float(just_below, Rounding.HALF_UP) == 0


NARROW_OR_NOT = [(Overflow.SATURATE, False), (Overflow.WRAP, False), (Overflow.SATURATE, True)]
FORMATS = [FixedFormat(w, f, s) for w in (1, 2, 5, 8) for f in (-2, 3) for s in (True, False)]


@pytest.mark.parametrize("format_", FORMATS, ids=str)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("overflow", "narrow"), NARROW_OR_NOT)
def test_quantize_small_formats(format_: FixedFormat, rounding: Rounding, overflow: Overflow, narrow: bool) -> None:
    numerators = np.arange(-1100, 1101, 7)
    for scale in (Fraction(1), Fraction(1, 8), Fraction(2), Fraction(3, 7)):
        expected = [quantized(int(n) * scale, format_, rounding, overflow, narrow) for n in numerators]
        for dtype in (np.int64, object, np.float32):
            codes = quantize_exact(numerators.astype(dtype), scale, format_, rounding, overflow, narrow)
            assert codes.tolist() == expected
        if scale.denominator & (scale.denominator - 1) == 0:
            for dtype in (np.float32, np.float64):
                values = numerators.astype(dtype) * dtype(float(scale))
                assert quantize_float(values, format_, rounding, overflow, narrow).tolist() == expected


@pytest.mark.parametrize("word_length", [24, 25, 31, 32, 33, 53, 54, 62, 63, 64, 65, 100, 127, 128, 129, 200, 1100])
@pytest.mark.parametrize("signed", [True, False])
def test_quantize_wide_formats(word_length: int, signed: bool) -> None:
    format_ = FixedFormat(word_length, 0, signed)
    range_ = format_.code_range
    around = [k + d for k in (range_.lo, range_.hi, 0) for d in (-2, -1, 0, 1, 2)]
    expected = [min(max(k, range_.lo), range_.hi) for k in around]
    modes = (Rounding.HALF_EVEN, Overflow.SATURATE)
    assert quantize_exact(np.array(around, dtype=object), Fraction(1), format_, *modes).tolist() == expected
    wrapped = [quantized(Fraction(k), format_, Rounding.FLOOR, Overflow.WRAP, False) for k in around]
    numbers = as_integers(np.array(around, dtype=object))
    assert quantize_exact(numbers, Fraction(1), format_, Rounding.FLOOR, Overflow.WRAP).tolist() == wrapped
    for dtype in (np.float32, np.float64):
        top = np.finfo(dtype).maxexp
        values = np.array([s * 2.0 ** min(e, top - 1) for e in range(word_length + 3) for s in (-1, 1)], dtype=dtype)
        exact = [min(max(int(v), range_.lo), range_.hi) for v in values]
        assert [int(c) for c in quantize_float(values, format_, *modes)] == exact
        infinities = quantize_float(np.array([-np.inf, np.inf], dtype=dtype), format_, *modes)
        assert [int(c) for c in infinities] == [range_.lo, range_.hi]


def test_bipolar_is_plus_one_from_zero() -> None:
    modes = (BipolarFormat(), Rounding.HALF_EVEN, Overflow.SATURATE)
    assert quantize_float(np.array([-1.5, -0.0, 0.0, 1e-9]), *modes).tolist() == [-1, 1, 1, 1]
    assert quantize_exact(np.array([-1, 0, 1]), Fraction(1, 3), *modes).tolist() == [-1, 1, 1]


def test_what_has_no_code() -> None:
    with pytest.raises(ValueError, match="NaN has no code"):
        quantize_float(np.array([np.nan]), FixedFormat(8), Rounding.FLOOR, Overflow.SATURATE)
    with pytest.raises(ValueError, match="infinity cannot wrap"):
        quantize_float(np.array([np.inf]), FixedFormat(8), Rounding.FLOOR, Overflow.WRAP)


def test_narrow_range() -> None:
    assert saturation_range(FixedFormat(3), True) == IntRange(-3, 3)
    assert saturation_range(FixedFormat(3, 0, False), True) == IntRange(0, 6)
    assert saturation_range(BipolarFormat(), True) == IntRange(-1, 1)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("signed", [True, False])
def test_python_integers_next_to_every_jump(rounding: Rounding, signed: bool) -> None:
    """Quarters of a quantum, and the numbers just beside them, in units that float64 cannot tell apart."""
    unit, format_ = 3**50, FixedFormat(5, 1, signed)
    numerators = np.array([k * unit + d for k in range(-150, 150) for d in (-1, 0, 1)], dtype=object)
    scale = Fraction(1, 8 * unit)
    for overflow, narrow in NARROW_OR_NOT:
        expected = [quantized(int(n) * scale, format_, rounding, overflow, narrow) for n in numerators]
        assert quantize_exact(numerators, scale, format_, rounding, overflow, narrow).tolist() == expected


def test_python_integers_beyond_float64() -> None:
    numerators = np.array([10**400, -(10**400), 0, 3], dtype=object)
    modes = (FixedFormat(8), Rounding.HALF_EVEN, Overflow.SATURATE)
    assert quantize_exact(numerators, Fraction(1), *modes).tolist() == [127, -128, 0, 3]
    assert quantize_exact(numerators, Fraction(1, 10**399), *modes).tolist() == [10, -10, 0, 0]
