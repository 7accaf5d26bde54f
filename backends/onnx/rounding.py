# SPDX-License-Identifier: Apache-2.0
"""Rounding, saturation and wrapping in standard ONNX operations, for what no quantiser node says."""

from __future__ import annotations

import numpy as np

from ...qdialect.errors import QoptError
from ...qdialect.float_formats import floor_log2, value_of
from ...qdialect.formats import FloatFormat, IntRange, Overflow, Rounding
from .context import Context
from .graph import Tensor
from .numbers import BOOL, FLOAT64

_LARGEST_EXPONENT_BITS = 8  # of a float format whose exponents are compared with one by one


def rounded(out: Context, x: Tensor, rounding: Rounding, as_qonnx: bool) -> Tensor:
    """`x` rounded to integers. `as_qonnx`: adding the half of a tie in x's float type, else exactly."""
    match rounding:
        case Rounding.HALF_EVEN:
            return out.node("Round", x)
        case Rounding.FLOOR:
            return out.node("Floor", x)
        case Rounding.CEIL:
            return out.node("Ceil", x)
        case _:
            size = _rounded_size(out, out.node("Abs", x), rounding, as_qonnx)
            return out.node("Mul", out.node("Sign", x), size)


def _rounded_size(out: Context, size: Tensor, rounding: Rounding, as_qonnx: bool) -> Tensor:
    """A number of at least 0, rounded away from zero, towards zero, or to the nearest with ties either way.

    The exact nearest goes by half steps: ceil(floor(2 x) / 2) rounds nothing but what it means to.
    """
    match rounding:
        case Rounding.UP:
            return out.node("Ceil", size)
        case Rounding.DOWN:
            return out.node("Floor", size)
        case Rounding.HALF_UP if as_qonnx:
            return out.node("Floor", out.node("Add", size, out.number(0.5, size)))
        case Rounding.HALF_DOWN if as_qonnx:
            return out.node("Ceil", out.node("Sub", size, out.number(0.5, size)))
        case Rounding.HALF_UP:
            return out.node("Ceil", out.scaled(out.node("Floor", out.scaled(size, 1)), -1))
        case _:
            return out.node("Floor", out.scaled(out.node("Ceil", out.scaled(size, 1)), -1))


def saturated(out: Context, x: Tensor, range_: IntRange) -> Tensor:
    """`x` bounded to a range of integers that its float type holds."""
    return out.node("Clip", x, out.number(range_.lo, x), out.number(range_.hi, x))


def wrapped(out: Context, x: Tensor, word_length: int, signed: bool) -> Tensor:
    """Integers modulo 2^word_length. Exact: what is subtracted is a multiple of the last bit of x.

    Signed, it is the nearest multiple of 2^word_length, by half steps: nothing where x fits, however wide the word.
    """
    if signed:
        times = out.node("Ceil", out.scaled(out.node("Floor", out.scaled(x, 1 - word_length)), -1))
    else:
        times = out.node("Floor", out.scaled(x, -word_length))
    return out.node("Sub", x, out.scaled(times, word_length))


def rounded_to_float(out: Context, x: Tensor, format_: FloatFormat, rounding: Rounding, overflow: Overflow) -> Tensor:
    """`x` as the nearest number (or as `rounding` says) of a custom float format, in float64.

    The unit of the last place is the largest of those that go with the powers of two that |x| reaches.
    """
    if format_.exponent_bits > _LARGEST_EXPONENT_BITS:
        what = f"rounding to a float of {format_.exponent_bits} exponent bits has no form in ONNX"
        raise QoptError(what, out.op, f"use at most {_LARGEST_EXPONENT_BITS} exponent bits")
    x = out.cast(x, FLOAT64)
    unit = _unit(out, x, format_)
    result = out.node("Mul", rounded(out, out.node("Div", x, unit), rounding, as_qonnx=False), unit)
    if not format_.subnormals:
        normal = out.node("Abs", result)
        normal = out.at_least(normal, out.number(2.0**format_.min_exponent, x), FLOAT64)
        result = out.node("Mul", result, normal)
    largest = float(value_of(format_.max_code, format_))
    if overflow is Overflow.SATURATE:
        return out.node("Clip", result, out.number(-largest, x), out.number(largest, x))
    beyond = out.node("Greater", out.node("Abs", result), out.number(largest, x), dtype=BOOL)
    special = np.inf if format_.infinity_code is not None else np.nan
    return out.node("Where", beyond, out.node("Mul", x, out.number(special, x)), result, dtype=FLOAT64)


def _unit(out: Context, x: Tensor, format_: FloatFormat) -> Tensor:
    """Value of the last place of each number: 2^(max(floor(log2 |x|), least exponent) - M)."""
    top = floor_log2(value_of(format_.max_code, format_))
    exponents = np.arange(format_.min_exponent, max(top, format_.min_exponent) + 1)
    units, powers = np.ldexp(1.0, exponents - format_.fraction_bits), np.ldexp(1.0, exponents[1:])
    if not len(powers):
        return out.plain(units.reshape(()), "unit")
    spread = out.node("Unsqueeze", out.node("Abs", x), out.integers([-1], "axes"), shape=(*x.shape, 1))
    reached = out.at_least(spread, out.plain(powers, "powers"), FLOAT64)
    candidates = out.node("Mul", reached, out.plain(units[1:], "units"))
    options = {"keepdims": 0}
    largest = out.node("ReduceMax", candidates, out.integers([-1], "axes"), shape=x.shape, attributes=options)
    return out.node("Max", largest, out.number(units[0], x))
