# SPDX-License-Identifier: Apache-2.0
"""Bringing the operands of an op into one form: exact integers of a given scale and dtype, or float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from xdsl.ir import Attribute

from ..affine import as_fractions
from ..float_formats import decode, decode_exact, exact_magnitude
from ..formats import FloatFormat, IntRange, NoCodeError
from ..types import FloatType, format_of, is_f32
from .registry import Kernel
from .values import (
    FLOAT32,
    INT64,
    OBJECT,
    Array,
    DType,
    Numbers,
    bound,
    carrier,
    cast,
    common_scale,
    exact_from_fractions,
    range_of,
    scaled,
    tiled,
    with_axes,
)

# Every finite float32 is a multiple of 2^-149 below 2^128.
_FLOAT32_QUANTUM_EXPONENT = -149
_FLOAT32_MAGNITUDE = 1 << (128 + 149)


@dataclass(frozen=True)
class Operand:
    """An operand and the conversion it needs in a run (None: none); `numbers` describe it after the conversion."""

    numbers: Numbers
    convert: Kernel | None = None

    def then(self, function: Kernel, fresh: bool = True, **changes: Any) -> Operand:
        """This operand with one more conversion; a constant is converted at once. `fresh`: it makes a new array."""
        numbers = replace(self.numbers, **changes)
        if numbers.constant is not None:
            return Operand(replace(numbers, constant=function(numbers.constant)))
        if fresh:
            numbers = replace(numbers, reusable=True)
        first = self.convert
        return Operand(numbers, function if first is None else lambda x: function(first(x)))

    @property
    def constant(self) -> Array | None:
        return self.numbers.constant

    @property
    def range(self) -> IntRange:
        return self.numbers.exact[1]

    @property
    def scale(self) -> Fraction:
        return self.numbers.exact[0]

    def as_dtype(self, dtype: DType) -> Operand:
        """The same integers in a dtype that holds them."""
        if self.numbers.dtype == dtype:
            return self
        return self.then(lambda x: cast(x, dtype), dtype=dtype)

    def rescaled(self, scale: Fraction, dtype: DType) -> Operand:
        """The same values as multiples of `scale`, of which the present scale is a multiple."""
        factor = self.scale / scale
        assert factor.denominator == 1, (self.scale, scale)
        operand = self.as_dtype(dtype)
        if factor == 1:
            return operand
        times = factor.numerator if bound(self.range) else 1  # for zeros, the factor may be more than dtype holds
        number = times if dtype == OBJECT else dtype.type(times)
        # a product of single Python integers is no array
        return operand.then(lambda x: np.asarray(x * number, dtype), scale=scale, range=scaled(self.range, times))

    def with_rank(self, rank: int) -> Operand:
        """Axes of size 1 put in front (behind the frames) up to `rank` axes, as broadcasting means them."""
        shape = self.numbers.shape
        if self.constant is not None or len(shape) == rank:
            return self
        shape = (1,) * (rank - len(shape)) + shape
        return self.then(lambda x: x.reshape(len(x), *shape), fresh=False, shape=shape)


def exact(numbers: Numbers) -> Operand:
    """An operand as exact integers times a scale, whatever its type."""
    if numbers.scale is not None:
        return Operand(numbers)
    if numbers.constant is not None:
        return Operand(_exact_constant(numbers, numbers.constant))
    if is_f32(numbers.element_type):
        scale = Fraction(2) ** _FLOAT32_QUANTUM_EXPONENT
        range_ = IntRange(-_FLOAT32_MAGNITUDE, _FLOAT32_MAGNITUDE)
        return Operand(numbers).then(_float32_in_quanta, dtype=OBJECT, scale=scale, range=range_)
    format_ = _float_format(numbers)
    size = exact_magnitude(format_)
    dtype = INT64 if size < 1 << 63 else OBJECT
    scale = Fraction(2) ** format_.quantum_exponent
    return Operand(numbers).then(
        lambda x: decode_exact(x, format_)[0], dtype=dtype, scale=scale, range=IntRange(-size, size)
    )


def _exact_constant(numbers: Numbers, stored: Array) -> Numbers:
    if is_f32(numbers.element_type):
        real = exact_from_fractions(as_fractions(stored))
        integers, scale = real.numerators, real.scale
    else:
        integers, scale = decode_exact(stored, _float_format(numbers))
    range_ = range_of(integers)
    dtype = carrier(range_)
    return replace(numbers, dtype=dtype, scale=scale, range=range_, constant=cast(integers, dtype))


def _float_format(numbers: Numbers) -> FloatFormat:
    assert isinstance(numbers.element_type, FloatType), numbers
    format_ = format_of(numbers.element_type)
    assert isinstance(format_, FloatFormat)
    return format_


def _float32_in_quanta(values: Array) -> Array:
    """float32 values as whole multiples of 2^-149; NoCodeError for infinities and NaN."""
    if not np.isfinite(values).all():
        raise NoCodeError("an infinity or NaN is no exact number")
    mantissa, exponent = np.frexp(values.astype(np.float64))
    integers = np.ldexp(mantissa, 53).astype(np.int64).astype(object)  # |value| = integers * 2^(exponent - 53)
    shift = (exponent.astype(np.int64) - 53 - _FLOAT32_QUANTUM_EXPONENT).astype(object)
    return (integers << np.maximum(shift, 0)) >> np.maximum(-shift, 0)


def float32(numbers: Numbers) -> Operand:
    """An operand as float32 values, rounded once to nearest where an integer or custom float needs more bits."""
    operand = Operand(numbers)
    if is_f32(numbers.element_type):
        return operand
    if numbers.scale is None:
        format_ = _float_format(numbers)
        return operand.then(lambda x: decode(x, format_).astype(np.float32), dtype=FLOAT32)
    factor = np.float32(float(numbers.scale))
    assert Fraction(float(factor)) == numbers.scale, "only fixed types mix with f32, and a quantum is a power of two"
    if numbers.dtype != FLOAT32:
        operand = operand.then(_round_to_float32, dtype=FLOAT32)
    if factor != 1:
        operand = operand.then(lambda x: x * factor)
    return replace(operand, numbers=replace(operand.numbers, scale=None, range=None))


def _round_to_float32(integers: Array) -> Array:
    if integers.dtype != OBJECT:
        return integers.astype(np.float32)
    result = np.empty(integers.shape, dtype=np.float32)
    result.reshape(-1)[:] = [_nearest_float32(number) for number in integers.reshape(-1)]
    return result


def _nearest_float32(number: int) -> np.float32:
    """A Python integer rounded once: what is beyond 53 bits is kept as a sticky bit."""
    excess = max(0, number.bit_length() - 53)
    kept = abs(number) >> excess
    sticky = abs(number) != kept << excess
    return np.float32(float((kept | sticky) << excess) * (-1 if number < 0 else 1))


def aligned_operands(type_: Attribute, operands: Sequence[Numbers]) -> list[Operand]:
    """All operands in one dtype, with one scale: as float32 for the type f32, as codes if they are custom floats."""
    if is_f32(type_):
        return [float32(numbers) for numbers in operands]
    if isinstance(type_, FloatType):
        return [Operand(numbers) for numbers in operands]
    exacts = [exact(numbers) for numbers in operands]
    scale = exacts[0].scale
    for operand in exacts[1:]:
        scale = common_scale(scale, operand.scale)
    ranges = [scaled(operand.range, int(operand.scale / scale)) for operand in exacts]
    return [operand.rescaled(scale, carrier(*ranges)) for operand in exacts]


def elementwise(ufunc: Any, first: Operand, second: Operand, result: Numbers) -> Kernel:
    """A kernel for `ufunc(first, second)`; it overwrites an operand that nobody needs any more."""
    rank = len(result.shape)
    first, second = first.with_rank(rank), second.with_rank(rank)
    before, after = first.convert, second.convert
    if second.constant is not None:
        right = tiled(second.constant, result.shape)
        kernel = _with_constant(lambda x, out: ufunc(x, right, out=out), first, result)
        return kernel if before is None else lambda x: kernel(before(x))
    if first.constant is not None:
        left = tiled(first.constant, result.shape)
        kernel = _with_constant(lambda x, out: ufunc(left, x, out=out), second, result)
        return kernel if after is None else lambda x: kernel(after(x))
    one, other = before or _same, after or _same
    if _can_hold(first.numbers, result):
        return lambda x, y: _into_first(ufunc, one(x), other(y))
    return ufunc if before is None and after is None else lambda x, y: ufunc(one(x), other(y))


def nary(function: Kernel, operands: Sequence[Operand], rank: int) -> Kernel:
    """A kernel for `function` of all operands, elementwise with broadcasting up to `rank` axes."""
    parts = [operand.with_rank(rank) for operand in operands]
    constants = [None if part.constant is None else with_axes(part.constant, rank + 1) for part in parts]

    def kernel(*arrays: Array) -> Array:
        given = iter(arrays)
        values: list[Array] = []
        for part, constant in zip(parts, constants, strict=True):
            value = next(given) if constant is None else constant
            values.append(value if constant is not None or part.convert is None else part.convert(value))
        return function(*values)

    return kernel


def _with_constant(apply: Any, operand: Operand, result: Numbers) -> Kernel:
    if _can_hold(operand.numbers, result):
        return lambda x: apply(x, x)
    return lambda x: apply(x, None)


def _can_hold(numbers: Numbers, result: Numbers) -> bool:
    """Whether the result may overwrite the operand."""
    return numbers.reusable and numbers.shape == result.shape and numbers.dtype == result.dtype


def _into_first(ufunc: Any, x: Array, y: Array) -> Array:
    return ufunc(x, y, out=x)


def _same(x: Array) -> Array:
    return x
