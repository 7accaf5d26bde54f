# SPDX-License-Identifier: Apache-2.0
"""Intervals of exact numbers, elementwise: integers times one rational scale, no IR.

Bounds are integer arrays (of any width, or Python integers where int64 could overflow) that broadcast to the tensor's
shape, so a tensor whose channels differ costs one pair of numbers a channel. They have at least one axis (numpy turns
the results of object arrays without axes into bare numbers). Arithmetic on them goes through `_safe`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..qdialect.formats import BipolarFormat, IntegerFormat, IntRange, Overflow, Rounding
from ..qdialect.reference.values import common_scale, exact_from_fractions
from ..qdialect.rounding import INT64_LIMIT, as_integers, magnitude, round_quotient, saturation_range

Array: TypeAlias = NDArray[Any]

_BLOCK = 1 << 20  # weights that a matrix product copies at a time


@dataclass(frozen=True)
class Interval:
    """Numbers from `lo * scale` to `hi * scale`, elementwise; scale > 0. For an integer type lo and hi are codes."""

    lo: Array
    hi: Array
    scale: Fraction

    @property
    def hull(self) -> IntRange:
        """The range of all elements together, in units of `scale`."""
        return IntRange(int(self.lo.min()), int(self.hi.max()))

    @property
    def is_point(self) -> bool:
        return self.lo is self.hi or bool((self.lo == self.hi).all())

    def map(self, function: Any) -> Interval:
        """`function` on both bounds: once if they are the same array, as those of constants are."""
        lo = function(self.lo)
        return Interval(lo, lo if self.lo is self.hi else function(self.hi), self.scale)


def whole(range_: IntRange, scale: Fraction) -> Interval:
    """Every element anywhere in the range."""
    lo, hi = (as_integers(np.array([bound], dtype=object)) for bound in (range_.lo, range_.hi))
    return Interval(lo, hi, scale)


def points(codes: Array, scale: Fraction) -> Interval:
    """Elements that are known. Codes of a constant are not copied: there may be millions."""
    codes = np.atleast_1d(codes if codes.dtype.kind == "i" else as_integers(codes))
    return Interval(codes, codes, scale)


def point_fractions(values: Array) -> Interval:
    """Known elements, from an object array of Fractions."""
    exact = exact_from_fractions(values)
    return points(exact.numerators, exact.scale)


def _safe(bound: int, *arrays: Array) -> list[Array]:
    """The arrays in a dtype in which numbers up to `bound` do not overflow."""
    return [array.astype(np.int64 if bound < INT64_LIMIT else object, copy=False) for array in arrays]


def _bound(x: Interval) -> int:
    """A magnitude, at least 1, that no bound passes."""
    return max(magnitude(x.lo), 0 if x.lo is x.hi else magnitude(x.hi), 1)


def rescaled(x: Interval, scale: Fraction) -> Interval:
    """The same numbers in units of `scale`, of which the old scale is a whole multiple."""
    factor = int(x.scale / scale)
    if factor == 1:
        return x
    bound = _bound(x) * factor
    return replace(x, scale=scale).map(lambda codes: _safe(bound, codes)[0] * factor)


def add(a: Interval, b: Interval) -> Interval:
    scale = common_scale(a.scale, b.scale)
    a, b = rescaled(a, scale), rescaled(b, scale)
    alo, ahi, blo, bhi = _safe(_bound(a) + _bound(b), a.lo, a.hi, b.lo, b.hi)
    return Interval(alo + blo, ahi + bhi, scale)


def negative(x: Interval) -> Interval:
    lo, hi = _safe(_bound(x), x.lo, x.hi)
    return Interval(-hi, -lo, x.scale)


def multiply(a: Interval, b: Interval) -> Interval:
    """Products of independent numbers."""
    alo, ahi, blo, bhi = _safe(_bound(a) * _bound(b), a.lo, a.hi, b.lo, b.hi)
    if a.lo is a.hi and b.lo is b.hi:
        return points(alo * blo, a.scale * b.scale)
    low, high = _corners(alo, ahi, blo, bhi)
    return Interval(low, high, a.scale * b.scale)


def _corners(alo: Array, ahi: Array, blo: Array, bhi: Array) -> tuple[Array, Array]:
    products = [x * y for x in (alo, ahi) for y in (blo, bhi)]
    low = np.minimum(np.minimum(products[0], products[1]), np.minimum(products[2], products[3]))
    high = np.maximum(np.maximum(products[0], products[1]), np.maximum(products[2], products[3]))
    return np.asarray(low), np.asarray(high)


def square(x: Interval) -> Interval:
    """A number times itself."""
    product = multiply(x, x)
    lo, hi = _safe(_bound(product), x.lo, x.hi)
    least = np.where(lo > 0, lo * lo, np.where(hi < 0, hi * hi, 0))
    return Interval(least, product.hi, product.scale)


def reciprocal(x: Interval) -> Interval:
    """1 / x of known numbers without zero."""
    assert x.is_point
    flat = [1 / (int(code) * x.scale) for code in x.lo.reshape(-1)]
    values = np.empty(x.lo.shape, dtype=object)
    values.reshape(-1)[:] = flat
    return point_fractions(values)


def aligned(*operands: Interval) -> list[Interval]:
    """The same numbers in one unit."""
    scale = operands[0].scale
    for other in operands[1:]:
        scale = common_scale(scale, other.scale)
    return [rescaled(operand, scale) for operand in operands]


def rising(function: Any, *operands: Interval) -> Interval:
    """`function`, which picks one of its arguments and falls in none."""
    operands = tuple(aligned(*operands))
    lo, hi = function(*(x.lo for x in operands)), function(*(x.hi for x in operands))
    return Interval(np.asarray(lo), np.asarray(hi), operands[0].scale)


def clamp(x: Interval, minimum: Interval, maximum: Interval) -> Interval:
    """`min(max(x, minimum), maximum)`."""
    return rising(lambda x, low, high: np.minimum(np.maximum(x, low), high), x, minimum, maximum)


def prelu(x: Interval, slope: Interval) -> Interval:
    """`max(x, 0) + slope * min(x, 0)`: either half by itself."""
    above = Interval(np.maximum(x.lo, 0), np.maximum(x.hi, 0), x.scale)
    below = multiply(Interval(np.minimum(x.lo, 0), np.minimum(x.hi, 0), x.scale), slope)
    a, b = aligned(above, below)
    both = (x.lo < 0) & (x.hi > 0)
    low = np.where(both, np.minimum(a.lo, b.lo), a.lo + b.lo)
    high = np.where(both, np.maximum(a.hi, b.hi), a.hi + b.hi)
    return Interval(low, high, a.scale)


def select(condition: Interval, on_true: Interval, on_false: Interval) -> Interval:
    """`on_true` where the condition is 1, else `on_false`."""
    a, b = aligned(on_true, on_false)
    surely, never = condition.lo > 0, condition.hi == 0
    low = np.where(surely, a.lo, np.where(never, b.lo, np.minimum(a.lo, b.lo)))
    high = np.where(surely, a.hi, np.where(never, b.hi, np.maximum(a.hi, b.hi)))
    return Interval(low, high, a.scale)


def matmul(a: Interval, b: Interval, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Interval:
    """numpy's `a @ b`; corner-tight. The shapes are those of the tensors."""
    depth = a_shape[-1]
    row, column = len(a_shape) == 1, len(b_shape) == 1
    alo, ahi = (_matrix(bound) for bound in (a.lo, a.hi))
    blo, bhi = (_matrix(bound[..., None] if column else bound) for bound in (b.lo, b.hi))
    bound = 2 * _bound(a) * _bound(b) * max(depth, 1)
    if b.is_point and blo.shape[-2] == depth:
        low, high = _known_matmul(alo, ahi, blo, bound)
    elif a.is_point and alo.shape[-1] == depth:
        low, high = (_turned(x) for x in _known_matmul(_turned(blo), _turned(bhi), _turned(alo), bound))
    else:
        alo, ahi, blo, bhi = _safe(bound, *(_at_depth(x, -1, depth) for x in (alo, ahi)), blo, bhi)
        low, high = _matmul_corners(alo, ahi, *(_at_depth(x, -2, depth) for x in (blo, bhi)))
    dropped = (*((-2,) if row else ()), *((-1,) if column else ()))
    low, high = (np.atleast_1d(np.squeeze(bound, dropped)) for bound in (low, high))
    return Interval(low, high, a.scale * b.scale)


