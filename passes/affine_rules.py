# SPDX-License-Identifier: Apache-2.0
"""Which ops of the q dialect are weighted sums of elements of their operands: one `@rule` function an op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias, TypeVar

import numpy as np
from xdsl.ir import Operation, SSAValue

from ..qdialect.dataflow import DepthwiseOp, MatrixVectorOp, StreamType
from ..qdialect.formats import BipolarFormat, IntRange, Overflow
from ..qdialect.q import (
    AddOp,
    ClipOp,
    ConvOp,
    DivOp,
    MatMulOp,
    MoveOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    SubOp,
    ThresholdOp,
)
from ..qdialect.rounding import saturation_range
from ..qdialect.types import BipolarType, element_type, integer_format, shape_of
from . import interval
from .affine_forms import known
from .affine_steps import Sloped, clipped, counted, in_steps, rounded
from .interval import Array, Interval

OpT = TypeVar("OpT", bound=Operation)
Ranges: TypeAlias = Mapping[SSAValue, Interval]
ZERO = interval.points(np.zeros(1, np.int64), Fraction(1))


@dataclass(frozen=True)
class Part:
    """`sum over k of weights[e, k] * value[taps[e, k]]` for element e; -1 is no element; weights [E or 1, K or 1]."""

    value: SSAValue
    taps: Array
    weights: Interval


@dataclass(frozen=True)
class Linear:
    """The result of an op as a sum, and the range of what is missing, which broadcasts to the result."""

    parts: Sequence[Part]
    error: Interval | None = None


Rule: TypeAlias = Callable[[OpT, Ranges], "Linear | None"]
RULES: dict[type[Operation], Rule[Any]] = {}  # filled while the modules of rules are imported, then only read


def rule(*op_classes: type[OpT]) -> Callable[[Rule[OpT]], Rule[OpT]]:
    """Register a function: the ranges of all operands are known, and some operand is not constant.

    It gives None where the op is no such sum.
    """

    def register(function: Rule[OpT]) -> Rule[OpT]:
        RULES.update(dict.fromkeys(op_classes, function))
        return function

    return register


def rule_of(op: Operation) -> Rule[Any] | None:
    """The rule of an op; None if it is no sum of its operands."""
    return next((RULES[class_] for class_ in type(op).__mro__ if class_ in RULES), None)


def num_weights(op: Operation) -> int:
    """How many weights the rule of the op makes, zeros of groups included."""
    match op:
        case MatMulOp():
            count = shape_of(op.lhs)[-1]
        case ConvOp():
            count = op.num_terms * (op.groups if op.groups != op.in_channels else 1)
        case MatrixVectorOp() | DepthwiseOp():
            count = op.columns
        case _:
            count = 1
    return max(prod(size_of(result)) for result in op.results) * count


def size_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor; of a stream: the elements of a frame."""
    return (value.type.elements,) if isinstance(value.type, StreamType) else shape_of(value)


def each(value: SSAValue, weights: Interval) -> Part:
    """Every element times its weight; weights broadcast to the value's shape."""
    shape = size_of(value)
    column = weights.map(
        lambda codes: codes.reshape(1, 1) if codes.size == 1 else np.broadcast_to(codes, shape).reshape(-1, 1)
    )
    return Part(value, np.arange(prod(shape))[:, None], column)


def sloped(value: SSAValue, found: Sloped) -> Linear:
    return Linear([each(value, found.slope)], found.error)


@rule(AddOp, SubOp)
def _sum(op: AddOp | SubOp, ranges: Ranges) -> Linear:
    second = -1 if isinstance(op, SubOp) else 1
    return Linear([_repeated(op.lhs, op.result, known(1)), _repeated(op.rhs, op.result, known(second))])


def _repeated(value: SSAValue, result: SSAValue, weights: Interval) -> Part:
    shape = shape_of(result)
    ids = np.arange(prod(shape_of(value))).reshape(shape_of(value))
    column = weights.map(
        lambda codes: codes.reshape(1, 1) if codes.size == 1 else np.broadcast_to(codes, shape).reshape(-1, 1)
    )
    return Part(value, np.broadcast_to(ids, shape).reshape(-1, 1), column)


