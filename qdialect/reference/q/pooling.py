# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.max_pool`, `q.sum_pool`, `q.reduce_sum`, `q.reduce_max`, `q.reduce_min`.

Windows are separable: one spatial axis after the other, tap after tap, on views; no window is ever copied out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...formats import FloatFormat, IntRange
from ...q import MaxPoolOp, ReduceExtremeOp, ReduceMinOp, ReduceSumOp, SumPoolOp
from ...q.pooling import Taps
from ...types import FloatType, element_type, is_f32, shape_of
from ..operands import Operand, exact, float32
from ..registry import Compiled, Kernel, meaning
from ..values import FLOAT32, Array, DType, Numbers, carrier


@meaning(MaxPoolOp)
def max_pool(op: MaxPoolOp, operands: Sequence[Numbers]) -> Compiled:
    (x,) = operands
    kernel = _over_axes(op, np.maximum, _below_all(x))

    return [replace(x, shape=shape_of(op.result), reusable=False)], _in_order(x, kernel)


def _below_all(numbers: Numbers) -> Any:
    """A number that is never above a stored one (of floats: of one in order)."""
    if isinstance(numbers.element_type, FloatType):
        return -1 << numbers.element_type.format.word_length
    return -np.inf if numbers.range is None else numbers.range.lo


@meaning(SumPoolOp)
def sum_pool(op: SumPoolOp, operands: Sequence[Numbers]) -> Compiled:
    most = int(np.prod([windows.counts().max() for windows in op.taps], dtype=object))
    operand, result = _summed(op, operands[0], most)
    kernel, convert = _over_axes(op, np.add, 0), operand.convert
    return [result], kernel if convert is None else lambda array: kernel(convert(array))


def _over_axes(op: MaxPoolOp | SumPoolOp, ufunc: Any, neutral: Any) -> Kernel:
    """One spatial axis after the other."""
    along = [_pooling(axis, windows, ufunc, neutral) for axis, windows in enumerate(op.taps, op.spatial_axes.start + 1)]

    def kernel(array: Array) -> Array:
        for kernel in along:
            array = kernel(array)
        return array

    return kernel


def _summed(op: SumPoolOp | ReduceSumOp, x: Numbers, most: int) -> tuple[Operand, Numbers]:
    """The operand in a dtype that holds every partial sum of up to `most` elements, and the sum."""
    type_, shape = element_type(op.result), shape_of(op.result)
    if is_f32(type_):
        return float32(x), Numbers(type_, shape, FLOAT32)
    operand = exact(x)
    range_ = IntRange(min(0, operand.range.lo) * most, max(0, operand.range.hi) * most)
    dtype = carrier(operand.range, range_)
    return operand.as_dtype(dtype), Numbers(type_, shape, dtype, operand.scale, range_)


def pooled(array: Array, axis: int, windows: Taps, ufunc: Any, neutral: Any) -> Array:
    """`ufunc` of the windows along one axis; `neutral`: of a window without elements, and changes no other."""
    return _pooling(axis, windows, ufunc, neutral)(array)


def _pooling(axis: int, windows: Taps, ufunc: Any, neutral: Any) -> Kernel:
    """`pooled`, made ready."""
    count, taps = windows.num_windows, [tap for tap in range(windows.kernel) if windows.outputs(tap) == (0, 1)]
    if count == 1 and taps:
        first, last = (windows.elements(tap).start for tap in (taps[0], taps[-1]))
        inside = _at(axis, slice(first, last + 1, windows.dilation))
        return lambda array: ufunc.reduce(array[inside], axis=axis, keepdims=True)
    taps = sorted(range(windows.kernel), key=lambda tap: windows.outputs(tap)[0] - windows.outputs(tap)[1])
    places = [(_at(axis, slice(*windows.outputs(tap))), _at(axis, windows.elements(tap))) for tap in taps]
    whole = [windows.outputs(tap) == (0, count) for tap in taps[:2]]

    def kernel(array: Array) -> Array:
        if whole == [True, True]:
            result, left = ufunc(array[places[0][1]], array[places[1][1]]), places[2:]
        else:
            result, left = np.empty((*array.shape[:axis], count, *array.shape[axis + 1 :]), array.dtype), places[1:]
            if not whole[0]:
                result[...] = neutral
            result[places[0][0]] = array[places[0][1]]
        for outputs, elements in left:
            ufunc(result[outputs], array[elements], out=result[outputs])
        return result

    return kernel


def _at(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, part)


# --- whole axes --------------------------------------------------------------------------------------------------


@meaning(ReduceSumOp)
def reduce_sum(op: ReduceSumOp, operands: Sequence[Numbers]) -> Compiled:
    operand, result = _summed(op, operands[0], op.count)
    axes, shape, convert = _behind_frames(op.axes), shape_of(op.result), operand.convert or _same
    if is_f32(element_type(op.result)):  # in one order of summation, whether the operand is a view or not
        return [result], lambda x: np.add.reduce(np.ascontiguousarray(convert(x)), axis=axes).reshape(len(x), *shape)
    return [result], lambda x: np.add.reduce(convert(x), axis=axes).reshape(len(x), *shape)


@meaning(ReduceExtremeOp)
def reduce_extreme(op: ReduceExtremeOp, operands: Sequence[Numbers]) -> Compiled:
    axes, shape = _behind_frames(op.axes), shape_of(op.result)
    ufunc = np.minimum if isinstance(op, ReduceMinOp) else np.maximum
    kernel = _in_order(operands[0], lambda x: ufunc.reduce(x, axis=axes).reshape(len(x), *shape))
    return [replace(operands[0], shape=shape, reusable=False)], kernel


def _behind_frames(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def _same(x: Array) -> Array:
    return x


# --- order of custom floats --------------------------------------------------------------------------------------


def _in_order(numbers: Numbers, kernel: Kernel) -> Kernel:
    """`kernel`, which picks elements by their order, for stored numbers of any type."""
    if not isinstance(numbers.element_type, FloatType):
        return kernel
    format_, dtype = numbers.element_type.format, numbers.dtype
    return lambda x: _from_order(kernel(_to_order(x, format_)), format_, dtype)


def _to_order(codes: Array, format_: FloatFormat) -> Array:
    """Codes of a float format as integers in the order of their values, -0 below +0."""
    sign = 1 << (format_.exponent_bits + format_.fraction_bits)
    codes = codes.astype(object if sign >= 1 << 62 else np.int64)
    return np.where(codes >= sign, sign - 1 - codes, codes)


def _from_order(ordered: Array, format_: FloatFormat, dtype: DType) -> Array:
    sign = 1 << (format_.exponent_bits + format_.fraction_bits)
    return np.where(ordered < 0, sign - 1 - ordered, ordered).astype(dtype)
