# SPDX-License-Identifier: Apache-2.0
"""Bringing numbers to integer codes: rounding, saturation, wrapping.

A number reaches `q.quantize` in one of two ways, and each has its own arithmetic:

- exact, as integers times one positive rational (`quantize_exact`): the result is the correctly rounded code;
- as float32 or float64 (`quantize_float`): the operation order is QONNX's, in the float type given, so that the codes
  equal those of a float engine.

Arrays of codes come back in a dtype that holds them exactly: float (the integers below 2^24 or 2^53), int64 or object.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .formats import BipolarFormat, FixedFormat, IntegerFormat, IntRange, NoCodeError, Overflow, Rounding

Array: TypeAlias = NDArray[Any]

INT64_LIMIT = 1 << 63


def magnitude(numbers: Array) -> int:
    """Largest absolute value of an array of integers (0 if it is empty)."""
    if not numbers.size:
        return 0
    return max(abs(int(numbers.min())), abs(int(numbers.max())))


def as_integers(numbers: Array) -> Array:
    """The same integers as int64 if all fit, else as an object array of Python integers."""
    if numbers.dtype.kind in "iub" and numbers.dtype != np.uint64:
        return numbers.astype(np.int64, copy=False)
    if not numbers.size or -INT64_LIMIT <= int(numbers.min()) <= int(numbers.max()) < INT64_LIMIT:
        return numbers.astype(np.int64)
    return as_objects(numbers)


def as_objects(numbers: Array) -> Array:
    """An object array of Python integers."""
    if numbers.dtype.kind != "f":
        return numbers.astype(object)
    objects = np.empty(numbers.shape, dtype=object)
    objects.reshape(-1)[:] = [int(number) for number in numbers.reshape(-1)]
    return objects


def round_fraction(value: Fraction | int, rounding: Rounding) -> int:
    """The integer that `rounding` picks for an exact number."""
    numerators = np.array([value.numerator], dtype=object)
    return int(round_quotient(numerators, value.denominator, rounding)[0])


def round_quotient(numerators: Array, denominator: int, rounding: Rounding) -> Array:
    """`numerators / denominator` rounded to integers, exactly.

    Args:
        numerators: int64 or object array of integers.
        denominator: positive integer.

    Returns: an array of the same shape and dtype (object if the denominator does not fit int64).
    """
    assert denominator > 0
    if denominator == 1:
        return numerators
    if denominator >= INT64_LIMIT:
        numerators = numerators.astype(object)
    if denominator & (denominator - 1) == 0:
        floor = numerators >> (denominator.bit_length() - 1)
        rest = numerators & (denominator - 1)
    else:
        floor, rest = numerators // denominator, numerators % denominator
    return floor + _round_up(numerators, floor, rest, denominator, rounding).astype(bool)


def _round_up(numerators: Array, floor: Array, rest: Array, denominator: int, rounding: Rounding) -> Array:
    """Where the code is the one above `floor`; 0 <= rest < denominator."""
    match rounding:
        case Rounding.FLOOR:
            return np.zeros(numerators.shape, dtype=bool)
        case Rounding.CEIL:
            return rest > 0
        case Rounding.DOWN:
            return (rest > 0) & (numerators < 0)
        case Rounding.UP:
            return (rest > 0) & (numerators > 0)
        case Rounding.HALF_EVEN:
            tie_up = (floor & 1) == 1
        case Rounding.HALF_UP:
            tie_up = numerators > 0
        case Rounding.HALF_DOWN:
            tie_up = numerators < 0
    to_next = denominator - rest  # compared with `rest` instead of doubling it: cannot overflow
    return (rest > to_next) | ((rest == to_next) & tie_up)


def round_exact_float(values: Array, rounding: Rounding) -> Array:
    """Floats rounded to integers, correctly in every mode, as floats of the same dtype."""
    match rounding:
        case Rounding.HALF_EVEN:
            return np.rint(values)
        case Rounding.CEIL:
            return np.ceil(values)
        case Rounding.FLOOR:
            return np.floor(values)
        case Rounding.DOWN:
            return np.trunc(values)
        case Rounding.UP:
            return np.copysign(np.ceil(np.abs(values)), values)
        case Rounding.HALF_UP | Rounding.HALF_DOWN:
            down = np.trunc(values)
            distance = np.abs(values - down)  # exact: the fraction of a float is a float
            up = distance >= 0.5 if rounding is Rounding.HALF_UP else distance > 0.5
            return down + np.copysign(up.astype(values.dtype), values)


def round_float_as_qonnx(values: Array, rounding: Rounding) -> Array:
    """Floats rounded with the operations of QONNX, in the dtype of `values`.

    The same as `round_exact_float` but for the two modes where QONNX adds a half in floating point first.
    """
    if rounding is Rounding.HALF_UP:
        return np.copysign(np.floor(np.abs(values) + values.dtype.type(0.5)), values)
    if rounding is Rounding.HALF_DOWN:
        return np.copysign(np.ceil(np.abs(values) - values.dtype.type(0.5)), values)
    return round_exact_float(values, rounding)


def least_codes(numbers: Array, format_: IntegerFormat) -> Array:
    """For each number (floats or Fractions) the least code that reaches it, one above the highest if none does."""
    quanta, range_ = Fraction(2) ** format_.fraction_bits, format_.code_range
    codes = np.empty(numbers.shape, dtype=object)
    codes.reshape(-1)[:] = [
        min(max(math.ceil(Fraction(number) * quanta), range_.lo), range_.hi + 1)
        for number in numbers.reshape(-1).tolist()
    ]
    return codes


def saturation_range(format_: IntegerFormat, narrow: bool) -> IntRange:
    """Codes that saturation leaves; `narrow` drops the lowest code of a signed format, the highest of an unsigned."""
    range_ = format_.code_range
    if not narrow or isinstance(format_, BipolarFormat):
        return range_
    return IntRange(range_.lo + 1, range_.hi) if format_.signed else IntRange(range_.lo, range_.hi - 1)


def wrap(codes: Array, format_: IntegerFormat) -> Array:
    """Integers (int64 or object) brought into a fixed format modulo 2^word_length."""
    range_, modulus = format_.code_range, 1 << format_.word_length
    if modulus >= INT64_LIMIT:
        codes = codes.astype(object)
    wrapped = codes & (modulus - 1)
    return wrapped - modulus * (wrapped > range_.hi).astype(codes.dtype)


def quantize_exact(
    numerators: Array,
    scale: Fraction,
    format_: IntegerFormat,
    rounding: Rounding,
    overflow: Overflow,
    narrow: bool = False,
) -> Array:
    """Codes of the exact numbers `numerators * scale` (integers of any dtype, scale > 0) in an integer format."""
    if isinstance(format_, BipolarFormat):
        return np.where((numerators >= 0).astype(bool), 1, -1)
    ratio = scale * Fraction(2) ** format_.fraction_bits
    if numerators.dtype == object and overflow is Overflow.SATURATE:
        codes = _quantize_filtered(numerators, ratio, rounding, saturation_range(format_, narrow))
        if codes is not None:
            return codes
    return _quantize_integers(as_integers(numerators), ratio, format_, rounding, overflow, narrow)


def _quantize_integers(
    numerators: Array, ratio: Fraction, format_: FixedFormat, rounding: Rounding, overflow: Overflow, narrow: bool
) -> Array:
    """`quantize_exact` of int64 or object integers, `ratio` quanta each."""
    if max(magnitude(numerators), 1) * ratio.numerator >= INT64_LIMIT:
        numerators = numerators.astype(object)
    codes = round_quotient(numerators * ratio.numerator, ratio.denominator, rounding)
    if overflow is Overflow.WRAP:
        assert not narrow, "a narrow range saturates; it cannot wrap"
        return wrap(codes, format_)
    range_ = saturation_range(format_, narrow)
    return as_integers(np.clip(as_integers(codes) if codes.dtype == object else codes, *_bounds(codes, range_)))


def _quantize_filtered(numerators: Array, ratio: Fraction, rounding: Rounding, range_: IntRange) -> Array | None:
    """`quantize_exact` by saturation for Python integers: in float64 where that is safe, exactly for the few others.

    Below 2^24 quanta the float64 quotient is off by less than 2^-26 (relative error under 2^-51), so its code is right
    unless it comes within 2^-20 of a place where the rounding jumps. None if a number or the ratio exceeds float64.
    """
    limit = max(-range_.lo, range_.hi) + 1
    if limit > 1 << 24 or not Fraction(1, 1 << 900) < ratio < 1 << 900:
        return None
    try:
        quotients = (numerators.astype(np.float64) * float(ratio)).clip(-limit, limit)
    except OverflowError:
        return None
    jumps = quotients - 0.5 if rounding.startswith("half") else quotients
    unsafe = np.abs(jumps - np.rint(jumps)) < 2.0**-20
    codes = round_exact_float(quotients, rounding)
    for place in np.argwhere(unsafe):
        codes[tuple(place)] = round_fraction(int(numerators[tuple(place)]) * ratio, rounding)
    return codes.clip(range_.lo, range_.hi).astype(np.int64)


def _bounds(codes: Array, range_: IntRange) -> tuple[int, int]:
    """Clip bounds that the dtype of `codes` can hold without changing the clip's result."""
    if codes.dtype == object:
        return range_.lo, range_.hi
    return max(range_.lo, -INT64_LIMIT), min(range_.hi, INT64_LIMIT - 1)


