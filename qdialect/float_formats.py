# SPDX-License-Identifier: Apache-2.0
"""Custom floating-point numbers: codes to values and values to codes, exactly.

A code is the stored word: sign, exponent field, fraction field. For field e and fraction m of M bits the value is
`(1 + m / 2^M) * 2^(e - bias)`, or `m / 2^M * 2^(1 - bias)` for e = 0 (0 if the format flushes subnormal numbers).

Rounding to a float: the value is rounded, as named, to M + 1 significant bits (fewer below the normal numbers), the
exponent taken as unbounded above; what then lies beyond the largest number overflows. A format that flushes turns a
result below the least normal number into zero. A zero keeps the sign of the value that was rounded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .formats import FloatFormat, NoCodeError, Overflow, Rounding
from .rounding import as_integers, magnitude, round_exact_float, round_fraction

Array: TypeAlias = NDArray[Any]


def fits_float64(format_: FloatFormat) -> bool:
    """True if every finite value of the format is a float64."""
    top_exponent = (format_.max_code >> format_.fraction_bits) - format_.bias
    return format_.fraction_bits <= 52 and format_.quantum_exponent >= -1074 and top_exponent <= 1023


def decode(codes: Array, format_: FloatFormat) -> Array:
    """Values of codes as float64 (infinities and NaN included); the format must fit float64."""
    assert fits_float64(format_), format_
    sign, units, shift = _fields(codes.astype(np.int64), format_)
    magnitudes = np.ldexp(units.astype(np.float64), shift + format_.quantum_exponent)
    word = codes.astype(np.int64) & _magnitude_mask(format_)
    if format_.specials != "none":
        magnitudes = np.where(word > format_.max_code, np.nan, magnitudes)
    if format_.infinity_code is not None:
        magnitudes = np.where(word == format_.infinity_code, np.inf, magnitudes)
    return np.copysign(magnitudes, np.where(sign, -1.0, 1.0))


def decode_exact(codes: Array, format_: FloatFormat) -> tuple[Array, Fraction]:
    """Values of codes as integers and the quantum they count: `value = integer * quantum`.

    Raises: NoCodeError if a code stands for an infinity or NaN.
    """
    small = exact_magnitude(format_) < 1 << 63
    codes = codes.astype(np.int64 if small else object)
    if ((codes & _magnitude_mask(format_)) > format_.max_code).any():
        raise NoCodeError("an infinity or NaN is no exact number")
    sign, units, shift = _fields(codes, format_)
    integers = units << shift
    return np.where(sign, -integers, integers), Fraction(2) ** format_.quantum_exponent


def exact_magnitude(format_: FloatFormat) -> int:
    """The largest finite value, counted in the format's quantum."""
    _, units, shift = _fields(np.array([format_.max_code], dtype=object), format_)
    return int(units[0]) << int(shift[0])


def value_of(code: int, format_: FloatFormat) -> Fraction:
    """Exact value of one finite code."""
    integers, quantum = decode_exact(np.array([code], dtype=object), format_)
    return int(integers[0]) * quantum


def _magnitude_mask(format_: FloatFormat) -> int:
    return (1 << (format_.word_length - 1)) - 1


def _fields(codes: Array, format_: FloatFormat) -> tuple[Array, Array, Array]:
    """Sign (bool), significand in units, and shift: |value| = units * 2^(shift + quantum exponent)."""
    fraction_bits = format_.fraction_bits
    sign = (codes >> (format_.word_length - 1)) & 1
    field = (codes >> fraction_bits) & ((1 << format_.exponent_bits) - 1)
    normal = (field > 0).astype(codes.dtype)
    fraction = codes & ((1 << fraction_bits) - 1)
    if not format_.subnormals:
        fraction = fraction * normal
    return sign.astype(bool), fraction + (normal << fraction_bits), field - normal


def encode_float(values: Array, format_: FloatFormat, rounding: Rounding, overflow: Overflow) -> Array:
    """Codes of float32 or float64 values, each rounded once from its exact value; int64 (object above 63 bits).

    Raises: NoCodeError for NaN or an infinity that the format cannot hold.
    """
    values = values.astype(np.float64)
    finite = np.isfinite(values)
    inner = np.where(finite, values, 0.0)
    if fits_float64(format_) and format_.quantum_exponent <= 0 and format_.word_length < 63:
        codes = _encode_float64(inner, format_, rounding, overflow)
    else:
        codes = _each(np.vectorize(Fraction, otypes=[object])(inner), format_, rounding, overflow)
        codes = codes | (np.signbit(inner).astype(codes.dtype) << (format_.word_length - 1))
    return codes if finite.all() else np.where(finite, codes, _special_codes(values, format_, overflow))


def _encode_float64(values: Array, format_: FloatFormat, rounding: Rounding, overflow: Overflow) -> Array:
    fraction_bits, quantum = format_.fraction_bits, format_.quantum_exponent
    _, exponent = np.frexp(values)  # |value| in [2^(exponent-1), 2^exponent)
    unit = np.where(values == 0, quantum, np.maximum(exponent.astype(np.int64) - 1 - fraction_bits, quantum))
    units = np.abs(round_exact_float(np.ldexp(values, -unit), rounding)).astype(np.int64)
    words = ((unit - quantum) << fraction_bits) + units
    return _finish(words, np.signbit(values), format_, overflow)


