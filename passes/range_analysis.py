# SPDX-License-Identifier: Apache-2.0
"""Which numbers every value of a module can take: one forward walk over SSA, elementwise, exact.

Integer arithmetic by interval corners, so each bound of a matrix product with known weights is reached by some input.
Operands count as independent, but for `x * x` and `x - x`. Proofs written in the IR (`range`) are not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from ..qdialect.affine import batch_norm_affine
from ..qdialect.formats import IntRange
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    BatchNormOp,
    ClipOp,
    ConstantOp,
    DivOp,
    MatMulOp,
    MaxOp,
    MinOp,
    MoveOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    ReluOp,
    SelectOp,
    SubOp,
    ThresholdOp,
    TopKOp,
)
from ..qdialect.q.inference import constant_of
from ..qdialect.reference.values import common_scale
from ..qdialect.rounding import saturation_range
from ..qdialect.types import (
    BipolarType,
    RealType,
    element_type,
    integer_format,
    is_integer_type,
    shape_of,
)
from . import interval
from .interval import Interval
from .rewriting import exact_values
from .stream_ranges import stream_interval

Ranges: TypeAlias = dict[SSAValue, Interval]
OpT = TypeVar("OpT", bound=Operation)
Transfer: TypeAlias = Callable[[OpT, Sequence[Interval]], "Interval | Sequence[Interval]"]

_TRANSFERS: dict[type[Operation], Transfer[Any]] = {}  # filled while this module is imported, then only read


def analyse(module: ModuleOp) -> Ranges:
    """The interval of every value that has one: not f32, custom floats, and what cannot be bounded.

    A private function that is called once is analysed with what it is called with; else an argument can be anything
    that its type holds.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp) and not op.is_declaration}
    calls = [op for op in module.walk() if isinstance(op, CallOp)]
    called = [op.callee.string_value() for op in calls]
    inlined = {
        name
        for name, function in functions.items()
        if called.count(name) == 1 and function.sym_visibility is not None and function.sym_visibility.data == "private"
    }
    ranges: Ranges = {}
    for name, function in functions.items():
        if name not in inlined:
            _analyse_function(function, {}, functions, inlined, ranges)
    return ranges


def _analyse_function(
    function: FuncOp, arguments: dict[int, Interval], functions: dict[str, FuncOp], inlined: set[str], ranges: Ranges
) -> None:
    for argument in function.body.block.args:
        known = arguments.get(argument.index) or any_of_type(argument)
        if known is not None:
            ranges[argument] = known
    for op in function.body.block.ops:
        if isinstance(op, CallOp):
            callee = functions.get(op.callee.string_value())
            if callee is not None and callee.sym_name.data in inlined:
                given = {i: ranges[operand] for i, operand in enumerate(op.operands) if operand in ranges}
                _analyse_function(callee, given, functions, inlined, ranges)
                _take_results(op, callee, ranges)
                continue
        _analyse_op(op, ranges)


def _take_results(call: CallOp, callee: FuncOp, ranges: Ranges) -> None:
    returned = callee.body.block.last_op
    assert isinstance(returned, ReturnOp)
    for result, value in zip(call.results, returned.operands, strict=True):
        if value in ranges:
            ranges[result] = ranges[value]


def _analyse_op(op: Operation, ranges: Ranges) -> None:
    if op.operands and op.operands[0] in ranges:
        moved = stream_interval(op, [ranges[op.operands[0]]])
        if moved is not None:
            ranges[op.results[0]] = moved
            return
    transfer = next((_TRANSFERS[class_] for class_ in type(op).__mro__ if class_ in _TRANSFERS), None)
    needed = _needed(op)
    types = [getattr(result.type, "element_type", None) for result in op.results]
    exact = all(type_ is not None and (is_integer_type(type_) or isinstance(type_, RealType)) for type_ in types)
    if transfer is not None and exact and all(operand in ranges for operand in needed):
        results = transfer(op, [ranges[operand] for operand in needed])
        ranges.update(zip(op.results, [results] if isinstance(results, Interval) else results, strict=True))
        return
    for result in op.results:
        known = any_of_type(result)
        if known is not None:
            ranges[result] = known


def _needed(op: Operation) -> Sequence[SSAValue]:
    """The operands whose intervals the transfer function of `op` takes."""
    if isinstance(op, ArgMaxOp):
        return []
    if isinstance(op, BatchNormOp) and all(constant_of(parameter) is not None for parameter in op.operands[1:]):
        return [op.input]
    return op.operands


def any_of_type(value: SSAValue) -> Interval | None:
    """Every code that the type holds (and a quantiser leaves); None for types without integer codes."""
    type_ = getattr(value.type, "element_type", None)
    if type_ is None or not is_integer_type(type_):
        return None
    format_ = integer_format(type_)
    owner = value.owner
    narrow = isinstance(owner, QuantizeOp) and owner.narrow
    return interval.whole(saturation_range(format_, narrow), Fraction(2) ** -format_.fraction_bits)


def _transfer(*op_classes: type[OpT]) -> Callable[[Transfer[OpT]], Transfer[OpT]]:
    def register(function: Transfer[OpT]) -> Transfer[OpT]:
        _TRANSFERS.update(dict.fromkeys(op_classes, function))
        return function

    return register


@_transfer(ConstantOp)
def _constant(op: ConstantOp, operands: Sequence[Interval]) -> Interval:
    type_ = element_type(op.result)
    if isinstance(type_, RealType):
        return interval.point_fractions(op.value.array)
    return interval.points(op.value.array, _quantum(type_))