@rule(MulOp)
def _product(op: MulOp, ranges: Ranges) -> Linear | None:
    for value, factor in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if ranges[factor].is_point:
            return Linear([_repeated(value, op.result, _point(ranges[factor]))])
    return None


@rule(DivOp)
def _quotient(op: DivOp, ranges: Ranges) -> Linear:
    return Linear([_repeated(op.lhs, op.result, interval.reciprocal(ranges[op.rhs]))])


def _point(x: Interval) -> Interval:
    """A known range whose bounds are one array."""
    return replace(x, hi=x.lo)


@rule(MatMulOp)
def _matmul(op: MatMulOp, ranges: Ranges) -> Linear | None:
    right = ranges[op.rhs].is_point
    value, factor = (op.lhs, op.rhs) if right else (op.rhs, op.lhs)
    if not ranges[factor].is_point:
        return None
    ids = np.arange(prod(shape_of(value))).reshape(shape_of(value))
    codes = np.broadcast_to(ranges[factor].lo, shape_of(factor))
    lhs, rhs = (ids, codes) if right else (codes, ids)
    lhs, rhs = np.atleast_2d(lhs), rhs[:, None] if rhs.ndim == 1 else rhs
    pair = np.broadcast_arrays(lhs[..., :, None, :], np.swapaxes(rhs, -1, -2)[..., None, :, :])
    taps, weights = (array.reshape(-1, lhs.shape[-1]) for array in (pair if right else pair[::-1]))
    return Linear([Part(value, taps, interval.points(weights, ranges[factor].scale))])


@rule(ConvOp)
def _convolution(op: ConvOp, ranges: Ranges) -> Linear | None:
    if not ranges[op.weights].is_point:
        return None
    shape, window, groups = shape_of(op.weights), op.window, op.groups
    ids = np.arange(prod(shape_of(op.input))).reshape(shape_of(op.input))
    ids = np.moveaxis(ids, -1, 1) if op.channels_last else ids
    ids = np.pad(ids, [(0, 0), (0, 0), *zip(window.low, window.high, strict=True)], constant_values=-1)
    rank = window.rank
    views = np.lib.stride_tricks.sliding_window_view(ids, window.extents, tuple(range(2, 2 + rank)))
    steps = [slice(None, None, step) for step in (*window.strides, *window.dilations)]
    views = views[(slice(None), slice(None), *steps)]  # [N, C, *positions, *kernel]
    views = np.moveaxis(views.reshape(len(ids), groups, -1, *views.shape[2:]), 2, 2 + rank)
    rows = views.reshape(*views.shape[: 2 + rank], -1)[:, :, None]  # [N, groups, 1, *positions, taps]
    codes = np.broadcast_to(ranges[op.weights].lo, shape).reshape(groups, -1, *(1,) * rank, rows.shape[-1])
    arrays = [_in_place(array, op.channels_last) for array in np.broadcast_arrays(rows, codes[None])]
    return Linear([Part(op.input, arrays[0], interval.points(arrays[1], ranges[op.weights].scale))])


def _in_place(rows: Array, channels_last: bool) -> Array:
    """[N, groups, M / groups, *positions, taps] as [elements of the result, taps]."""
    rows = rows.reshape(len(rows), -1, *rows.shape[3:])
    rows = np.moveaxis(rows, 1, -2) if channels_last else rows
    return rows.reshape(-1, rows.shape[-1])


@rule(MoveOp)
def _move(op: MoveOp, ranges: Ranges) -> Linear:
    starts = np.cumsum([0, *(prod(shape_of(value)) for value in op.operands)])
    ids = [np.arange(*ends).reshape(shape_of(value)) for ends, value in zip(pairwise(starts), op.operands, strict=True)]
    return moves(op.operands, op.move(*ids).reshape(-1))


