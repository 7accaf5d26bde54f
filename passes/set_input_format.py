# SPDX-License-Identifier: Apache-2.0
"""Feed an input as integer codes in a given format instead of float32.

Before (`q-set-input-format{input-format="x: uint<2> scale 1/3"}`):
    func.func @main(%x: tensor<1x4xf32> {q.name = "x"}) -> ... {
      %0 = q.mul %x, %two : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
      %1 = q.sub %0, %one : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
      %2 = q.quantize %1 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<2, 0>>
After:
    func.func @main(%x: tensor<1x4x!q.ufixed<2, 0>> {q.name = "x"}) -> ... {
      %2 = q.threshold %x, %t base -1 : ... -> tensor<1x4x!q.fixed<2, 0>>

A code c means `c * 2^-F * scale + offset`, rounded once to float32. Where elementwise float32 ops lead to one
quantiser, the reference computes its code for every input code, and thresholds take their place. Elsewhere the codes
are turned into float32 numbers, and q-convert-to-typed makes these exact.

Approximate: the input holds only such numbers; for those the thresholds give the codes of the float32 network.
Needs: a float32 input of the given name; up to 16 bits for thresholds.   Keeps: the other inputs.
Leaves: an input that has this type already.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import Float32Type, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError
from ..qdialect.formats import BipolarFormat, IntRange
from ..qdialect.input_format import InputFormat, parse_input_format
from ..qdialect.q import (
    AddOp,
    BatchNormOp,
    BinaryOp,
    ClipOp,
    ConstantOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    SigmoidOp,
    TanhOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import (
    BipolarType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
from .evaluation import run_block
from .hardware_support import argument_name
from .remarks import remark
from .rewriting import at, constant, function_named, real_constant

MAX_ENUMERATED_BITS = 16
_ELEMENTWISE = (BinaryOp, ReluOp, ClipOp, BatchNormOp, SigmoidOp, TanhOp)
_VIEWS = (ReshapeOp, TransposeOp)


def _chain(argument: BlockArgument) -> list[Operation] | None:
    """The ops from an input to its one quantiser, both elementwise and views; None if it feeds anything else."""
    ops, value = list[Operation](), SSAValue.get(argument)
    while value.has_one_use():
        op = next(iter(value.uses)).operation
        others = [operand for operand in op.operands if operand is not value]
        if not all(constant_of(other) is not None for other in others):
            return None
        ops.append(op)
        if isinstance(op, QuantizeOp):
            return ops if is_integer_type(element_type(op.result)) else None
        if not isinstance(op, _ELEMENTWISE + _VIEWS):
            return None
        value = op.results[0]
    return None


def _constant_shape(op: Operation) -> tuple[int, ...]:
    """The shape to which the constants of an op broadcast."""
    if isinstance(op, BatchNormOp):
        return (shape_of(op.scale)[0],) + (1,) * (len(shape_of(op.input)) - 1 - op.axis)
    return np.broadcast_shapes(*(shape_of(operand) for operand in op.operands if constant_of(operand) is not None))


def _representative_shape(chain: list[Operation], rank: int) -> tuple[int, ...] | None:
    """Shape of the elements that constants tell apart; None if these are no channels, or a view stands among the ops."""
    shape = np.broadcast_shapes((1,) * rank, *(_constant_shape(op) for op in chain))
    if all(size == 1 for size in shape):
        return (1,) * rank
    if any(isinstance(op, _VIEWS) for op in chain) or any(size != 1 for size in shape[:-1]):
        return None
    return shape


def _all_codes(input_format: InputFormat) -> Array:
    format_ = integer_format(input_format.element_type)
    if isinstance(format_, BipolarFormat):
        return np.array([-1, 1])
    return np.arange(format_.code_range.lo, format_.code_range.hi + 1)


def _float_value(codes: SSAValue, input_format: InputFormat, place: InsertPoint) -> SSAValue:
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


def _tabulate(chain: list[Operation], shape: tuple[int, ...], input_format: InputFormat) -> Array:
    """Output codes [input codes, channels] of the chain, computed by the reference."""
    block = Block(arg_types=[tensor(input_format.element_type, shape)])
    value = _float_value(block.args[0], input_format, InsertPoint.at_end(block))
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
    codes = _all_codes(input_format)
    frames = np.broadcast_to(codes.reshape(-1, *(1,) * len(shape)), (len(codes), *shape))
    return run_block(block, [value], frames)[0].reshape(len(codes), -1).astype(np.int64)


def _on_shape(op: Operation, mapping: dict[SSAValue, SSAValue]) -> Operation:
    """The op on operands of the representative shape."""
    operands = [mapping[operand] for operand in op.operands]
    match op:
        case QuantizeOp():
            return QuantizeOp(operands[0], element_type(op.result), op.rounding, op.overflow, op.narrow)
        case ReshapeOp():
            return ReshapeOp(operands[0], (1,) * len(shape_of(op.result)))
        case TransposeOp():
            return TransposeOp(operands[0], op.permutation)
        case BatchNormOp():
            x, scale, bias, mean, variance = operands
            return BatchNormOp(x, scale, bias, mean, variance, op.epsilon, op.axis)
        case _:
            return type(op)(*operands)


@dataclass(frozen=True)
class _Table:
    """Thresholds [channels, count] in input codes; `descending` flags falling channels."""

    thresholds: Array
    descending: Array
    base: int


def _thresholds(table: Array, codes: Array, step: int, op: Operation) -> _Table:
    """Thresholds of a tabulated monotone function, [input codes, channels]; `step` is the distance of output codes."""
    changes = np.diff(table, axis=0)
    descending = (changes < 0).any(axis=0)
    if bool((descending & (changes > 0).any(axis=0)).any()):
        mend = "let the quantiser saturate instead of wrap, or give the input more bits and no format"
        raise QoptError("the quantiser behind the input neither rises nor falls throughout", op, mend)
    rising = np.where(descending, table[::-1], table)
    base = int(table.min())
    count = max((int(table.max()) - base) // step, 1)
    levels = base + step * np.arange(1, count + 1)
    # rising: first code that reaches the level; falling: first code that does no longer
    reached = (rising[:, :, None] < levels).sum(axis=0)
    index = np.where(descending[:, None], len(codes) - reached, reached)
    extended = np.append(codes, codes[-1] + 1)
    return _Table(np.sort(extended[index], axis=1), descending, base)


def _replace_by_thresholds(chain: list[Operation], table: Array, codes: Array, argument: SSAValue) -> None:
    quantizer = chain[-1]
    assert isinstance(quantizer, QuantizeOp)
    target = element_type(quantizer.result)
    value: SSAValue = argument
    new = list[Operation]()
    for op in chain:
        if isinstance(op, _VIEWS):
            new.append(at(_on_codes(op, value), op))
            value = new[-1].results[0]
    if element_type(argument) != target or not bool((table == codes[:, None]).all()):
        bipolar = isinstance(target, BipolarType)
        found = _thresholds(table, codes, 2 if bipolar else 1, quantizer)
        new += _threshold_op(value, found, -1 if bipolar else found.base, quantizer)
        value = new[-1].results[0]
    value.name_hint = quantizer.result.name_hint or value.name_hint
    Rewriter.insert_op(new, InsertPoint.before(quantizer))
    quantizer.result.replace_all_uses_with(value)
    for op in reversed(chain):
        Rewriter.erase_op(op)


def _on_codes(op: Operation, value: SSAValue) -> Operation:
    if isinstance(op, ReshapeOp):
        return ReshapeOp(value, shape_of(op.result))
    assert isinstance(op, TransposeOp)
    return TransposeOp(value, op.permutation)


def _threshold_op(value: SSAValue, table: _Table, base: int, quantizer: QuantizeOp) -> list[Operation]:
    fraction_bits = integer_format(element_type(value)).fraction_bits
    range_ = IntRange(int(table.thresholds.min()), int(table.thresholds.max()))
    thresholds = constant(table.thresholds, fixed_type(range_, fraction_bits))
    flags = constant(table.descending.astype(np.uint8), UFixedType(1, 0)) if table.descending.any() else None
    op = ThresholdOp(
        value, thresholds.result, element_type(quantizer.result), base, flags.result if flags is not None else None
    )
    return [thresholds, *([flags] if flags is not None else []), at(op, quantizer)]


def _argument(main: FuncOp, name: str) -> BlockArgument:
    names = [argument_name(argument) for argument in main.args]
    if name not in names:
        mend = f"its inputs are {', '.join(repr(known) for known in names)}"
        raise QoptError(f"the network has no input '{name}'", main, mend)
    return main.args[names.index(name)]


def _set_format(main: FuncOp, argument: BlockArgument, input_format: InputFormat) -> None:
    chain = _chain(argument)
    shape = _representative_shape(chain, len(shape_of(argument))) if chain else None
    codes_type = tensor(input_format.element_type, shape_of(argument))
    if chain is None or shape is None:
        why = "it does not lead to one quantiser by elementwise ops" if chain is None else "its constants vary inside"
        remark(main, f"input '{input_format.name}' gets no thresholds: {why}; its codes become numbers instead")
        block = main.body.block
        first = block.first_op
        assert first is not None
        users = list(argument.uses)
        codes = Rewriter.replace_value_with_new_type(argument, codes_type)
        value = _float_value(codes, input_format, InsertPoint.before(first))
        for use in users:
            use.operation.operands[use.index] = value
        return
    _check_word_length(input_format, chain[-1])
    table = _tabulate(chain, shape, input_format)
    codes = Rewriter.replace_value_with_new_type(argument, codes_type)
    _replace_by_thresholds(chain, table, _all_codes(input_format), codes)


def _check_word_length(input_format: InputFormat, quantizer: Operation) -> None:
    bits = integer_format(input_format.element_type).word_length
    if bits > MAX_ENUMERATED_BITS:
        what = f"input '{input_format.name}' has {bits} bits in front of its quantiser, limit is {MAX_ENUMERATED_BITS}"
        mend = f"give it at most {MAX_ENUMERATED_BITS} bits, or no format: then the host quantises"
        raise QoptError(what, quantizer, mend)


@dataclass(frozen=True)
class SetInputFormatPass(ModulePass):
    """Feed an input as integer codes in a given format instead of float32."""

    name = "q-set-input-format"
    exact: ClassVar[bool] = False
    input_format: str  # 'NAME: FORMAT [scale NUMBER] [offset NUMBER]', as in 'x: uint<8> scale 1/255'

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        input_format = parse_input_format(self.input_format)
        main = function_named(op, "main")
        if main is None:
            raise QoptError("the module has no function @main", mend="name the network's function @main")
        argument = _argument(main, input_format.name)
        if element_type(argument) == input_format.element_type:
            return
        if not is_f32(element_type(argument)):
            what = f"input '{input_format.name}' already holds {element_type(argument)}"
            raise QoptError(what, main, "give a format to float32 inputs only")
        _set_format(main, argument, input_format)
        main.update_function_type()
