# SPDX-License-Identifier: Apache-2.0
"""Recognise and replace a quantiser tail: the elementwise ops with constants from an integer value to a `q.quantize`.

Additions, multiplications, batch normalisation, ReLU and clips compose to one `clip(slope * a + offset, low, high)` a
channel, in exact rational numbers; the quantiser behind them makes it a `Tail` of threshold_math.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.affine import batch_norm_affine
from ..qdialect.attrs import Array
from ..qdialect.formats import BipolarFormat, Overflow, Rounding
from ..qdialect.q import AddOp, BatchNormOp, ClipOp, DivOp, MulOp, QuantizeOp, ReluOp, SubOp
from ..qdialect.rounding import as_objects, round_fraction, saturation_range
from ..qdialect.types import BipolarType, RealType, element_type, integer_format, is_f32, is_integer_type, shape_of
from .interval import Interval
from .range_analysis import Ranges, analyse
from .remarks import remark
from .retype import retype
from .rewriting import at, exact_values, is_constant, least_broadcast
from .threshold_math import Tail


class NoTail(Exception):
    """Why a quantiser has no tail that starts at integer codes."""


@dataclass(frozen=True)
class QuantizerTail:
    """A quantiser as a function of the codes of `source`, for each of its channels (last axis), or one for all.

    `amin`, `amax`: the codes that reach it, object arrays [C] of ints, proven.
    """

    source: SSAValue
    function: Tail
    amin: Array
    amax: Array

    @property
    def least_code(self) -> int:
        """Least code of the result."""
        return int(self.function.lo.min()) + self.function.start

    @property
    def num_thresholds(self) -> int:
        """How many codes above the least it can reach."""
        return int(self.function.hi.max()) - int(self.function.lo.min())


@dataclass(frozen=True)
class _Step:
    """`clip(factor * x + term, minimum, maximum)`: what one op does; object arrays [1 or C] of Fractions."""

    factor: Array | None = None
    term: Array | None = None
    minimum: Array | None = None
    maximum: Array | None = None

    @property
    def channels(self) -> int:
        given = (self.factor, self.term, self.minimum, self.maximum)
        return max((array.size for array in given if array is not None), default=1)


@dataclass(frozen=True)
class _Clipped:
    """`clip(slope * a + offset, low, high)`: object arrays [C] of Fractions."""

    slope: Array
    offset: Array
    low: Array
    high: Array

    def then(self, step: _Step) -> _Clipped:
        slope, offset, low, high = self.slope, self.offset, self.low, self.high
        if step.factor is not None:
            slope, offset = slope * step.factor, offset * step.factor
            ends = low * step.factor, high * step.factor
            low, high = np.minimum(*ends), np.maximum(*ends)
        if step.term is not None:
            offset, low, high = offset + step.term, low + step.term, high + step.term
        if step.minimum is not None:
            low, high = np.maximum(low, step.minimum), np.maximum(high, step.minimum)
        if step.maximum is not None:
            low, high = np.minimum(low, step.maximum), np.minimum(high, step.maximum)
        return _Clipped(slope, offset, low, high)


def recognise(op: QuantizeOp, ranges: Ranges) -> QuantizerTail:
    """The tail of a quantiser to integer codes, from the integer value furthest up. NoTail says why there is none."""
    if not is_integer_type(element_type(op.result)):
        raise NoTail(f"it gives {element_type(op.result)}")
    if op.overflow is Overflow.WRAP:
        raise NoTail("it wraps, and no count of thresholds does")
    source, steps = _chain(op.input)
    channels = max((step.channels for step in steps), default=1)
    amin, amax = _channel_codes(ranges[source], shape_of(source), channels)
    quantum = Fraction(2) ** -integer_format(element_type(source)).fraction_bits
    zero = np.full(channels, Fraction(0), dtype=object)
    function = _Clipped(zero + quantum, zero, amin * quantum, amax * quantum)
    for step in steps:
        function = function.then(step)
    tail = QuantizerTail(source, _quantized(op, function), amin, amax)
    start = _whole_offset(tail)
    if start is not None and isinstance(source.owner, QuantizeOp) and source.has_one_use():
        try:
            return _joined(recognise(source.owner, ranges), tail.function, start)
        except NoTail:
            return tail
    return tail


def _whole_offset(tail: QuantizerTail) -> int | None:
    """c if the tail only adds the integer c to a code, and clips; as zero points do."""
    function = tail.function
    if len(function.slope) > 1 or function.slope[0] != 1 or isinstance(element_type(tail.source), BipolarType):
        return None
    offset: Fraction = function.offset[0]
    nearest = function.rounding in (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN)
    same_everywhere = function.rounding in (Rounding.FLOOR, Rounding.CEIL) or (nearest and offset.denominator != 2)
    if offset.denominator == 1 or same_everywhere:
        return round_fraction(offset, function.rounding)
    return None


def _joined(inner: QuantizerTail, outer: Tail, start: int) -> QuantizerTail:
    """The quantiser `outer`, which adds `start` and clips, and the quantiser `inner` before it as one."""
    tail = inner.function
    start += tail.start
    lo, hi = (np.clip(ends, outer.lo[0] - start, outer.hi[0] - start) for ends in (tail.lo, tail.hi))
    return replace(inner, function=replace(tail, lo=lo, hi=hi, start=start))


def _chain(value: SSAValue) -> tuple[SSAValue, list[_Step]]:
    """The integer value furthest up, and the steps from it down to `value`."""
    found: tuple[SSAValue, int] | None = None
    steps, shape = list[_Step](), shape_of(value)
    while True:
        if is_integer_type(element_type(value)):
            found = value, len(steps)
        try:
            before, step = _step_of(value)
            if shape_of(before) != shape:
                raise NoTail("a constant broadcasts its input to a larger shape")
        except NoTail as reason:
            if found is None:
                raise NoTail(f"no integer value feeds it: {reason}") from None
            return found[0], steps[: found[1]][::-1]
        value = before
        steps.append(step)


def _step_of(value: SSAValue) -> tuple[SSAValue, _Step]:
    """The operand that `value` is computed from, and how."""
    op, shape = value.owner, shape_of(value)
    if not isinstance(op, Operation):
        raise NoTail(f"an argument has type {element_type(value)}")
    if not (is_integer_type(element_type(value)) or isinstance(element_type(value), RealType)):
        raise NoTail(f"{op.name} gives {element_type(value)}")
    match op:
        case AddOp() | SubOp() | MulOp() | DivOp():
            return _arithmetic_step(op, shape)
        case ReluOp():
            return op.input, _Step(minimum=np.array([Fraction(0)], dtype=object))
        case ClipOp() if is_constant(op.minimum) and is_constant(op.maximum):
            return op.input, _Step(minimum=_per_channel(op.minimum, shape), maximum=_per_channel(op.maximum, shape))
        case BatchNormOp() if all(is_constant(parameter) for parameter in op.operands[1:]):
            if op.axis != len(shape) - 1:
                raise NoTail("the channel axis of q.batch_norm is not the last")
            scale, bias, mean, variance = (exact_values(parameter) for parameter in op.operands[1:])
            return op.input, _Step(*batch_norm_affine(scale, bias, mean, variance, op.epsilon))
        case _:
            raise NoTail(f"{op.name} is not an elementwise op with constants")


def _arithmetic_step(op: AddOp | SubOp | MulOp | DivOp, shape: tuple[int, ...]) -> tuple[SSAValue, _Step]:
    swapped = is_constant(op.lhs)
    x, constant = (op.rhs, op.lhs) if swapped else (op.lhs, op.rhs)
    if is_constant(x) or not is_constant(constant):
        raise NoTail(f"{op.name} has no constant operand" if not is_constant(x) else f"{op.name} is constant")
    values = _per_channel(constant, shape)
    match op:
        case MulOp():
            return x, _Step(factor=values)
        case DivOp():
            return x, _Step(factor=1 / values)
        case SubOp() if swapped:
            return x, _Step(factor=np.array([Fraction(-1)], dtype=object), term=values)
        case SubOp():
            return x, _Step(term=-values)
        case _:
            return x, _Step(term=values)


def _per_channel(constant: SSAValue, shape: tuple[int, ...]) -> Array:
    """The values of a constant for each channel of a tensor of `shape`, or one for all."""
    values = least_broadcast(exact_values(constant))
    if values.size not in (1, *shape[-1:]) or (values.size > 1 and values.shape[-1] != values.size):
        raise NoTail("a constant differs along other axes than the last")
    return values.reshape(-1)


def _channel_codes(codes: Interval, shape: tuple[int, ...], channels: int) -> tuple[Array, Array]:
    """Least and greatest code of each channel (last axis), or of all; object arrays [channels]."""
    if channels == 1:
        return _integers([codes.hull.lo]), _integers([codes.hull.hi])
    lo, hi = (np.broadcast_to(bound, (*bound.shape[:-1], shape[-1])) for bound in (codes.lo, codes.hi))
    others = tuple(range(lo.ndim - 1)), tuple(range(hi.ndim - 1))
    return as_objects(lo.min(axis=others[0])), as_objects(hi.max(axis=others[1]))


def _quantized(op: QuantizeOp, function: _Clipped) -> Tail:
    format_ = integer_format(element_type(op.result))
    if isinstance(format_, BipolarFormat):
        lo, hi = (_integers([-1 if end < 0 else 0 for end in ends]) for ends in (function.low, function.high))
        return Tail(function.slope, function.offset, lo, hi, Rounding.FLOOR)
    scale = Fraction(2) ** format_.fraction_bits
    held = saturation_range(format_, op.narrow)
    lo, hi = (
        _integers([min(max(round_fraction(end * scale, op.rounding), held.lo), held.hi) for end in ends])
        for ends in (function.low, function.high)
    )
    return Tail(function.slope * scale, function.offset * scale, lo, hi, op.rounding)


def _integers(numbers: list[int]) -> Array:
    return np.array(numbers, dtype=object)


# --- rewriting ---------------------------------------------------------------------------------------------------


def lower_tails(module: ModuleOp, lower: Callable[[QuantizeOp, QuantizerTail], Sequence[Operation] | None]) -> None:
    """Replace quantisers by what `lower` gives: ops whose last one has the result, or None to leave the quantiser.

    A quantiser without tail, or for which `lower` raises NoTail, is left with a remark; from float32, silently.
    """
    ranges = analyse(module)
    for op in reversed([op for op in module.walk() if isinstance(op, QuantizeOp)]):
        todo: QuantizeOp | None = op
        while todo is not None and todo.parent is not None:  # else it became part of a later one
            todo = _lower(todo, ranges, lower)


def _lower(
    op: QuantizeOp, ranges: Ranges, lower: Callable[[QuantizeOp, QuantizerTail], Sequence[Operation] | None]
) -> QuantizeOp | None:
    """Lower one quantiser; returns the new one if, in its new form, it may join the one before it."""
    if is_f32(element_type(op.input)) or is_f32(element_type(op.result)):
        return None
    try:
        tail = recognise(op, ranges)
        new = lower(op, tail)
    except NoTail as reason:
        remark(op, f"quantiser is left as it is: {reason}")
        return None
    if new is None:
        return None
    _replace(op, new)
    behind_quantizer = isinstance(tail.source.owner, QuantizeOp)
    return new[-1] if behind_quantizer and isinstance(new[-1], QuantizeOp) else None


def _replace(op: QuantizeOp, new: Sequence[Operation]) -> None:
    rewriter, type_ = Rewriter(), element_type(op.result)
    for item in new:
        rewriter.insert_op(at(item, op), InsertPoint.before(op))
    result = new[-1].results[0]
    result.name_hint = op.result.name_hint
    op.result.replace_all_uses_with(result)
    if element_type(result) != type_:
        retype(result, element_type(result))  # for its views
    _erase_unused(op)


def _erase_unused(op: Operation) -> None:
    """Erase an op without uses, and then what it alone used."""
    todo = [op]
    while todo:
        unused = todo.pop()
        if unused.parent is None or any(result.first_use is not None for result in unused.results):
            continue
        todo += [operand.owner for operand in unused.operands if isinstance(operand.owner, Operation)]
        Rewriter.erase_op(unused)
