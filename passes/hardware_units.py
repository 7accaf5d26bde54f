# SPDX-License-Identifier: Apache-2.0
"""From ops of the typed level to hardware units, one method a kind; `q-convert-to-dataflow` has the table."""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ..qdialect.attrs import Array, RangeAttr
from ..qdialect.dataflow import ArgMaxOp as ArgMaxUnitOp
from ..qdialect.dataflow import MatrixVectorOp, RequantizeOp
from ..qdialect.dataflow import ThresholdOp as ThresholdUnitOp
from ..qdialect.formats import FixedFormat, IntRange, Overflow, Rounding
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    ConstantOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReshapeOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.q.inference import code_range, constant_of, narrow_range
from ..qdialect.types import element_type, fixed_type, integer_format, is_integer_type, shape_of
from .affine_tail import AffineTail, per_channel
from .hardware_support import keeps_order, nearest
from .rewriting import at, constant


class NotHardware(Exception):
    """Why an op has no unit, and how to mend it."""

    def __init__(self, what: str, mend: str):
        self.what, self.mend = what, mend
        super().__init__(what)


class Blocked(Exception):
    """An operand comes from an op that was refused; that op is reported, not this one."""


class UnitBuilder:
    """Builds the body of the new @hardware op by op."""

    def __init__(self, block: Block):
        self.block = block
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
        match op:
            case MatMulOp():
                self._matmul(op)
            case ThresholdOp():
                self._threshold(op)
            case AddOp() | MulOp() | QuantizeOp():
                self._tail(op)
            case ArgMaxOp():
                self._arg_max(op)
            case ReshapeOp():
                self._view(op.input, op.result)
            case TransposeOp():
                self._transpose(op)
            case _:
                raise NotHardware(f"{op.name} has no hardware unit yet", f"nearest: {nearest(op)}")

    def _stream(self, value: SSAValue) -> SSAValue:
        if isinstance(value.owner, ConstantOp):
            raise NotHardware("an op on constants alone is left", "run q-fold-constants first")
        if value not in self.streams:
            raise Blocked
        return self.streams[value]

    def _emit(self, op: Operation, place: Operation, result: SSAValue) -> None:
        self.block.add_op(at(op, place))
        op.results[0].name_hint = result.name_hint
        self.streams[result] = op.results[0]

    def _constant(self, codes: Array, type_: Attribute, hint: str | None) -> SSAValue:
        op = constant(codes, type_)
        op.result.name_hint = hint
        self.block.add_op(op)
        return op.result

    def _integers(self, codes: Array, hint: str, fraction_bits: int = 0) -> SSAValue:
        """A constant in the narrowest type."""
        range_ = IntRange(int(codes.min()), int(codes.max()))
        return self._constant(codes, fixed_type(range_, fraction_bits), hint)

    def _matmul(self, op: MatMulOp) -> None:
        operand, weights, source = _weights(op)
        stream = self._stream(operand)
        result, bias = _absorbed_bias(op)
        if bias is not None:
            self.done.add(result.owner)  # pyright: ignore[reportArgumentType]
        weights = self._constant(weights, element_type(source), source.name_hint)
        bias = (
            None if bias is None else self._integers(bias, "bias", integer_format(element_type(result)).fraction_bits)
        )
        unit = MatrixVectorOp(stream, weights, element_type(result), bias=bias)
        if unit.result_range() not in integer_format(element_type(result)).code_range:
            proven = code_range(result)
            unit.range = RangeAttr(proven.lo, proven.hi)
        self._emit(unit, op, result)

    def _threshold(self, op: ThresholdOp) -> None:
        stream = self._stream(op.input)
        thresholds = self._rows(op, op.thresholds)
        descending = None if op.descending is None else self._rows(op, op.descending)
        unit = ThresholdUnitOp(stream, thresholds, element_type(op.result), op.base, descending=descending)
        self._emit(unit, op, op.result)

    def _rows(self, op: ThresholdOp, value: SSAValue) -> SSAValue:
        """The constant `value` with a row for each channel, as rows for the elements that the unit counts through."""
        source = constant_of(value)
        assert source is not None, "the verifier of q.threshold asks for constants"
        repeats = prod(shape_of(op.input)[op.axis + 1 :]) if len(source.array) > 1 else 1
        return self._constant(np.repeat(source.array, repeats, axis=0), source.type.element_type, value.name_hint)

    def _tail(self, op: AddOp | MulOp | QuantizeOp) -> None:
        steps = _tail_ops(op)
        last = steps[-1]
        source, tail = steps[0].operands[0], AffineTail.identity()
        if isinstance(op, AddOp | MulOp):
            source, _, _ = _affine_operand(op)
        for step in steps:
            if isinstance(step, AddOp | MulOp):
                tail = _composed(tail, step, integer_format(element_type(source)).fraction_bits)
        stream, target = self._stream(source), integer_format(element_type(last.results[0]))
        if not isinstance(target, FixedFormat):
            raise NotHardware("q.quantize to !q.bipolar is a threshold", "run q-lower-quantizers-to-thresholds first")
        finest = target.fraction_bits - integer_format(element_type(source)).fraction_bits
        multiplier, addend, shift = tail.shifted(finest)
        shape = shape_of(source)
        multiplier, addend = per_channel(multiplier, shape), per_channel(addend, shape)
        clip = _clip(last, multiplier, addend, shift, code_range(source))
        unit = RequantizeOp(
            stream,
            self._integers(multiplier, "multiplier"),
            self._integers(addend, "addend"),
            element_type(last.results[0]),
            shift=shift,
            clip=RangeAttr(clip.lo, clip.hi),
            rounding=last.rounding if isinstance(last, QuantizeOp) else Rounding.FLOOR,
        )
        self.done.update(steps)
        self._emit(unit, last, last.results[0])

    def _arg_max(self, op: ArgMaxOp) -> None:
        shape = shape_of(op.input)
        if prod(shape) != shape[op.axis]:
            mend = "keep it behind the last quantised layer, where the host computes it"
            raise NotHardware(f"q.arg_max along axis {op.axis} of {list(shape)} is not one for the whole frame", mend)
        self._emit(ArgMaxUnitOp(self._stream(op.input)), op, op.result)

    def _view(self, input: SSAValue, result: SSAValue) -> None:
        self.streams[result] = self._stream(input)

    def _transpose(self, op: TransposeOp) -> None:
        if not keeps_order(op):
            raise NotHardware(
                f"q.transpose {list(op.permutation)} changes the order of elements in a frame", nearest(op)
            )
        self._view(op.input, op.result)


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


