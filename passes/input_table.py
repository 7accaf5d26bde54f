# SPDX-License-Identifier: Apache-2.0
"""What float32 ops between an input and its quantiser make of each input code: a table, and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError
from ..qdialect.formats import BipolarFormat
from ..qdialect.input_format import InputFormat
from ..qdialect.q import (
    AddOp,
    BatchNormOp,
    BinaryOp,
    ClipOp,
    ConstantOp,
    MulOp,
    QOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    SigmoidOp,
    TanhOp,
    TransposeOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, integer_format, is_integer_type, shape_of
from .evaluation import run_block
from .rewriting import real_constant

_ELEMENTWISE = (BinaryOp, ReluOp, ClipOp, BatchNormOp, SigmoidOp, TanhOp)
VIEWS = (ReshapeOp, TransposeOp)


def chain_to_quantizer(argument: BlockArgument) -> list[QOp] | None:
    """The ops from an input to its one quantiser, both elementwise and views; None if it feeds anything else."""
    ops, value = list[QOp](), SSAValue.get(argument)
    while value.has_one_use():
        op = next(iter(value.uses)).operation
        others = [operand for operand in op.operands if operand is not value]
        if not all(constant_of(other) is not None for other in others):
            return None
        if not isinstance(op, (QuantizeOp, *_ELEMENTWISE, *VIEWS)):
            return None
        ops.append(op)
        if isinstance(op, QuantizeOp):
            return ops if is_integer_type(element_type(op.result)) else None
        value = op.results[0]
    return None


def _constant_shape(op: Operation) -> tuple[int, ...]:
    """The shape to which the constants of an op broadcast."""
    if isinstance(op, BatchNormOp):
        return (shape_of(op.scale)[0],) + (1,) * (len(shape_of(op.input)) - 1 - op.axis)
    return np.broadcast_shapes(*(shape_of(operand) for operand in op.operands if constant_of(operand) is not None))


def representative_shape(chain: list[QOp], rank: int) -> tuple[int, ...] | None:
    """Shape of the elements that constants tell apart; None if these are no channels or views stand among."""
    shape = np.broadcast_shapes((1,) * rank, *(_constant_shape(op) for op in chain))
    if all(size == 1 for size in shape):
        return (1,) * rank
    if any(isinstance(op, VIEWS) for op in chain) or any(size != 1 for size in shape[:-1]):
        return None
    return shape


def all_codes(input_format: InputFormat) -> Array:
    format_ = integer_format(input_format.element_type)
    if isinstance(format_, BipolarFormat):
        return np.array([-1, 1])
    return np.arange(format_.code_range.lo, format_.code_range.hi + 1)


def float_value(codes: SSAValue, input_format: InputFormat, place: InsertPoint) -> SSAValue:
    """Ops at `place` that turn codes into the float32 numbers they stand for."""
    value = codes
    for class_, number, neutral in ((MulOp, input_format.scale, 1), (AddOp, input_format.offset, 0)):
        if number != neutral:
            factor = real_constant(np.array(Fraction(number), dtype=object))
            op = class_(value, factor.result)
            Rewriter.insert_op([factor, op], place)
            value = op.result
    cast = QuantizeOp(value, Float32Type())
    Rewriter.insert_op(cast, place)
    return cast.result


def tabulate(chain: list[QOp], shape: tuple[int, ...], input_format: InputFormat) -> Array:
    """Output codes [input codes, channels] of the chain, computed by the reference."""
    block = Block(arg_types=[tensor(input_format.element_type, shape)])
    value = float_value(block.args[0], input_format, InsertPoint.at_end(block))
    for op in chain:
        mapping: dict[SSAValue, SSAValue] = {}
        for operand in op.operands:
            if isinstance(operand.owner, ConstantOp) and operand not in mapping:
                block.add_op(operand.owner.clone(mapping))
        last = next(operand for operand in op.operands if operand not in mapping)
        mapping[last] = value
        new = _on_shape(op, mapping)
        block.add_op(new)
        value = new.results[0]
    codes = all_codes(input_format)
    frames = np.broadcast_to(codes.reshape(-1, *(1,) * len(shape)), (len(codes), *shape))
    return run_block(block, [value], frames)[0].reshape(len(codes), -1).astype(np.int64)


def _on_shape(op: QOp, mapping: dict[SSAValue, SSAValue]) -> Operation:
    """The op on operands of the representative shape."""
    operands = [mapping[operand] for operand in op.operands]
    if isinstance(op, ReshapeOp):
        return ReshapeOp(operands[0], (1,) * len(shape_of(op.result)))
    return op.on(operands)


MAX_INPUT_LEVELS = 1 << 20  # of a quantiser that becomes thresholds of input codes


@dataclass(frozen=True)
class ThresholdTable:
    """Thresholds [channels, count] in input codes; `descending` flags falling channels."""

    thresholds: Array
    descending: Array
    base: int


def table_thresholds(table: Array, codes: Array, bipolar: bool, op: Operation) -> ThresholdTable:
    """Thresholds of a tabulated monotone function, [input codes, channels]."""
    changes = np.diff(table, axis=0)
    descending: Array = np.asarray((changes < 0).any(axis=0))
    if bool((descending & (changes > 0).any(axis=0)).any()):
        mend = "let the quantiser saturate instead of wrap, or give the input more bits and no format"
        raise QoptError("the quantiser behind the input neither rises nor falls throughout", op, mend)
    rising = np.where(descending, table[::-1], table)
    base = -1 if bipolar else int(table.min())
    highest = integer_format(element_type(op.results[0])).code_range.hi
    if base == highest and not bipolar:  # a constant; the one threshold must not count beyond the type
        base -= 1
    if int(table.max()) - base > MAX_INPUT_LEVELS:
        mend = f"quantise it to at most {MAX_INPUT_LEVELS} levels, or give the input no format"
        raise QoptError(f"the quantiser behind the input has {int(table.max()) - base} levels", op, mend)
    levels = np.array([1]) if bipolar else np.arange(base + 1, max(int(table.max()), base + 1) + 1)
    # rising: first code that reaches the level; falling: first code that does no longer
    reached = np.array([np.searchsorted(channel, levels) for channel in rising.T])
    index = np.where(descending[:, None], len(codes) - reached, reached)
    extended = np.append(codes, codes[-1] + 1)
    return ThresholdTable(np.sort(extended[index], axis=1), descending, base)
