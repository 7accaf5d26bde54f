# SPDX-License-Identifier: Apache-2.0
"""Recognise a quantiser tail: the elementwise ops with constants from an integer value to a `q.quantize`.

Additions, multiplications, batch normalisation, ReLU, clips and extremes with constants compose to one
`clip(slope * a + offset, low, high)` a channel, in exact rational numbers; the quantiser behind them makes it a `Tail`
of threshold_math.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue

from ..qdialect.affine import batch_norm_affine
from ..qdialect.attrs import Array
from ..qdialect.formats import BipolarFormat, Overflow, Rounding
from ..qdialect.q import AddOp, BatchNormOp, ClipOp, DivOp, MaxOp, MinOp, MulOp, QuantizeOp, ReluOp, SubOp
from ..qdialect.rounding import as_objects, round_fraction, saturation_range
from ..qdialect.types import BipolarType, RealType, element_type, integer_format, is_integer_type, shape_of
from .interval import Interval
from .range_analysis import Ranges
from .rewriting import exact_values, is_constant, least_broadcast
from .threshold_math import Tail


class NoTail(Exception):
    """Why a quantiser has no tail that starts at integer codes; `mend`: what the user can do about it, if known."""

    def __init__(self, why: str, mend: str = ""):
        self.mend = mend
        super().__init__(why)


@dataclass(frozen=True)
class TailSource:
    """The integer value at which a tail begins, and the codes of it that reach the tail, proven.

    `amin`, `amax`: for each channel along `axis`, or one for all: object arrays [C] of ints.
    """

    source: SSAValue
    amin: Array
    amax: Array
    axis: int

    def spread(self, numbers: Array) -> Array:
        """One number a channel in the shape that broadcasts to the source."""
        return numbers.reshape(-1, *(1,) * (len(shape_of(self.source)) - 1 - self.axis))


@dataclass(frozen=True)
class QuantizerTail(TailSource):
    """A quantiser as a function of the codes of `source`, for each of its channels, or one for all.

    `inner`: where a quantiser alone for this one gives `source`, its tail.
    """

    function: Tail
    inner: QuantizerTail | None = None

    @property
    def least_code(self) -> int:
        """Least code of the result."""
        return int(self.function.lo.min()) + self.function.start

    @property
    def num_thresholds(self) -> int:
        """How many codes above the least it can reach."""
        return int(self.function.hi.max()) - int(self.function.lo.min())


@dataclass(frozen=True)
class Step:
    """`clip(factor * x + term, minimum, maximum)`: what one op does; object arrays of Fractions.

    They broadcast to the tensor, and differ along one axis at most.
    """

    factor: Array | None = None
    term: Array | None = None
    minimum: Array | None = None
    maximum: Array | None = None

    @property
    def axes(self) -> set[int]:
        """The axes along which the constants differ, counted from the last: -1, ..."""
        given = (self.factor, self.term, self.minimum, self.maximum)
        return {-array.ndim for array in given if array is not None and array.size > 1}

    @property
    def by_channel(self) -> Step:
        """The same constants as arrays [1 or C]."""
        given = (self.factor, self.term, self.minimum, self.maximum)
        return Step(*(None if array is None else array.reshape(-1) for array in given))


@dataclass(frozen=True)
class Clipped:
    """`clip(slope * a + offset, low, high)`: object arrays [C] of Fractions."""

    slope: Array
    offset: Array
    low: Array
    high: Array

    def then(self, step: Step) -> Clipped:
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
        return Clipped(slope, offset, low, high)


def recognise(op: QuantizeOp, ranges: Ranges) -> QuantizerTail:
    """The tail of a quantiser to integer codes, from the integer value furthest up. NoTail says why there is none."""
    if not is_integer_type(element_type(op.result)):
        raise NoTail(f"it gives {element_type(op.result)}")
    if op.overflow is Overflow.WRAP:
        raise NoTail("it wraps, and no count of thresholds does")
    source, function = compose(op.input, ranges)
    tail = QuantizerTail(**vars(source), function=quantized(op, function))
    start = _whole_offset(tail)
    before = tail.source.owner
    if not isinstance(before, QuantizeOp) or not tail.source.has_one_use():
        return tail
    try:
        inner = recognise(before, ranges)
    except NoTail:
        return tail
    return replace(tail, inner=inner) if start is None else _joined(inner, tail.function, start)


def compose(
    value: SSAValue, ranges: Ranges, axis: int | None = None, nearest: bool = False
) -> tuple[TailSource, Clipped]:
    """The integer value furthest up, and what the ops from there make of its codes; NoTail says why there is none.

    Args:
        axis: along which the user of the value tells channels apart; None if it does not.
        nearest: take the integer value nearest to `value` instead.
    """
    source, steps = _chain(value, nearest)
    shape = shape_of(source)
    axes = set[int]().union(*(step.axes for step in steps)) | (set() if axis is None else {axis - len(shape)})
    if len(axes) > 1:
        raise NoTail("constants differ along more than one axis")
    axis = len(shape) + min(axes, default=-1)
    amin, amax = _channel_codes(ranges[source], shape, axis if axes else None)
    quantum = Fraction(2) ** -integer_format(element_type(source)).fraction_bits
    zero = np.full(shape[axis] if axes else 1, Fraction(0), dtype=object)
    function = Clipped(zero + quantum, zero, amin * quantum, amax * quantum)
    for step in steps:
        function = function.then(step.by_channel)
    return TailSource(source, amin, amax, axis), function


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


def _chain(value: SSAValue, nearest: bool = False) -> tuple[SSAValue, list[Step]]:
    """The integer value furthest up, or nearest, and the steps from it down to `value`."""
    found: tuple[SSAValue, int] | None = None
    steps, shape, axes = list[Step](), shape_of(value), set[int]()
    while True:
        if is_integer_type(element_type(value)):
            found = value, len(steps)
        try:
            if nearest and found is not None:
                raise NoTail("an integer value is found")
            before, step = step_of(value)
            if shape_of(before) != shape:
                raise NoTail("a constant broadcasts its input to a larger shape")
            axes |= step.axes
            if len(axes) > 1:
                raise NoTail("constants differ along more than one axis")
        except NoTail as reason:
            if found is None:
                raise NoTail(f"no integer value feeds it: {reason}") from None
            return found[0], steps[: found[1]][::-1]
        value = before
        steps.append(step)


def step_of(value: SSAValue) -> tuple[SSAValue, Step]:
    """The operand that `value` is computed from, and how."""
    op, shape = value.owner, shape_of(value)
    if not isinstance(op, Operation):
        raise NoTail(f"an argument has type {element_type(value)}")
    if not (is_integer_type(element_type(value)) or isinstance(element_type(value), RealType)):
        raise NoTail(f"{op.name} gives {element_type(value)}")
    match op:
        case AddOp() | SubOp() | MulOp() | DivOp() | MaxOp() | MinOp():
            return _arithmetic_step(op, shape)
        case ReluOp():
            return op.input, Step(minimum=np.array([Fraction(0)], dtype=object))
        case ClipOp() if is_constant(op.minimum) and is_constant(op.maximum):
            return op.input, Step(minimum=constant_step(op.minimum, shape), maximum=constant_step(op.maximum, shape))
        case BatchNormOp() if all(is_constant(parameter) for parameter in op.operands[1:]):
            scale, bias, mean, variance = (exact_values(parameter) for parameter in op.operands[1:])
            affine = batch_norm_affine(scale, bias, mean, variance, op.epsilon)
            trailing = (1,) * (len(shape) - 1 - op.axis)
            return op.input, Step(*(values.reshape(-1, *trailing) for values in affine))
        case _:
            raise NoTail(f"{op.name} is not an elementwise op with constants")


def _arithmetic_step(
    op: AddOp | SubOp | MulOp | DivOp | MaxOp | MinOp, shape: tuple[int, ...]
) -> tuple[SSAValue, Step]:
    swapped = is_constant(op.lhs)
    x, constant = (op.rhs, op.lhs) if swapped else (op.lhs, op.rhs)
    if is_constant(x) or not is_constant(constant):
        raise NoTail(f"{op.name} has no constant operand" if not is_constant(x) else f"{op.name} is constant")
    values = constant_step(constant, shape)
    match op:
        case MaxOp():
            return x, Step(minimum=values)
        case MinOp():
            return x, Step(maximum=values)
        case MulOp():
            return x, Step(factor=values)
        case DivOp():
            return x, Step(factor=1 / values)
        case SubOp() if swapped:
            return x, Step(factor=np.array([Fraction(-1)], dtype=object), term=values)
        case SubOp():
            return x, Step(term=-values)
        case _:
            return x, Step(term=values)


def constant_step(constant: SSAValue, shape: tuple[int, ...]) -> Array:
    """The values of a constant for a tensor of `shape`, in least broadcast form."""
    values = np.atleast_1d(least_broadcast(exact_values(constant)))
    if values.ndim > len(shape) or values.size != max((1, *values.shape[:1])):
        raise NoTail("a constant differs along more than one axis")
    return values


def _channel_codes(codes: Interval, shape: tuple[int, ...], axis: int | None) -> tuple[Array, Array]:
    """Least and greatest code of each channel along `axis`, or of all; object arrays [C or 1]."""
    if axis is None:
        return _integers([codes.hull.lo]), _integers([codes.hull.hi])
    others = tuple(other for other in range(len(shape)) if other != axis)
    lo, hi = (bound.reshape((1,) * (len(shape) - bound.ndim) + bound.shape) for bound in (codes.lo, codes.hi))
    least, most = lo.min(axis=others), hi.max(axis=others)
    return as_objects(np.broadcast_to(least, shape[axis])), as_objects(np.broadcast_to(most, shape[axis]))


def quantized(op: QuantizeOp, function: Clipped) -> Tail:
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