def _absorbed_bias(op: MatMulOp) -> tuple[SSAValue, Array | None]:
    """The result of the q.add of a constant behind the product and its codes, one for each row; or (result, None)."""
    use = op.result.first_use if op.result.has_one_use() else None
    add = use.operation if use is not None else None
    rows = shape_of(op.result)[-1] if constant_of(op.rhs) is not None else prod(shape_of(op.result))
    if not isinstance(add, AddOp) or not is_integer_type(element_type(add.result)):
        return op.result, None
    bias = constant_of(add.rhs if add.lhs is op.result else add.lhs)
    if bias is None or shape_of(add.result) != shape_of(op.result):
        return op.result, None
    shift = integer_format(element_type(op.result)).fraction_bits - integer_format(bias.type.element_type).fraction_bits
    codes = per_channel(bias.array.astype(object), shape_of(op.result))
    if shift < 0 or rows % codes.size:
        return op.result, None
    return add.result, np.tile(codes * (1 << shift), rows // codes.size)


def _affine_operand(op: AddOp | MulOp) -> tuple[SSAValue, Array, int]:
    """(computed operand, codes of the constant one, its fraction bits)."""
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        codes = constant_of(other)
        if codes is not None and shape_of(value) == shape_of(op.result):
            return value, codes.array, integer_format(codes.type.element_type).fraction_bits
    mend = "hardware adds and multiplies with constants only; branches that join have no unit yet"
    raise NotHardware(f"{op.name} of two computed tensors has no hardware unit", mend)


def _tail_ops(op: AddOp | MulOp | QuantizeOp) -> list[AddOp | MulOp | QuantizeOp]:
    """`op` and the mul, add and quantize behind it that fit into the same requantiser."""
    found: list[AddOp | MulOp | QuantizeOp] = [op]
    while isinstance(found[-1], AddOp | MulOp) and found[-1].result.has_one_use():
        use = found[-1].result.first_use
        user = use.operation if use is not None else None
        if not isinstance(user, AddOp | MulOp | QuantizeOp) or not is_integer_type(element_type(user.results[0])):
            break
        if not isinstance(user, QuantizeOp) and all(constant_of(operand) is None for operand in user.operands):
            break
        found.append(user)
    return found


def _composed(tail: AffineTail, op: AddOp | MulOp, source_fraction_bits: int) -> AffineTail:
    _, codes, fraction_bits = _affine_operand(op)
    if isinstance(op, MulOp):
        return tail.times(codes, fraction_bits)
    return tail.plus(codes, fraction_bits - source_fraction_bits)


def _clip(last: Operation, multiplier: Array, addend: Array, shift: int, x: IntRange) -> IntRange:
    """The codes to clip to; refuses wrapping that can happen."""
    held = integer_format(element_type(last.results[0])).code_range
    if not isinstance(last, QuantizeOp):
        return held
    pairs = np.broadcast(multiplier, addend)
    ends = [int(m) * end + int(a) for m, a in pairs for end in (x.lo, x.hi)]
    reached = IntRange(min(ends) >> shift, -(-max(ends) >> shift))
    if last.overflow is Overflow.WRAP and reached not in held:
        what = f"q.quantize wraps (codes reach {reached.lo} to {reached.hi}, the type holds {held.lo} to {held.hi})"
        raise NotHardware(what, "saturate instead, or widen the type")
    return narrow_range(element_type(last.results[0])) if last.narrow else held
