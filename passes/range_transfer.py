# SPDX-License-Identifier: Apache-2.0
"""What each op does to intervals: one `@transfer` function an op, or a family of ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

import numpy as np
from xdsl.ir import Attribute, Operation, SSAValue

from ..qdialect.affine import batch_norm_affine
from ..qdialect.attrs import Array
from ..qdialect.formats import IntRange
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    BatchNormOp,
    ClipOp,
    ConstantOp,
    Convolution,
    DivOp,
    MatMulOp,
    MaxOp,
    MaxPoolOp,
    MinOp,
    MoveOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    ReduceExtremeOp,
    ReduceMinOp,
    ReduceSumOp,
    ReluOp,
    SelectOp,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    TopKOp,
)
from ..qdialect.reference.values import common_scale
from ..qdialect.types import (
    BipolarType,
    RealType,
    element_type,
    integer_format,
    is_integer_type,
    shape_of,
)
from . import interval
from .convolution_ranges import convolved
from .interval import Interval
from .reduction_ranges import pool_extreme, pool_sum, reduced
from .rewriting import exact_values

OpT = TypeVar("OpT", bound=Operation)
Transfer: TypeAlias = Callable[[OpT, Sequence[Interval]], "Interval | Sequence[Interval]"]

_TRANSFERS: dict[type[Operation], Transfer[Any]] = {}  # filled while this module is imported, then only read


def transfer_of(op: Operation) -> Transfer[Any] | None:
    """The function from the intervals of the operands of `op` to those of its results."""
    return next((_TRANSFERS[class_] for class_ in type(op).__mro__ if class_ in _TRANSFERS), None)


def transfer(*op_classes: type[OpT]) -> Callable[[Transfer[OpT]], Transfer[OpT]]:
    def register(function: Transfer[OpT]) -> Transfer[OpT]:
        _TRANSFERS.update(dict.fromkeys(op_classes, function))
        return function

    return register


@transfer(ConstantOp)
def _constant(op: ConstantOp, operands: Sequence[Interval]) -> Interval:
    type_ = element_type(op.result)
    if isinstance(type_, RealType):
        return interval.point_fractions(op.value.array)
    return interval.points(op.value.array, _quantum(type_))


@transfer(AddOp)
def _add(op: AddOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.add(*operands))


@transfer(SubOp)
def _sub(op: SubOp, operands: Sequence[Interval]) -> Interval:
    if op.lhs is op.rhs:
        return _in_type(op.result, interval.points(np.zeros(1, np.int64), operands[0].scale))
    return _in_type(op.result, interval.add(operands[0], interval.negative(operands[1])))


@transfer(MulOp)
def _mul(op: MulOp, operands: Sequence[Interval]) -> Interval:
    product = interval.square(operands[0]) if op.lhs is op.rhs else interval.multiply(*operands)
    return _in_type(op.result, product)


@transfer(DivOp)
def _div(op: DivOp, operands: Sequence[Interval]) -> Interval:
    return interval.multiply(operands[0], interval.reciprocal(operands[1]))


@transfer(MatMulOp)
def _matmul(op: MatMulOp, operands: Sequence[Interval]) -> Interval:
    lhs, rhs = operands
    return _in_type(op.result, interval.matmul(lhs, rhs, shape_of(op.lhs), shape_of(op.rhs)))


@transfer(Convolution)
def _convolution(op: Convolution, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, convolved(op, *operands))


@transfer(ReluOp)
def _relu(op: ReluOp, operands: Sequence[Interval]) -> Interval:
    (x,) = operands
    return Interval(np.maximum(x.lo, 0), np.maximum(x.hi, 0), x.scale)


@transfer(ClipOp)
def _clip(op: ClipOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.clamp(*operands))


@transfer(MaxOp, MinOp)
def _extremum(op: MaxOp | MinOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.rising(np.maximum if isinstance(op, MaxOp) else np.minimum, *operands))


@transfer(PReluOp)
def _prelu(op: PReluOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.prelu(*operands))


@transfer(SelectOp)
def _select(op: SelectOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.select(*operands))


@transfer(BatchNormOp)
def _batch_norm(op: BatchNormOp, operands: Sequence[Interval]) -> Interval:
    scale, bias, mean, variance = (exact_values(parameter) for parameter in op.operands[1:])
    slope, offset = batch_norm_affine(scale, bias, mean, variance, op.epsilon)
    shape = tuple(-1 if axis == op.axis else 1 for axis in range(len(shape_of(op.input))))
    scaled = interval.multiply(operands[0], interval.point_fractions(slope.reshape(shape)))
    return interval.add(scaled, interval.point_fractions(offset.reshape(shape)))


@transfer(MoveOp)
def _move(op: MoveOp, operands: Sequence[Interval]) -> Interval:
    if len(operands) == 1 and operands[0].lo.size == operands[0].hi.size == 1:
        return operands[0].map(lambda bound: bound.reshape(1))
    scale = operands[0].scale
    for other in operands[1:]:
        scale = common_scale(scale, other.scale)
    shapes = [shape_of(operand) for operand in op.operands]
    scaled = [interval.rescaled(operand, scale) for operand in operands]
    low = op.move(*(_spread(x.lo, shape) for x, shape in zip(scaled, shapes, strict=True)))
    high = op.move(*(_spread(x.hi, shape) for x, shape in zip(scaled, shapes, strict=True)))
    return _in_type(op.result, Interval(_least(low), _least(high), scale))


def _spread(bound: Array, shape: tuple[int, ...]) -> Array:
    """`bound` for each element of a tensor; one bound may have any number of axes, a scalar has none."""
    return np.broadcast_to(bound.reshape(()) if bound.size == 1 else bound, shape)


def _least(bound: Array) -> Array:
    """The bound without repetitions: the axes along which it is broadcast get size 1."""
    return bound[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in bound.strides)]


@transfer(MaxPoolOp)
def _max_pool(op: MaxPoolOp, operands: Sequence[Interval]) -> Interval:
    return pool_extreme(op, operands[0])


@transfer(SumPoolOp)
def _sum_pool(op: SumPoolOp, operands: Sequence[Interval]) -> Interval:
    return pool_sum(op, operands[0])


@transfer(ReduceExtremeOp)
def _reduce_extreme(op: ReduceExtremeOp, operands: Sequence[Interval]) -> Interval:
    ufunc = np.minimum if isinstance(op, ReduceMinOp) else np.maximum
    return reduced(operands[0], shape_of(op.input), op.axes, op.keep_dims, ufunc)


@transfer(ReduceSumOp)
def _reduce_sum(op: ReduceSumOp, operands: Sequence[Interval]) -> Interval:
    return reduced(operands[0], shape_of(op.input), op.axes, op.keep_dims, np.add)


@transfer(ArgMaxOp)
def _arg_max(op: ArgMaxOp, operands: Sequence[Interval]) -> Interval:
    return interval.whole(IntRange(0, shape_of(op.input)[op.axis] - 1), Fraction(1))


@transfer(TopKOp)
def _top_k(op: TopKOp, operands: Sequence[Interval]) -> Sequence[Interval]:
    (x,), count = operands, shape_of(op.input)[op.axis]
    axis = op.axis - len(shape_of(op.input))
    lo = x.lo.min(axis=axis, keepdims=True) if x.lo.ndim >= -axis else x.lo
    hi = x.hi.max(axis=axis, keepdims=True) if x.hi.ndim >= -axis else x.hi
    return [Interval(np.asarray(lo), np.asarray(hi), x.scale), interval.whole(IntRange(0, count - 1), Fraction(1))]


@transfer(QuantizeOp)
def _quantize(op: QuantizeOp, operands: Sequence[Interval]) -> Interval:
    format_ = integer_format(element_type(op.result))
    return interval.quantize(operands[0], format_, op.rounding, op.overflow, op.narrow)


@transfer(ThresholdOp)
def _threshold(op: ThresholdOp, operands: Sequence[Interval]) -> Interval:
    x, thresholds = operands[:2]
    scale = common_scale(x.scale, thresholds.scale)
    x, thresholds = interval.rescaled(x, scale), interval.rescaled(thresholds, scale)
    falls = np.zeros(1) if len(operands) < 3 else operands[2].lo
    step = 2 if isinstance(element_type(op.result), BipolarType) else 1
    codes = interval.threshold(x, thresholds.lo, falls.astype(bool), op.base, step, op.trailing)
    return Interval(codes.lo, codes.hi, _quantum(element_type(op.result)))


@transfer(TableOp)
def _table(op: TableOp, operands: Sequence[Interval]) -> Interval:
    entries, range_ = op.entries, operands[0].hull
    first, last = (min(max(end - op.base, 0), entries.shape[1] - 1) for end in (range_.lo, range_.hi))
    reached = entries[:, first : last + 1]
    return interval.whole(IntRange(int(reached.min()), int(reached.max())), _quantum(element_type(op.result)))


def _quantum(type_: Attribute) -> Fraction:
    return Fraction(2) ** -integer_format(type_).fraction_bits


def _in_type(result: SSAValue, found: Interval) -> Interval:
    """`found` in units of the result's quantum (exact arithmetic gives whole multiples of it)."""
    type_ = element_type(result)
    return interval.rescaled(found, _quantum(type_)) if is_integer_type(type_) else found