@_transfer(AddOp)
def _add(op: AddOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.add(*operands))


@_transfer(SubOp)
def _sub(op: SubOp, operands: Sequence[Interval]) -> Interval:
    if op.lhs is op.rhs:
        return _in_type(op.result, interval.points(np.zeros(1, np.int64), operands[0].scale))
    return _in_type(op.result, interval.add(operands[0], interval.negative(operands[1])))


@_transfer(MulOp)
def _mul(op: MulOp, operands: Sequence[Interval]) -> Interval:
    product = interval.square(operands[0]) if op.lhs is op.rhs else interval.multiply(*operands)
    return _in_type(op.result, product)


@_transfer(DivOp)
def _div(op: DivOp, operands: Sequence[Interval]) -> Interval:
    return interval.multiply(operands[0], interval.reciprocal(operands[1]))


@_transfer(MatMulOp)
def _matmul(op: MatMulOp, operands: Sequence[Interval]) -> Interval:
    lhs, rhs = operands
    return _in_type(op.result, interval.matmul(lhs, rhs, shape_of(op.lhs), shape_of(op.rhs)))


@_transfer(ReluOp)
def _relu(op: ReluOp, operands: Sequence[Interval]) -> Interval:
    (x,) = operands
    return Interval(np.maximum(x.lo, 0), np.maximum(x.hi, 0), x.scale)


@_transfer(ClipOp)
def _clip(op: ClipOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.clamp(*operands))


@_transfer(MaxOp, MinOp)
def _extremum(op: MaxOp | MinOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.rising(np.maximum if isinstance(op, MaxOp) else np.minimum, *operands))


@_transfer(PReluOp)
def _prelu(op: PReluOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.prelu(*operands))


@_transfer(SelectOp)
def _select(op: SelectOp, operands: Sequence[Interval]) -> Interval:
    return _in_type(op.result, interval.select(*operands))


@_transfer(BatchNormOp)
def _batch_norm(op: BatchNormOp, operands: Sequence[Interval]) -> Interval:
    scale, bias, mean, variance = (exact_values(parameter) for parameter in op.operands[1:])
    slope, offset = batch_norm_affine(scale, bias, mean, variance, op.epsilon)
    shape = tuple(-1 if axis == op.axis else 1 for axis in range(len(shape_of(op.input))))
    scaled = interval.multiply(operands[0], interval.point_fractions(slope.reshape(shape)))
    return interval.add(scaled, interval.point_fractions(offset.reshape(shape)))


@_transfer(MoveOp)
def _move(op: MoveOp, operands: Sequence[Interval]) -> Interval:
    if len(operands) == 1 and operands[0].lo.size == operands[0].hi.size == 1:
        return operands[0].map(lambda bound: bound.reshape(1))
    scale = operands[0].scale
    for other in operands[1:]:
        scale = common_scale(scale, other.scale)
    shapes = [shape_of(operand) for operand in op.operands]
    scaled = [interval.rescaled(operand, scale) for operand in operands]
    low = op.move(*(np.broadcast_to(x.lo, shape) for x, shape in zip(scaled, shapes, strict=True)))
    high = op.move(*(np.broadcast_to(x.hi, shape) for x, shape in zip(scaled, shapes, strict=True)))
    return _in_type(op.result, Interval(low, high, scale))


@_transfer(ArgMaxOp)
def _arg_max(op: ArgMaxOp, operands: Sequence[Interval]) -> Interval:
    return interval.whole(IntRange(0, shape_of(op.input)[op.axis] - 1), Fraction(1))


@_transfer(TopKOp)
def _top_k(op: TopKOp, operands: Sequence[Interval]) -> Sequence[Interval]:
    (x,), count = operands, shape_of(op.input)[op.axis]
    axis = op.axis - len(shape_of(op.input))
    lo = x.lo.min(axis=axis, keepdims=True) if x.lo.ndim >= -axis else x.lo
    hi = x.hi.max(axis=axis, keepdims=True) if x.hi.ndim >= -axis else x.hi
    return [Interval(np.asarray(lo), np.asarray(hi), x.scale), interval.whole(IntRange(0, count - 1), Fraction(1))]


@_transfer(QuantizeOp)
def _quantize(op: QuantizeOp, operands: Sequence[Interval]) -> Interval:
    format_ = integer_format(element_type(op.result))
    return interval.quantize(operands[0], format_, op.rounding, op.overflow, op.narrow)


@_transfer(ThresholdOp)
def _threshold(op: ThresholdOp, operands: Sequence[Interval]) -> Interval:
    x, thresholds = operands[:2]
    scale = common_scale(x.scale, thresholds.scale)
    x, thresholds = interval.rescaled(x, scale), interval.rescaled(thresholds, scale)
    falls = np.zeros(1) if len(operands) < 3 else operands[2].lo
    step = 2 if isinstance(element_type(op.result), BipolarType) else 1
    codes = interval.threshold(x, thresholds.lo, falls.astype(bool), op.base, step)
    return Interval(codes.lo, codes.hi, _quantum(element_type(op.result)))


def _quantum(type_: Attribute) -> Fraction:
    return Fraction(2) ** -integer_format(type_).fraction_bits


def _in_type(result: SSAValue, found: Interval) -> Interval:
    """`found` in units of the result's quantum (exact arithmetic gives whole multiples of it)."""
    type_ = element_type(result)
    return interval.rescaled(found, _quantum(type_)) if is_integer_type(type_) else found
