# SPDX-License-Identifier: Apache-2.0
"""Which typed ops have a hardware unit, and what to tell the user about those that have none."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TypeGuard

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ..qdialect.dataflow.join import repeats_of
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    ArithmeticOp,
    BatchNormOp,
    BinaryOp,
    ClipOp,
    CompareOp,
    ConcatOp,
    Convolution,
    ConvOp,
    ConvTransposeOp,
    DepthToSpaceOp,
    DivOp,
    FloatFunctionOp,
    GatherOp,
    InterleaveOp,
    MatMulOp,
    MaxPoolOp,
    MoveOp,
    MulOp,
    PadOp,
    PowOp,
    PReluOp,
    QOp,
    QuantizeOp,
    ReduceMaxOp,
    ReduceSumOp,
    ReluOp,
    ReshapeOp,
    SelectOp,
    SliceOp,
    SoftmaxOp,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.q.inference import constant_of
from ..qdialect.types import RealType, element_type, is_f32, is_integer_type, shape_of
from .integer_clips import clip_bounds
from .parts import part_of
from .refusals import Refusal

LINEAR = ("q.matmul", "q.conv", "q.conv_transpose")  # the layers that hardware is made for

SUPPORTED = (
    "q.matmul, q.conv and q.conv_transpose with constant weights, pools, nearest resizing, q.threshold, q.table, "
    "integer q.mul, q.add, q.sub and q.quantize, q.concat, q.slice, q.arg_max, q.reshape"
)
_HOST = "keep it in front of the first or behind the last quantised layer, where the host computes it"
PARTS_MEND = "take a part of at most three axes, forwards, or few channels in any order"
_NEAREST = {  # op without a unit -> what comes nearest to it
    "q.conv_transpose": "run q-lower-conv-transpose in front",
    "q.reduce_min": "negate in front of q.reduce_max and behind it",
    "q.reduce_sum": "q.matmul by a constant matrix of ones and zeros",
    "q.relu": "put a quantiser behind it: both together become thresholds",
    "q.clip": "put a quantiser behind it, which saturates",
    "q.prelu": "put a quantiser behind it",
    "q.transpose": "move the transposition out of the network, or fold it into the weights of a neighbour",
    "q.top_k": "the one greatest element of a whole vector (k = 1) is hardware, as q.arg_max",
}


def refusal(op: Operation) -> Refusal | None:
    """Why `op` of the typed level has no hardware unit; None if it has one."""
    return number_refusal(op) or unit_refusal(op)


def number_refusal(op: Operation) -> Refusal | None:
    """What keeps `op` from working on integers alone; None if it does."""
    if all(is_integer_type(element_type(value)) for value in (*op.operands, *op.results)):
        return None
    return _linear_refusal(op) if op.name in LINEAR else _number_refusal(op)


def unit_refusal(op: Operation) -> Refusal | None:
    """Why there is no hardware unit for what `op` does, whatever the types of its numbers."""
    if joins_branches(op):
        return _join_refusal(op)
    match op:
        case ThresholdOp() | TableOp() | QuantizeOp() | ReshapeOp() | ConcatOp():
            return None
        case ConvOp() | MaxPoolOp() | SumPoolOp() | ReduceSumOp() | ReduceMaxOp() | PadOp():
            return _image_refusal(op)
        case ConvTransposeOp() | DepthToSpaceOp() | InterleaveOp():
            return _image_refusal(op)
        case MatMulOp():
            if constant_of(op.rhs) is not None and len(shape_of(op.rhs)) == 2:
                return None
            mend = "hardware multiplies by a constant matrix: export the layer with fixed weights"
            if constant_of(op.lhs) is not None:
                mend = "a constant matrix stands on the right; of resizing, modes other than 'nearest' are not hardware"
            return Refusal(op, "q.matmul has no constant two-dimensional right operand", mend)
        case AddOp() | MulOp():
            if _is_bias(op) or _feeds_unit(op):
                return None
            mend = "an integer q.add or q.mul is part of a requantiser, or in front of a join: constant operand"
            return Refusal(op, f"{op.name} has no unit of its own", mend)
        case ArgMaxOp():
            if prod(shape_of(op.input)) == shape_of(op.input)[op.axis]:
                return None
            mend = "only one arg-max of a whole vector is hardware"
            return Refusal(op, "q.arg_max compares a part of the frame", mend)
        case ClipOp() if clip_bounds(op) is not None:
            return None
        case TransposeOp() if keeps_order(op):
            return None
        case GatherOp() if repeats(op) is not None:
            return _image_refusal(op)
        case SliceOp() | GatherOp():
            found = part_of(op)
            return Refusal(op, f"{op.name} {found}", PARTS_MEND) if isinstance(found, str) else None
        case _:
            return Refusal(op, f"{op.name} has no hardware unit yet", f"nearest: {nearest(op)}")


def is_pointwise(op: object) -> TypeGuard[QOp]:
    """Whether each element of the result follows from the elements of the operands at the same place."""
    functions = BinaryOp | ReluOp | ClipOp | PReluOp | BatchNormOp | QuantizeOp | CompareOp | SelectOp | PowOp
    return isinstance(op, functions | FloatFunctionOp) and not isinstance(op, SoftmaxOp)


def lasting_refusal(op: Operation) -> Refusal | None:
    """Why no quantiser brings `op`, of any level, into hardware; None where streamlining may make a unit of it."""
    if isinstance(op, TransposeOp):  # may cancel
        return None
    return None if is_pointwise(op) and not joins_branches(op) else unit_refusal(op)


def nearest(op: Operation) -> str:
    """The supported form that comes nearest to an op without a unit."""
    if op.name in _NEAREST:
        return _NEAREST[op.name]
    if isinstance(op, QOp) and op.FLOAT_ONLY:
        return _HOST
    if isinstance(op, MoveOp):
        return "q.reshape, and q.transpose of axes of size 1, which move nothing"
    if isinstance(op, ArithmeticOp):
        return "q.add and q.mul with a constant operand, q.quantize behind them"
    return _HOST


def keeps_order(op: TransposeOp) -> bool:
    """Whether the elements of a frame stay in their order."""
    moved = [axis for axis in op.permutation if shape_of(op.input)[axis] > 1]
    return moved == sorted(moved)


def repeats(op: GatherOp) -> int | None:
    """How often, at least twice, each element along the axis comes (nearest resizing); None if they differ."""
    factor, rest = divmod(len(op.indices), shape_of(op.input)[op.axis])
    even = not rest and factor > 1 and bool((op.indices == np.arange(len(op.indices)) // factor).all())
    return factor if even else None


def joins_branches(op: Operation) -> bool:
    """Whether `op` adds or multiplies two tensors of which none is constant."""
    return isinstance(op, AddOp | SubOp | MulOp | DivOp) and all(constant_of(value) is None for value in op.operands)


def _join_refusal(op: Operation) -> Refusal | None:
    """Of arithmetic on two computed tensors."""
    if not isinstance(op, AddOp | SubOp | MulOp):
        what = f"{op.name} of two computed tensors has no hardware unit"
        return Refusal(op, what, "branches join by q.add, q.sub, q.mul or q.concat")
    shapes = [shape_of(value) for value in (op.lhs, op.rhs)]
    if prod(shapes[0]) == prod(shapes[1]) == prod(shape_of(op.result)) or join_repeats(op) is not None:
        return None
    what = f"{op.name} of shapes {list(shapes[0])} and {list(shapes[1])} repeats elements along axes that are apart"
    return Refusal(op, what, "repeat one branch along neighbouring axes, or make both shapes equal")


def join_repeats(op: AddOp | SubOp | MulOp) -> tuple[int, int] | None:
    """(times, run) of the smaller branch of a join; None if both are of one size, or if runs do not say it."""
    smaller, larger = sorted((shape_of(value) for value in (op.lhs, op.rhs)), key=prod)
    return repeats_of(smaller, shape_of(op.result)) if prod(larger) == prod(shape_of(op.result)) else None


def _image_refusal(op: Operation) -> Refusal | None:
    """Of an op on images, wherever their channels are; q-convert-to-dataflow says the rest."""
    shape = shape_of(op.operands[0])
    if isinstance(op, Convolution) and constant_of(op.weights) is None:
        mend = "hardware convolves with constant weights: export the layer with fixed weights"
        return Refusal(op, f"{op.name} has computed weights", mend)
    if shape[0] != 1 or not 3 <= len(shape) <= 4:
        mend = "hardware takes one image of rows, columns and channels a frame"
        return Refusal(op, f"{op.name} of {list(shape)} has no hardware unit", mend)
    return None


def _is_bias(op: AddOp | MulOp) -> bool:
    """An integer addition of a constant to the result of a layer, with nobody else using that result."""
    return (
        isinstance(op, AddOp)
        and isinstance(op.lhs.owner, Operation)
        and op.lhs.owner.name in LINEAR
        and op.lhs.has_one_use()
        and constant_of(op.rhs) is not None
    )


def _feeds_unit(op: AddOp | MulOp) -> bool:
    """All that use the result are quantisers or other units of integers, perhaps behind more such arithmetic."""
    if constant_of(op.rhs) is None or op.result.first_use is None:
        return False
    for use in op.result.uses:
        user = use.operation
        integer = all(is_integer_type(element_type(value)) for value in user.results)
        if isinstance(user, AddOp | MulOp) and not joins_branches(user):
            unit = _is_bias(user) or _feeds_unit(user)
        elif isinstance(user, ReshapeOp | TransposeOp):
            unit = unit_refusal(user) is None and any(_takes_stream(use.operation) for use in user.result.uses)
        else:
            unit = _takes_stream(user)
        if not (integer and unit):
            return False
    return True


def _takes_stream(op: Operation) -> bool:
    return not isinstance(op, ReturnOp | CallOp | MoveOp) and unit_refusal(op) is None


def _number_refusal(op: Operation) -> Refusal:
    real = any(isinstance(element_type(value), RealType) for value in op.operands)
    numbers = "real numbers" if real else "float32 numbers"
    if isinstance(op, QuantizeOp):
        mend = "run q-streamline and q-lower-quantizers-to-thresholds first"
        return Refusal(op, f"q.quantize works on {numbers}", mend)
    mend = _HOST if isinstance(op, QOp) and op.FLOAT_ONLY else "quantise in front of it"
    return Refusal(op, f"{op.name} works on {numbers} between two parts of the hardware", mend)


def _linear_refusal(op: Operation) -> Refusal:
    """Of a matrix product or convolution, whose operands are not all integers."""
    weights = [constant.array for value in op.operands if (constant := constant_of(value)) is not None]
    floats = [array for array in weights if array.dtype == np.float32]
    if any((array != np.rint(array)).any() for array in floats):
        return Refusal(op, f"the weights of {op.name} are float32", "quantise the weights before export")
    raw = sorted({name for operand in op.operands for name in _float_inputs(operand)})
    if raw:
        example = "uint<8>" if floats else "fixed<16, 10>"  # whole numbers as weights: an integer network
        formats = " ".join(f"--input-format '{name}: {example}'" for name in raw)
        names = " and ".join(f"'{name}'" for name in raw)
        reach = f"input {names} reaches" if len(raw) == 1 else f"inputs {names} reach"
        return Refusal(op, f"{reach} {op.name} without a quantiser", f"give {formats}")
    if any(is_f32(element_type(value)) for value in op.operands):
        return Refusal(op, f"{op.name} works on float32 numbers", "quantise both of its operands before export")
    mend = "run q-streamline first; a scale must be the same along the summed axis (one for the tensor or each output)"
    return Refusal(op, f"{op.name} works on real numbers: a scale or offset is left on an operand", mend)


def _float_inputs(value: SSAValue) -> Iterator[str]:
    """Names of the float32 inputs of the function that reach `value` without a quantiser or another product."""
    seen, todo = set[SSAValue](), [value]
    while todo:
        value = todo.pop()
        if value in seen or not is_f32(element_type(value)):
            continue
        seen.add(value)
        if isinstance(value, BlockArgument):
            yield argument_name(value)
        elif isinstance(value.owner, Operation) and value.owner.name not in LINEAR:
            todo += value.owner.operands


def argument_name(argument: BlockArgument) -> str:
    """The name that the model gives to an argument of a function."""
    function = argument.owner.parent_op()
    if isinstance(function, FuncOp) and function.arg_attrs is not None:
        name = function.arg_attrs.data[argument.index].data.get("q.name")
        if isinstance(name, StringAttr):
            return name.data
    return argument.name_hint or f"input{argument.index}"


def result_name(function: FuncOp, index: int) -> str:
    """The name that the model gives to a result of a function."""
    if function.res_attrs is not None:
        name = function.res_attrs.data[index].data.get("q.name")
        if isinstance(name, StringAttr):
            return name.data
    return f"output{index}"
