# SPDX-License-Identifier: Apache-2.0
"""Which typed ops have a hardware unit, and what to tell the user about those that have none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ..qdialect.q import AddOp, ArgMaxOp, ConstantOp, MatMulOp, MulOp, QuantizeOp, ReshapeOp, ThresholdOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import RealType, element_type, is_f32, is_integer_type, shape_of

SUPPORTED = "q.matmul with constant weights, q.threshold, integer q.mul, q.add and q.quantize, q.arg_max, q.reshape"


@dataclass(frozen=True)
class Refusal:
    """Why an op cannot be hardware, and what the user can do about it."""

    op: Operation
    what: str
    mend: str


def refusal(op: Operation) -> Refusal | None:
    """Why `op` of the typed level has no hardware unit; None if it has one."""
    if isinstance(op, MatMulOp):
        return _matmul_refusal(op)
    if not all(is_integer_type(element_type(value)) for value in (*op.operands, *op.results)):
        return _number_refusal(op)
    match op:
        case ThresholdOp() | QuantizeOp() | ReshapeOp():
            return None
        case AddOp() | MulOp():
            if _is_bias(op) or _feeds_quantizer(op):
                return None
            mend = "an integer q.add or q.mul is part of a requantiser: constant operand, q.quantize behind it"
            return Refusal(op, f"{op.name} has no unit of its own", mend)
        case ArgMaxOp():
            if prod(shape_of(op.input)) == shape_of(op.input)[op.axis]:
                return None
            return Refusal(
                op, "q.arg_max compares a part of the frame", "only one arg-max of a whole vector is hardware"
            )
        case _:
            return Refusal(op, f"{op.name} has no hardware unit", f"hardware has {SUPPORTED}")


def _is_bias(op: AddOp | MulOp) -> bool:
    """An integer addition of a constant to the result of a matrix product, with nobody else using that result."""
    return (
        isinstance(op, AddOp)
        and isinstance(op.lhs.owner, MatMulOp)
        and op.lhs.has_one_use()
        and constant_of(op.rhs) is not None
    )


def _feeds_quantizer(op: AddOp | MulOp) -> bool:
    """All that use the result are integer quantisers, or one more addition of a constant before them."""
    if constant_of(op.rhs) is None or op.result.first_use is None:
        return False
    for use in op.result.uses:
        user = use.operation
        integer = all(is_integer_type(element_type(value)) for value in user.results)
        ends = isinstance(user, QuantizeOp) or (isinstance(user, AddOp) and _feeds_quantizer(user))
        if not (integer and ends):
            return False
    return True


def _number_refusal(op: Operation) -> Refusal:
    real = any(isinstance(element_type(value), RealType) for value in op.operands)
    numbers = "real numbers" if real else "float32 numbers"
    if isinstance(op, QuantizeOp):
        mend = "run q-streamline and q-lower-quantizers-to-thresholds first"
        return Refusal(op, f"q.quantize works on {numbers}", mend)
    return Refusal(op, f"{op.name} works on {numbers} between two parts of the hardware", "quantise in front of it")


def _matmul_refusal(op: MatMulOp) -> Refusal | None:
    weights = constant_of(op.rhs)
    types = [element_type(value) for value in op.operands]
    if all(is_integer_type(type_) for type_ in types):
        if weights is not None and len(shape_of(op.rhs)) == 2:
            return None
        mend = "hardware multiplies by a constant matrix on the right: export the layer with fixed weights"
        return Refusal(op, "q.matmul has no constant two-dimensional right operand", mend)
    if any(is_f32(element_type(value)) and isinstance(value.owner, ConstantOp) for value in op.operands):
        return Refusal(op, "the weights of q.matmul are float32", "quantise the weights before export")
    raw = sorted(set(_float_inputs(op.lhs)) | set(_float_inputs(op.rhs)))
    if raw:
        formats = " ".join(f"--input-format '{name}: fixed<16, 10>'" for name in raw)
        names = " and ".join(f"'{name}'" for name in raw)
        plural = "input" if len(raw) == 1 else "inputs"
        return Refusal(op, f"{plural} {names} reaches q.matmul without a quantiser", f"give {formats}")
    if any(is_f32(type_) for type_ in types):
        return Refusal(op, "q.matmul works on float32 numbers", "quantise both of its operands before export")
    mend = "run q-streamline first; a scale must be the same along the summed axis (one for the tensor or each output)"
    return Refusal(op, "q.matmul works on real numbers: a scale or offset is left on an operand", mend)


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
        elif isinstance(value.owner, Operation) and not isinstance(value.owner, MatMulOp):
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