def _finish(words: Array, negative: Array, format_: FloatFormat, overflow: Overflow) -> Array:
    """Sign, flushing and overflow for magnitudes in code order (which may exceed the largest code)."""
    if not format_.subnormals:
        words = np.where(words < 1 << format_.fraction_bits, 0, words)
    above = words > format_.max_code
    if above.any():
        words[above] = _overflow_code(format_, overflow)
    return words + (negative.astype(words.dtype) << (format_.word_length - 1))


def _overflow_code(format_: FloatFormat, overflow: Overflow) -> int:
    if overflow is Overflow.SATURATE:
        return format_.max_code
    code = format_.infinity_code if format_.infinity_code is not None else format_.nan_code
    if overflow is Overflow.WRAP or code is None:
        raise NoCodeError(f"a float with specials = {format_.specials} cannot overflow to '{overflow}'")
    return code


def _special_codes(values: Array, format_: FloatFormat, overflow: Overflow) -> Array:
    """Codes of infinities (they overflow) and NaN; anything at other elements."""
    nan = np.isnan(values)
    if nan.any() and format_.nan_code is None:
        raise NoCodeError("the format has no NaN")
    codes = np.full(values.shape, _overflow_code(format_, overflow), dtype=object)
    codes[nan] = format_.nan_code
    return as_integers(codes + (np.signbit(values).astype(object) << (format_.word_length - 1)))


def encode_exact(
    numerators: Array, scale: Fraction, format_: FloatFormat, rounding: Rounding, overflow: Overflow
) -> Array:
    """Codes of the exact numbers `numerators * scale` (integers of any dtype, scale > 0), correctly rounded."""
    if _is_float64(numerators, scale):
        return encode_float(numerators.astype(np.float64) * float(scale) + 0.0, format_, rounding, overflow)
    if fits_float64(format_) and is_near_float64(scale, magnitude(numerators)):
        first, second = (encode_float(v, format_, rounding, overflow) for v in enclosing_float64(numerators, scale))
        unsure = first != second
        first[unsure] = _encode_integers(numerators[unsure], scale, format_, rounding, overflow)
        return first
    return _encode_integers(numerators, scale, format_, rounding, overflow)


def is_near_float64(scale: Fraction, largest: int) -> bool:
    """True if `numerator * scale` is far from float64's ends for every numerator up to `largest`."""
    return Fraction(1, 1 << 900) < scale < 1 << 900 and largest * max(scale, 1) < 1 << 900


def enclosing_float64(numerators: Array, scale: Fraction) -> tuple[Array, Array]:
    """Two float64 arrays with `numerators * scale` between them: where both round alike, so does the exact number.

    The float64 product has a relative error below 2^-51; the numbers returned are 2^-50 of it away on either side.
    """
    products = numerators.astype(np.float64) * float(scale) + 0.0
    return products * (1 - 2.0**-50), products * (1 + 2.0**-50)


def _encode_integers(
    numerators: Array, scale: Fraction, format_: FloatFormat, rounding: Rounding, overflow: Overflow
) -> Array:
    """`encode_exact` with Fractions, once for each different numerator."""
    different, place = np.unique(as_integers(numerators), return_inverse=True)
    exact = np.empty(different.shape, dtype=object)
    exact[:] = [int(number) * scale for number in different]
    return _each(exact, format_, rounding, overflow)[place].reshape(numerators.shape)


def _is_float64(numerators: Array, scale: Fraction) -> bool:
    """True if `numerators * scale` is exact in float64."""
    powers = scale.numerator & (scale.numerator - 1) == 0 == scale.denominator & (scale.denominator - 1)
    exponent = scale.numerator.bit_length() - scale.denominator.bit_length()
    return powers and abs(exponent) < 900 and magnitude(numerators) <= 1 << 53


def _each(values: Array, format_: FloatFormat, rounding: Rounding, overflow: Overflow) -> Array:
    """Codes of an object array of Fractions, one by one."""
    words = np.empty(values.shape, dtype=object)
    words.reshape(-1)[:] = [_round_to_word(value, format_, rounding) for value in values.reshape(-1)]
    return as_integers(_finish(words, (values < 0).astype(bool), format_, overflow))


def _round_to_word(value: Fraction, format_: FloatFormat, rounding: Rounding) -> int:
    """Magnitude code of an exact value, exponent unbounded above."""
    if not value:
        return 0
    unit = max(floor_log2(abs(value)) - format_.fraction_bits, format_.quantum_exponent)
    units = abs(round_fraction(value / Fraction(2) ** unit, rounding))
    return ((unit - format_.quantum_exponent) << format_.fraction_bits) + units


def floor_log2(value: Fraction) -> int:
    """Largest e with 2^e <= value, for value > 0."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= value else exponent - 1
