# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.quantize` and `q.threshold`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...float_formats import encode_exact, encode_float, is_near_float64
from ...formats import FLOAT32 as FLOAT32_FORMAT
from ...formats import BipolarFormat, FloatFormat, IntegerFormat, IntRange, NoCodeError, Overflow, Rounding
from ...q import QuantizeOp, ThresholdOp
from ...rounding import (
    in_quanta,
    quantize_exact,
    quantize_float,
    round_exact_float,
    round_fraction,
    saturation_range,
)
from ...types import BipolarType, FloatType, element_type, format_of, integer_format, is_f32, shape_of
from ..operands import exact
from ..registry import Compiled, Kernel, meaning
from ..thresholds import float_threshold_kernel, threshold_kernel
from ..values import FLOAT32, INT64, OBJECT, Array, DType, Numbers, bound, carrier, cast, holds_nan

TABLE_ENTRIES = 1 << 12  # integers whose float32 numbers are looked up


@meaning(ThresholdOp)
def threshold(op: ThresholdOp, operands: Sequence[Numbers]) -> Compiled:
    x, thresholds = operands[0], operands[1]
    flags = operands[2].constant if len(operands) > 2 else None
    bipolar = isinstance(element_type(op.result), BipolarType)
    if is_f32(x.element_type):
        range_, dtype, kernel = float_threshold_kernel(x, thresholds, flags, op.base, bipolar, op.trailing)
    else:
        range_, dtype, kernel = threshold_kernel(x, thresholds, flags, op.base, bipolar, op.trailing)
    return [_codes(op.result, dtype, range_)], kernel


def _codes(value: Any, dtype: DType, range_: IntRange) -> Numbers:
    """Description of codes of an integer type."""
    quantum = Fraction(2) ** -integer_format(element_type(value)).fraction_bits
    return Numbers(element_type(value), shape_of(value), dtype, quantum, range_)


@meaning(QuantizeOp)
def quantize(op: QuantizeOp, operands: Sequence[Numbers]) -> Compiled:
    x, target = operands[0], element_type(op.result)
    if is_f32(target):
        return [Numbers(target, shape_of(op.result), FLOAT32)], _to_float32(op, x)
    if isinstance(target, FloatType):
        return _to_custom_float(op, x, target.format)
    format_ = format_of(target)
    assert not isinstance(format_, FloatFormat)
    if is_f32(x.element_type):
        return _from_float32(op, x, format_)
    return _from_exact(op, x, format_)


def _to_float32(op: QuantizeOp, x: Numbers) -> Kernel:
    operand, rounding, overflow = exact(x), op.rounding, op.overflow
    largest, scale = bound(operand.range), operand.scale
    if operand.numbers.dtype == FLOAT32 and _is_float32_factor(scale):
        return _after(operand.convert, _times_kernel(np.float32(float(scale))))
    # the product below has a relative error under 2^-51: the exact number is between these two
    inner, outer = float(scale) * (1 - 2.0**-50), float(scale) * (1 + 2.0**-50)

    def kernel(x: Array) -> Array:
        codes = encode_exact(x, scale, FLOAT32_FORMAT, rounding, overflow)
        return codes.astype(np.uint32).view(np.float32)

    def nearest(x: Array) -> Array:
        numbers = x.astype(np.float64) + 0.0  # turns -0.0 to 0.0
        low, high = (numbers * inner).astype(np.float32), (numbers * outer).astype(np.float32)
        return low if low.tobytes() == high.tobytes() else kernel(x)

    low, high = operand.range.lo, operand.range.hi
    if high - low < TABLE_ENTRIES and largest < 1 << 53:
        table = kernel(np.arange(low, high + 1))
        return _after(operand.convert, lambda x: table.take((x - low).astype(np.intp)))
    quick = rounding is Rounding.HALF_EVEN and is_near_float64(scale, largest) and largest * scale < 1 << 127
    return _after(operand.convert, nearest if quick else kernel)


def _is_float32_factor(scale: Fraction) -> bool:
    """Whether all integers below 2^24 times `scale` are float32 values: it is a power of two far from the ends."""
    power = scale.numerator & (scale.numerator - 1) == 0 == scale.denominator & (scale.denominator - 1)
    return power and Fraction(1, 1 << 100) < scale < 1 << 100


def _times_kernel(factor: np.float32) -> Kernel:
    zero = np.float32(0)

    def kernel(x: Array) -> Array:
        result = x * factor
        return np.add(result, zero, out=result)  # turns -0.0 to 0.0

    return kernel


def _to_custom_float(op: QuantizeOp, x: Numbers, format_: FloatFormat) -> Compiled:
    dtype = INT64 if format_.word_length < 64 else OBJECT
    result, rounding, overflow = Numbers(element_type(op.result), shape_of(op.result), dtype), op.rounding, op.overflow
    if is_f32(x.element_type):
        return [result], lambda x: cast(encode_float(x, format_, rounding, overflow), dtype)
    operand = exact(x)

    def kernel(x: Array) -> Array:
        return cast(encode_exact(x, operand.scale, format_, rounding, overflow), dtype)

    return [result], _after(operand.convert, kernel)


def _after(convert: Kernel | None, kernel: Kernel) -> Kernel:
    return kernel if convert is None else lambda x: kernel(convert(x))