def moves(values: Sequence[SSAValue], source: Array) -> Linear:
    """The result whose elements are those at `source` of all values in a row."""
    starts = np.cumsum([0, *(prod(size_of(value)) for value in values)])
    taps = [np.where((source >= start) & (source < end), source - start, -1) for start, end in pairwise(starts)]
    return Linear([Part(value, rows[:, None], known(1)) for value, rows in zip(values, taps, strict=True)])


@rule(ReluOp)
def _relu(op: ReluOp, ranges: Ranges) -> Linear:
    x = ranges[op.input]
    top = max(x.hull.hi, 0)
    return sloped(op.input, clipped(x, ZERO, interval.whole(IntRange(top, top), x.scale)))


@rule(ClipOp)
def _clip(op: ClipOp, ranges: Ranges) -> Linear | None:
    x, low, high = (ranges[operand] for operand in op.operands)
    if shape_of(op.input) != shape_of(op.result) or not (low.is_point and high.is_point):
        return None
    return sloped(op.input, clipped(x, low, high))


@rule(QuantizeOp)
def _quantize(op: QuantizeOp, ranges: Ranges) -> Linear | None:
    x, format_ = ranges[op.input], integer_format(element_type(op.result))
    if isinstance(format_, BipolarFormat) or (op.overflow is Overflow.WRAP and saturates(op, ranges)):
        return None
    held, quantum = saturation_range(format_, op.narrow), Fraction(2) ** -format_.fraction_bits
    low, high = (interval.whole(IntRange(end, end), quantum) for end in (held.lo, held.hi))
    return sloped(op.input, rounded(x, low, high, quantum, op.rounding))


def saturates(op: QuantizeOp, ranges: Ranges) -> bool:
    """Whether a number may lie beyond the codes of the quantiser."""
    format_ = integer_format(element_type(op.result))
    reached = in_steps(ranges[op.input], Fraction(2) ** -format_.fraction_bits, op.rounding)
    return reached.hull not in saturation_range(format_, op.narrow)


@rule(ThresholdOp)
def _threshold(op: ThresholdOp, ranges: Ranges) -> Linear:
    x, thresholds = interval.aligned(ranges[op.input], ranges[op.thresholds])
    rows, rank = len(thresholds.lo), len(shape_of(op.input))
    lo, hi = (_of_channels(bound, ufunc, op, rows) for bound, ufunc in ((x.lo, np.minimum), (x.hi, np.maximum)))
    falls = np.zeros(1) if op.descending is None else ranges[op.descending].lo
    step = 2 if isinstance(element_type(op.result), BipolarType) else 1
    found = counted(lo, hi, thresholds.lo, np.broadcast_to(falls.astype(bool), rows), op.base, step)
    shape = [rows if axis == op.axis else 1 for axis in range(rank)]
    return sloped(op.input, in_quanta(found, x.scale, element_type(op.result), shape))


def _of_channels(bound: Array, ufunc: Any, op: ThresholdOp, rows: int) -> Array:
    """One bound for each row of thresholds."""
    bound = bound.reshape((1,) * (len(shape_of(op.input)) - bound.ndim) + bound.shape) if bound.size > 1 else bound
    axes = tuple(axis for axis in range(bound.ndim) if axis != op.axis or rows == 1) if bound.size > 1 else ()
    return np.broadcast_to(np.atleast_1d(ufunc.reduce(bound, axis=axes)).reshape(-1), rows)


def in_quanta(found: Sloped, scale: Fraction, type_: Any, shape: Sequence[int]) -> Sloped:
    """Codes of codes in units of `scale`, as numbers of numbers; bounds reshaped."""
    quantum = Fraction(2) ** -integer_format(type_).fraction_bits
    slope, error = replace(found.slope, scale=found.slope.scale * quantum / scale), found.error
    error = replace(error, scale=error.scale * quantum)
    return Sloped(*(x.map(lambda bound: bound.reshape(tuple(shape))) for x in (slope, error)))
