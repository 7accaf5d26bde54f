# SPDX-License-Identifier: Apache-2.0
"""From ops of the typed level to hardware units: products with matrices, requantisers, joins.

Units of images are in `image_units.py`, tables in `lookup_units.py`; `q-convert-to-dataflow` has the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias, TypeVar

import numpy as np
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ..qdialect import dataflow
from ..qdialect.attrs import Array, RangeAttr
from ..qdialect.dataflow import ArgMaxOp as ArgMaxUnitOp
from ..qdialect.dataflow import DepthwiseOp, JoinOp, MatrixVectorOp, RequantizeOp, stream_type
from ..qdialect.dataflow import SumPoolOp as SumPoolUnitOp
from ..qdialect.formats import FixedFormat, IntRange, Overflow, Rounding
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    ClipOp,
    ConstantOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    SubOp,
    TransposeOp,
)
from ..qdialect.q.inference import code_range, constant_of, narrow_range
from ..qdialect.types import element_type, fixed_type, integer_format, is_integer_type, shape_of
from .affine_tail import AffineTail, per_channel
from .hardware_support import join_repeats, joins_branches, keeps_order, nearest, unit_refusal
from .integer_clips import clip_bounds
from .rewriting import at, constant


class NotHardware(Exception):
    """Why an op has no unit, and how to mend it."""

    def __init__(self, what: str, mend: str):
        self.what, self.mend = what, mend
        super().__init__(what)


UnitT = TypeVar("UnitT", MatrixVectorOp, DepthwiseOp, JoinOp, SumPoolUnitOp)
JOINS: dict[type[Operation], type[JoinOp]] = {AddOp: dataflow.AddOp, SubOp: dataflow.SubOp, MulOp: dataflow.MulOp}


class Blocked(Exception):
    """An operand comes from an op that was refused; that op is reported, not this one."""


class UnitBuilder:
    """Builds the body of the new @hardware op by op. `rules`: how each class of ops becomes units."""

    def __init__(self, block: Block, rules: Mapping[type[Operation], Rule]):
        self.block, self.rules = block, rules
        self.streams: dict[SSAValue, SSAValue] = {}
        self.done: set[Operation] = set()  # ops that became part of the unit of an earlier op

    def convert(self, op: Operation) -> None:
        """Append the unit of `op`. Raises NotHardware, or Blocked if the op is not the one to blame."""
        if op in self.done or isinstance(op, ConstantOp):
            return
        for value in (*op.operands, *op.results):
            if not is_integer_type(element_type(value)):
                mend = "run q-streamline and q-lower-quantizers-to-thresholds first"
                raise NotHardware(f"{op.name} works on {element_type(value)}, hardware on integer codes", mend)
        rule = self.rules.get(type(op))
        if rule is None:
            raise NotHardware(f"{op.name} has no hardware unit yet", f"nearest: {nearest(op)}")
        rule(self, op)

    def stream(self, value: SSAValue) -> SSAValue:
        if isinstance(value.owner, ConstantOp):
            raise NotHardware("an op on constants alone is left", "run q-fold-constants first")
        if value not in self.streams:
            raise Blocked
        return self.streams[value]

    def add(self, op: Operation, place: Operation) -> None:
        """Append a unit that is not the last of those for `place`."""
        self.block.add_op(at(op, place))
        op.results[0].name_hint = f"{place.results[0].name_hint or 'unit'}_{op.name.rpartition('.')[2]}"

    def emit(self, op: Operation, place: Operation, result: SSAValue) -> None:
        """Append the unit that gives `result`."""
        self.block.add_op(at(op, place))
        op.results[0].name_hint = result.name_hint
        self.streams[result] = op.results[0]

    def constant(self, codes: Array, type_: Attribute, hint: str | None) -> SSAValue:
        op = constant(codes, type_)
        op.result.name_hint = hint
        self.block.add_op(op)
        return op.result

    def integers(self, codes: Array, hint: str, fraction_bits: int = 0) -> SSAValue:
        """A constant in the narrowest type."""
        range_ = IntRange(int(codes.min()), int(codes.max()))
        return self.constant(codes, fixed_type(range_, fraction_bits), hint)

    def matmul(self, op: MatMulOp) -> None:
        operand, weights, source = _weights(op)
        self.matrix_vector(op, self.stream(operand), weights, source)

    def matrix_vector(self, op: Operation, stream: SSAValue, weights: Array, source: SSAValue) -> None:
        """A matrix [MH, MW] of codes of the constant `source`, with the bias behind `op`."""
        matrix = self.constant(weights, element_type(source), source.name_hint)
        result, bias = self._absorbed_bias(op, len(weights))
        unit = MatrixVectorOp(stream, matrix, element_type(result), bias=bias)
        self.emit(with_range(unit, result), op, result)

    def depthwise(self, op: Operation, stream: SSAValue, weights: Array, source: SSAValue) -> None:
        """Weights [C, taps] of the constant `source` for depthwise windows, with the bias behind `op`."""
        matrix = self.constant(weights, element_type(source), source.name_hint)
        result, bias = self._absorbed_bias(op, len(weights))
        unit = DepthwiseOp(stream, matrix, element_type(result), bias=bias)
        self.emit(with_range(unit, result), op, result)

    def _absorbed_bias(self, op: Operation, rows: int) -> tuple[SSAValue, SSAValue | None]:
        """The result of the q.add of a constant behind a layer, and that constant for each row; or (result, None)."""
        result, bias = bias_behind(op.results[0], rows)
        if bias is None:
            return result, None
        self.done.add(result.owner)  # pyright: ignore[reportArgumentType]
        return result, self.integers(bias, "bias", integer_format(element_type(result)).fraction_bits)

    def join(self, op: AddOp | SubOp | MulOp) -> None:
        """Two computed streams, or a requantiser that starts with an op and a constant."""
        if not joins_branches(op):
            if isinstance(op, SubOp):
                raise NotHardware("q.sub of a constant has no hardware unit", "run q-lower-sub-div first")
            self.tail(op)
            return
        why = unit_refusal(op)
        if why is not None:
            raise NotHardware(why.what, why.mend)
        unit = JOINS[type(op)](
            self.stream(op.lhs), self.stream(op.rhs), element_type(op.result), repeats=join_repeats(op)
        )
        self.emit(with_range(unit, op.result), op, op.result)

    def retyped(self, stream: SSAValue, type_: Attribute) -> SSAValue:
        """The stream in another type, which holds all its numbers."""
        old, new = stream_type(stream).format, integer_format(type_)
        if stream_type(stream).element_type == type_:
            return stream
        one = self.integers(np.array([1 << (new.fraction_bits - old.fraction_bits)]), "one")
        clip = RangeAttr(new.code_range.lo, new.code_range.hi)
        zero = self.integers(np.array([0]), "zero")
        unit = RequantizeOp(stream, one, zero, type_, shift=0, clip=clip, rounding=Rounding.FLOOR)
        self.block.add_op(unit)
        return unit.result

    def tail(self, op: AddOp | MulOp | QuantizeOp | ClipOp) -> None:
        steps = _tail_ops(op)
        last = steps[-1]
        source, tail = steps[0].operands[0], AffineTail.identity()
        if isinstance(op, AddOp | MulOp):
            source, _, _ = _affine_operand(op)
        for step in steps:
            if isinstance(step, AddOp | MulOp):
                tail = _composed(tail, step, integer_format(element_type(source)).fraction_bits)
        stream, target = self.stream(source), integer_format(element_type(last.results[0]))
        if not isinstance(target, FixedFormat):
            raise NotHardware("q.quantize to !q.bipolar is a threshold", "run q-lower-quantizers-to-thresholds first")
        finest = target.fraction_bits - integer_format(element_type(source)).fraction_bits
        multiplier, addend, shift = tail.shifted(finest)
        shape = shape_of(source)
        multiplier, addend = per_channel(multiplier, shape), per_channel(addend, shape)
        clip = _clip(steps, multiplier, addend, shift, code_range(source))
        unit = RequantizeOp(
            stream,
            self.integers(multiplier, "multiplier"),
            self.integers(addend, "addend"),
            element_type(last.results[0]),
            shift=shift,
            clip=RangeAttr(clip.lo, clip.hi),
            rounding=next((step.rounding for step in steps if isinstance(step, QuantizeOp)), Rounding.FLOOR),
        )
        self.done.update(steps)
        self.emit(unit, last, last.results[0])

    def arg_max(self, op: ArgMaxOp) -> None:
        shape = shape_of(op.input)
        if prod(shape) != shape[op.axis]:
            mend = "keep it behind the last quantised layer, where the host computes it"
            raise NotHardware(f"q.arg_max along axis {op.axis} of {list(shape)} is not one for the whole frame", mend)
        self.emit(ArgMaxUnitOp(self.stream(op.input)), op, op.result)

    def view(self, op: Operation) -> None:
        """An op that moves no element of a frame."""
        self.streams[op.results[0]] = self.stream(op.operands[0])

    def transpose(self, op: TransposeOp) -> None:
        if not keeps_order(op):
            raise NotHardware(
                f"q.transpose {list(op.permutation)} changes the order of elements in a frame", nearest(op)
            )
        self.view(op)


def _weights(op: MatMulOp) -> tuple[SSAValue, Array, SSAValue]:
    """(streamed operand, weights [MH, MW], their constant)."""
    right, left = constant_of(op.rhs), constant_of(op.lhs)
    if right is not None and len(right.array.shape) == 2:
        return op.lhs, np.ascontiguousarray(right.array.T), op.rhs
    column = shape_of(op.rhs)[-1:] if len(shape_of(op.rhs)) == 1 else shape_of(op.rhs)[:-1]
    if left is not None and len(left.array.shape) == 2 and prod(shape_of(op.rhs)) == column[-1]:
        return op.rhs, left.array, op.lhs
    mend = "hardware multiplies by a constant matrix: export the layer with fixed weights"
    raise NotHardware(f"q.matmul of {op.lhs.type} and {op.rhs.type} has no constant two-dimensional operand", mend)


def with_range(unit: UnitT, result: SSAValue) -> UnitT:
    """The unit, which states the proven range of `result` if its type does not hold all that types alone allow."""
    if unit.result_range() not in integer_format(element_type(result)).code_range:
        proven = code_range(result)
        unit.range = RangeAttr(proven.lo, proven.hi)
    return unit


def bias_behind(result: SSAValue, rows: int) -> tuple[SSAValue, Array | None]:
    """The sum with a constant that alone uses `result`, and the codes of the constant, one for each row."""
    use = result.first_use if result.has_one_use() else None
    add = use.operation if use is not None else None
    if not isinstance(add, AddOp) or not is_integer_type(element_type(add.result)):
        return result, None
    bias = constant_of(add.rhs if add.lhs is result else add.lhs)
    if bias is None or shape_of(add.result) != shape_of(result):
        return result, None
    shift = integer_format(element_type(result)).fraction_bits - integer_format(bias.type.element_type).fraction_bits
    codes = per_channel(bias.array.astype(object), shape_of(result))
    if shift < 0 or rows % codes.size:
        return result, None
    return add.result, np.tile(codes * (1 << shift), rows // codes.size)


def _affine_operand(op: AddOp | MulOp) -> tuple[SSAValue, Array, int]:
    """(computed operand, codes of the constant one, its fraction bits)."""
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        codes = constant_of(other)
        if codes is not None and shape_of(value) == shape_of(op.result):
            return value, codes.array, integer_format(codes.type.element_type).fraction_bits
    mend = "give it a constant operand"
    raise NotHardware(f"{op.name} of two computed tensors has no hardware unit", mend)


def _tail_ops(op: AddOp | MulOp | QuantizeOp | ClipOp) -> list[AddOp | MulOp | QuantizeOp | ClipOp]:
    """`op` and the mul, add and quantize, and then the clip, behind it that fit into the same requantiser."""
    found: list[AddOp | MulOp | QuantizeOp | ClipOp] = [op]
    while not isinstance(found[-1], ClipOp) and found[-1].result.has_one_use():
        use = found[-1].result.first_use
        user = use.operation if use is not None else None
        follows = ClipOp if isinstance(found[-1], QuantizeOp) else AddOp | MulOp | QuantizeOp | ClipOp
        if not isinstance(user, follows) or not is_integer_type(element_type(user.results[0])):
            break
        assert isinstance(user, AddOp | MulOp | QuantizeOp | ClipOp)
        if isinstance(user, AddOp | MulOp) and all(constant_of(operand) is None for operand in user.operands):
            break
        found.append(user)
    return found


def _composed(tail: AffineTail, op: AddOp | MulOp, source_fraction_bits: int) -> AffineTail:
    _, codes, fraction_bits = _affine_operand(op)
    if isinstance(op, MulOp):
        return tail.times(codes, fraction_bits)
    return tail.plus(codes, fraction_bits - source_fraction_bits)


def _clip(steps: Sequence[Operation], multiplier: Array, addend: Array, shift: int, x: IntRange) -> IntRange:
    """The codes to clip to; refuses wrapping that can happen."""
    held = integer_format(element_type(steps[-1].results[0])).code_range
    if isinstance(steps[-1], ClipOp):
        bounds = clip_bounds(steps[-1])
        assert bounds is not None
        held = IntRange(*(min(max(end, held.lo), held.hi) for end in (bounds.lo, bounds.hi)))
    last = next((step for step in steps if isinstance(step, QuantizeOp)), None)
    if last is None:
        return held
    kept = (
        narrow_range(element_type(last.result)) if last.narrow else integer_format(element_type(last.result)).code_range
    )
    if last.overflow is Overflow.WRAP:
        pairs = np.broadcast(multiplier, addend)
        ends = [int(m) * end + int(a) for m, a in pairs for end in (x.lo, x.hi)]
        reached = IntRange(min(ends) >> shift, -(-max(ends) >> shift))
        if reached not in kept:
            what = f"q.quantize wraps (codes reach {reached.lo} to {reached.hi}, the type holds {kept.lo} to {kept.hi})"
            raise NotHardware(what, "saturate instead, or widen the type")
    return IntRange(*(min(max(end, held.lo), held.hi) for end in (kept.lo, kept.hi)))


Rule: TypeAlias = Callable[[UnitBuilder, Any], None]