def _from_float32(op: QuantizeOp, x: Numbers, format_: IntegerFormat) -> Compiled:
    range_ = format_.code_range if op.overflow is Overflow.WRAP else saturation_range(format_, op.narrow)
    dtype = carrier(range_)
    result = _codes(op.result, dtype, range_)
    fast = op.rounding is Rounding.HALF_EVEN and op.overflow is Overflow.SATURATE and dtype == FLOAT32
    if fast and not isinstance(format_, BipolarFormat):
        return [result], _nearest_kernel(format_.fraction_bits, range_, x.reusable)
    if isinstance(format_, BipolarFormat):
        return [result], _sign_kernel
    rounding, overflow, narrow = op.rounding, op.overflow, op.narrow
    return [result], lambda x: cast(quantize_float(x, format_, rounding, overflow, narrow), dtype)


def _sign_kernel(x: Array) -> Array:
    if holds_nan(x):
        raise NoCodeError("NaN has no code")
    return _sign(x)


def _nearest_kernel(fraction_bits: int, range_: IntRange, reusable: bool) -> Kernel:
    """float32 to the nearest code below 2^24, saturated: `quantize_float` for the usual case, without copies."""
    low, high = np.float32(range_.lo), np.float32(range_.hi)

    def kernel(x: Array) -> Array:
        if holds_nan(x):
            raise NoCodeError("NaN has no code")
        scaled = in_quanta(x, fraction_bits)
        codes = np.rint(scaled, out=scaled if reusable or fraction_bits else None)
        return codes.clip(low, high, out=codes)

    return kernel


def _from_exact(op: QuantizeOp, x: Numbers, format_: IntegerFormat) -> Compiled:
    operand = exact(x)
    if isinstance(format_, BipolarFormat):
        dtype = FLOAT32
        return [_codes(op.result, dtype, IntRange(-1, 1))], _after(operand.convert, _sign)
    ratio = operand.scale * Fraction(2) ** format_.fraction_bits
    rounded = IntRange(*(round_fraction(end * ratio, op.rounding) for end in (operand.range.lo, operand.range.hi)))
    held = format_.code_range if op.overflow is Overflow.WRAP else saturation_range(format_, op.narrow)
    range_ = rounded if rounded in held else _image(rounded, held, op.overflow)
    dtype = carrier(range_)
    result = _codes(op.result, dtype, range_)
    limits = None if rounded in held else held
    work = working_dtype(operand.range, ratio, limits or rounded)
    if work in (INT64, OBJECT) or (op.overflow is Overflow.WRAP and rounded not in held):
        return [result], _after(operand.convert, _integer_kernel(op, operand.scale, format_, dtype))
    operand = operand.as_dtype(work)
    finish = rounding_kernel(ratio, op.rounding, limits, work, dtype, operand.numbers.reusable)
    return [result], _after(operand.convert, finish)


def working_dtype(range_: IntRange, ratio: Fraction, limits: IntRange) -> DType:
    """Where `rounding_kernel` is exact, if that is a float dtype."""
    terms = (4 * max(bound(range_), 1) * ratio.numerator, 4 * ratio.denominator)
    return carrier(IntRange(0, max(terms)), limits)


def _sign(x: Array) -> Array:
    """-1 and 1 as float32, made of bytes: several times as fast as np.where."""
    signs = np.greater_equal(x, 0).astype(np.int8)
    np.add(signs, signs, out=signs)
    np.subtract(signs, 1, out=signs)
    return signs.astype(np.float32)


def _image(rounded: IntRange, held: IntRange, overflow: Overflow) -> IntRange:
    """Codes that remain of `rounded`, which leaves `held`."""
    if overflow is Overflow.WRAP:
        return held
    return clipped(rounded, held)


def clipped(range_: IntRange, limits: IntRange) -> IntRange:
    """Range of the numbers of `range_` clipped to `limits`."""
    return IntRange(*(min(max(end, limits.lo), limits.hi) for end in (range_.lo, range_.hi)))


def _integer_kernel(op: QuantizeOp, scale: Fraction, format_: IntegerFormat, dtype: DType) -> Kernel:
    rounding, overflow, narrow = op.rounding, op.overflow, op.narrow
    return lambda x: cast(quantize_exact(x, scale, format_, rounding, overflow, narrow), dtype)


def rounding_kernel(
    ratio: Fraction, rounding: Rounding, limits: IntRange | None, work: DType, dtype: DType, reusable: bool = False
) -> Kernel:
    """`x * ratio` rounded and clipped to `limits`, in `dtype`, for integers x in the float dtype `work`.

    Exact if `work` holds 4 * |x| * numerator and 4 * denominator: then the float quotient lies on the same side of
    every integer and half integer as the true one, and is a half integer only if that is. `dtype` holds what remains
    after clipping; a number beyond is beyond the limits in it as well. `reusable`: x may be overwritten.
    """
    up, down = work.type(ratio.numerator), work.type(ratio.denominator)
    steps: list[Callable[[Array], Array]] = []  # the first makes a new array, which the others may overwrite
    if ratio.denominator & (ratio.denominator - 1) == 0:
        if ratio != 1:
            factor = work.type(float(ratio))
            steps.append((lambda x: np.multiply(x, factor, out=x)) if reusable else (lambda x: x * factor))
    else:
        steps.append((lambda x: x / down) if ratio.numerator == 1 else (lambda x: x * up / down))
    if ratio.denominator != 1:
        nearest = rounding is Rounding.HALF_EVEN and steps
        steps.append((lambda x: np.rint(x, out=x)) if nearest else (lambda x: round_exact_float(x, rounding)))
    if dtype != work:
        steps.append(lambda x: x.astype(dtype))
    if limits is not None:
        low, high = dtype.type(limits.lo), dtype.type(limits.hi)
        steps.append((lambda x: x.clip(low, high, out=x)) if steps else (lambda x: x.clip(low, high)))
    if not steps:
        return lambda x: x.copy()

    def kernel(x: Array) -> Array:
        for step in steps:
            x = step(x)
        return x

    return kernel
