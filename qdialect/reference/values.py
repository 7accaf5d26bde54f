# SPDX-License-Identifier: Apache-2.0
"""How the reference holds numbers: integers times one rational scale, in the cheapest numpy dtype that is exact.

A tensor of an integer type or of `!q.real` is an array of integers, and `value = integer * scale` with one positive
scale a tensor that is known before the run (2^-F for a fixed type). The integers live in float32 below 2^24 (it feeds
BLAS), float64 below 2^53, int64, or as Python integers: `carrier` chooses from a proven range, so no run can overflow.
f32 tensors are float32 arrays; custom floats are arrays of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Attribute

from ..formats import IntRange
from ..rounding import as_objects

Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Bounds: TypeAlias = tuple[Array, Array]  # lowest and highest integer of each channel, object arrays [C]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)
OBJECT = np.dtype(object)


@dataclass(frozen=True)
class Numbers:
    """What is known of the numbers of one value before a run.

    `shape` is the tensor's (a stream's: beats, lanes). The array of a run has one more axis in front, the frames;
    `constant`, the stored array of a value that is the same in every frame, has not. `scale` and `range` (of the
    stored integers) are None for f32 and custom floats. `reusable`: the array may be overwritten by the op at hand;
    `bounds`: of an operand, for each channel of its last axis, where they are known.
    """

    element_type: Attribute
    shape: tuple[int, ...]
    dtype: DType
    scale: Fraction | None = None
    range: IntRange | None = None
    constant: Array | None = None
    reusable: bool = False
    bounds: Bounds | None = None

    @property
    def exact(self) -> tuple[Fraction, IntRange]:
        """Scale and range of a value that is held as integers."""
        assert self.scale is not None, self
        assert self.range is not None, self
        return self.scale, self.range


@dataclass(frozen=True)
class ExactReal:
    """Exact rational numbers: `numerators * scale` (integers of any dtype; scale > 0)."""

    numerators: Array
    scale: Fraction

    def to_fractions(self) -> Array:
        """An object array of Fractions."""
        result = np.empty(self.numerators.shape, dtype=object)
        result.reshape(-1)[:] = [int(number) * self.scale for number in self.numerators.reshape(-1)]
        return result

    def equals(self, other: ExactReal) -> Array:
        """Elementwise equality of the values, whatever the scales."""
        scale = common_scale(self.scale, other.scale)
        first = as_objects(self.numerators) * int(self.scale / scale)
        return first == as_objects(other.numerators) * int(other.scale / scale)

    def to_float64(self) -> Array:
        """The nearest float64 (within two units in the last place where the numerators are not Python integers)."""
        if self.numerators.dtype != OBJECT:
            return self.numerators.astype(np.float64) * float(self.scale)
        up, down = self.scale.numerator, self.scale.denominator
        result = np.empty(self.numerators.shape, dtype=np.float64)
        result.reshape(-1)[:] = [number * up / down for number in self.numerators.reshape(-1)]
        return result


def exact_from_fractions(numbers: Array) -> ExactReal:
    """Integers and their greatest common scale for an object array of Fractions."""
    flat: list[Fraction] = list(numbers.reshape(-1))
    denominator = lcm(*(number.denominator for number in flat)) if flat else 1
    integers = [number.numerator * (denominator // number.denominator) for number in flat]
    divisor = gcd(*integers) or 1
    numerators = np.empty(len(flat), dtype=object)
    numerators[:] = [integer // divisor for integer in integers]
    return ExactReal(numerators.reshape(numbers.shape), Fraction(divisor, denominator))


def common_scale(first: Fraction, second: Fraction) -> Fraction:
    """The largest scale of which both are whole multiples."""
    numerator = gcd(first.numerator * second.denominator, second.numerator * first.denominator)
    return Fraction(numerator, first.denominator * second.denominator)


def with_axes(numbers: Array, rank: int) -> Array:
    """The array with axes of size 1 in front, up to `rank`: numpy is twice as quick where shapes are equal."""
    return numbers.reshape((1,) * (rank - numbers.ndim) + numbers.shape)


TILE, MOST_TILED = 1 << 10, 1 << 15  # elements: numpy's loops over so many are not felt to start; a cache holds these


def tiled(constant: Array, shape: tuple[int, ...]) -> Array:
    """A constant that broadcasts to `shape`, with an axis for the frames, ready for ufuncs with arrays of that shape.

    One that differs along the last axis is repeated along those before it until it has `TILE` elements: numpy then
    runs through both operands in long pieces.
    """
    if constant.size == 1:
        return constant
    constant, sizes = with_axes(constant, len(shape)), [*with_axes(constant, len(shape)).shape]
    for axis in reversed(range(len(shape))):
        if prod(sizes[axis:]) >= TILE or prod(shape[axis:]) > MOST_TILED or sizes[-1] == 1:
            break
        sizes[axis] = shape[axis]
    return with_axes(np.ascontiguousarray(np.broadcast_to(constant, sizes)), len(shape) + 1)


def holds_nan(numbers: Array) -> bool:
    """Whether a float array holds NaN: only then is the sum of the squares NaN."""
    flat = numbers.reshape(-1)
    total = float(flat.dot(flat))
    return total != total


def range_of(numbers: Array) -> IntRange:
    """Range of an array of integers."""
    return IntRange(int(numbers.min()), int(numbers.max())) if numbers.size else IntRange(0, 0)


def scaled(range_: IntRange, factor: int) -> IntRange:
    """Range of `factor * x` for a positive factor."""
    return IntRange(range_.lo * factor, range_.hi * factor)


def product(first: IntRange, second: IntRange) -> IntRange:
    """Range of `x * y`."""
    corners = [a * b for a in (first.lo, first.hi) for b in (second.lo, second.hi)]
    return IntRange(min(corners), max(corners))


def intersection(first: IntRange, second: IntRange) -> IntRange:
    """Numbers in both ranges (which meet)."""
    return IntRange(max(first.lo, second.lo), min(first.hi, second.hi))


def hull(*ranges: IntRange) -> IntRange:
    """The smallest range that contains all."""
    return IntRange(min(range_.lo for range_ in ranges), max(range_.hi for range_ in ranges))


def bound(*ranges: IntRange) -> int:
    """Largest magnitude in the ranges."""
    return max(max(-range_.lo, range_.hi) for range_ in ranges)


def carrier(*ranges: IntRange) -> DType:
    """The cheapest dtype that holds every integer of the ranges, and one beyond, exactly.

    A float sum of integers whose partial sums are all within the ranges is exact too, in any order.
    """
    size = bound(*ranges) + 1
    if size <= 1 << 24:
        return FLOAT32
    if size <= 1 << 53:
        return FLOAT64
    return INT64 if size < 1 << 63 else OBJECT


def cast(numbers: Array, dtype: DType) -> Array:
    """Integers in another dtype, which holds them."""
    if numbers.dtype == dtype:
        return numbers
    if dtype == OBJECT and numbers.dtype != INT64:
        return numbers.astype(np.int64).astype(object)  # quicker than Python's int() of each float
    return numbers.astype(dtype)


def as_codes(numbers: Array) -> Array:
    """Integers for the outside world: int64, or Python integers where one may not fit (never changed in place)."""
    return numbers.astype(np.int64) if numbers.dtype != OBJECT else numbers.copy()