def _matrix(bound: Array) -> Array:
    """`bound` with at least two axes."""
    return bound.reshape((1,) * max(2 - bound.ndim, 0) + bound.shape)


def _at_depth(bound: Array, axis: int, depth: int) -> Array:
    """`bound` with the summed axis at full size."""
    shape = list(bound.shape)
    shape[axis] = depth
    return np.broadcast_to(bound, shape)


def _turned(matrix: Array) -> Array:
    return np.swapaxes(matrix, -1, -2)


def _known_matmul(lo: Array, hi: Array, weights: Array, bound: int) -> tuple[Array, Array]:
    """Bounds of `x @ weights` for x in [lo, hi], from `sum w (lo + hi)` and `sum |w| (hi - lo)`; both below `bound`.

    A few columns of weights at a time: they may be millions, and are copied in a wider dtype.
    """
    lo, hi = _safe(bound, lo, hi)
    step = max(1, _BLOCK // (weights.size // weights.shape[-1] or 1))
    blocks = [weights[..., start : start + step] for start in range(0, weights.shape[-1], step)]
    parts = [_block_matmul(lo, hi, _safe(bound, block)[0], bound) for block in blocks]
    low, high = (np.concatenate([part[end] for part in parts], axis=-1) for end in (0, 1))
    return low, high


def _block_matmul(lo: Array, hi: Array, weights: Array, bound: int) -> tuple[Array, Array]:
    centre, spread = _matmul(lo + hi, weights, bound), _matmul(hi - lo, np.abs(weights), bound)
    return (centre - spread) // 2, (centre + spread) // 2


def _matmul(x: Array, weights: Array, bound: int) -> Array:
    """`x @ weights`, where every partial sum is below `bound`; the summed axis of x may have size 1: all equal."""
    if x.shape[-1] == 1:
        return x * weights.sum(axis=-2, keepdims=True)
    if bound < 1 << 53:  # exact in float64, whose product is far faster than that of integers
        return (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return x @ weights


def _matmul_corners(alo: Array, ahi: Array, blo: Array, bhi: Array) -> tuple[Array, Array]:
    low = high = np.zeros((1, 1), alo.dtype)
    for k in range(alo.shape[-1]):  # one rank-one product at a time: no array larger than the result
        columns, rows = (x.take([k], -1) for x in (alo, ahi)), (x.take([k], -2) for x in (blo, bhi))
        least, most = _corners(*columns, *rows)
        low, high = low + least, high + most
    return low, high


def quantize(x: Interval, format_: IntegerFormat, rounding: Rounding, overflow: Overflow, narrow: bool) -> Interval:
    """Codes of the numbers in an integer format: every quantiser rises, unless it wraps."""
    scale = Fraction(2) ** -format_.fraction_bits
    if isinstance(format_, BipolarFormat):
        return Interval(np.where(x.lo >= 0, 1, -1), np.where(x.hi >= 0, 1, -1), scale)
    ratio = x.scale / scale
    lo, hi = _safe(_bound(x) * ratio.numerator, x.lo, x.hi)
    lo, hi = (round_quotient(bound * ratio.numerator, ratio.denominator, rounding) for bound in (lo, hi))
    codes = Interval(as_integers(np.asarray(lo)), as_integers(np.asarray(hi)), scale)
    if overflow is Overflow.WRAP:
        return codes if codes.hull in format_.code_range else whole(format_.code_range, scale)
    held = saturation_range(format_, narrow)
    return Interval(_clip(codes.lo, held), _clip(codes.hi, held), scale)


def _clip(codes: Array, range_: IntRange) -> Array:
    if codes.dtype != object:
        range_ = IntRange(max(range_.lo, -INT64_LIMIT), min(range_.hi, INT64_LIMIT - 1))
    return np.asarray(np.clip(codes, range_.lo, range_.hi))


def threshold(x: Interval, thresholds: Array, falls: Array, base: int, step: int, trailing: int = 0) -> Interval:
    """`base + step * #{k : x >= T[c][k]}`; where `falls`, the thresholds not reached count.

    thresholds: integers [C or 1, B], in units of `x.scale`; falls: bool [C or 1]; there are `trailing` axes behind that
    of the channels. Codes, in units of 1.
    """
    falls = falls.reshape(falls.shape + (1,) * trailing)
    thresholds = thresholds.reshape(len(thresholds), *(1,) * trailing, -1)
    low, high = ((bound[..., None] >= thresholds).sum(axis=-1) for bound in (x.lo, x.hi))
    levels = thresholds.shape[-1]
    low, high = np.where(falls, levels - high, low), np.where(falls, levels - low, high)
    return Interval(np.asarray(base + step * low), np.asarray(base + step * high), Fraction(1))