def quantize_float(
    values: Array, format_: IntegerFormat, rounding: Rounding, overflow: Overflow, narrow: bool = False
) -> Array:
    """Codes of float32 or float64 values in an integer format, computed in that dtype as QONNX does.

    Raises: NoCodeError for NaN, and for an infinity that would have to wrap.
    """
    if np.isnan(values).any():
        raise NoCodeError("NaN has no code")
    if isinstance(format_, BipolarFormat):
        return np.where(values >= 0, values.dtype.type(1), values.dtype.type(-1))
    codes = round_float_as_qonnx(in_quanta(values, format_.fraction_bits), rounding)
    if overflow is Overflow.WRAP:
        assert not narrow, "a narrow range saturates; it cannot wrap"
        if not np.isfinite(codes).all():
            raise NoCodeError("infinity cannot wrap")
        modulus = float(1 << format_.word_length) if format_.word_length < 1000 else np.inf
        return wrap(as_integers(np.fmod(codes, modulus)), format_)  # fmod is exact and keeps large floats in int64
    return _saturate_float(codes, saturation_range(format_, narrow))


def in_quanta(values: Array, fraction_bits: int) -> Array:
    """`values * 2**fraction_bits` in the dtype of `values` (exact but for overflow and subnormal numbers)."""
    if fraction_bits == 0:
        return values
    if abs(fraction_bits) <= 100:
        return values * values.dtype.type(2.0**fraction_bits)
    return np.ldexp(values, fraction_bits)


def _saturate_float(codes: Array, range_: IntRange) -> Array:
    exact_bits = 24 if codes.dtype == np.float32 else 53
    if max(-range_.lo, range_.hi) <= 1 << exact_bits:
        return np.clip(codes, codes.dtype.type(range_.lo), codes.dtype.type(range_.hi))
    above, below = codes >= _as_limit(range_.hi), codes <= _as_limit(range_.lo)
    inside = np.where(above | below, 0, codes)
    if max(-range_.lo, range_.hi) < INT64_LIMIT:
        integers: Array = inside.astype(np.int64)
    else:
        integers = as_objects(inside)
    integers[below] = range_.lo
    integers[above] = range_.hi
    return integers


def _as_limit(bound: int) -> np.float64:
    """The float64 nearest to a bound: bounds are next to powers of two, so no float lies strictly between the two."""
    try:
        return np.float64(bound)
    except OverflowError:
        return np.float64(np.inf if bound > 0 else -np.inf)
