# SPDX-License-Identifier: Apache-2.0
"""Constant, and ops that pass a value on: Identity, Dropout, Cast."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue

from ....qdialect.attrs import DenseAttr
from ....qdialect.formats import Overflow, Rounding
from ....qdialect.q import CompareOp, ConstantOp, MulOp, Predicate, QuantizeOp
from ....qdialect.q.logic import TRUTH
from ....qdialect.types import (
    BipolarType,
    FixedType,
    RealType,
    UFixedType,
    element_type,
    integer_format,
    is_f32,
    is_integer_type,
)
from ..datatypes import integer_type
from ..model import Array
from ..node import Node, Value
from ..registry import importer
from .logic import negated

SHORT_INTEGERS = (FixedType(4), UFixedType(4), FixedType(2), UFixedType(2))
FLOAT, DOUBLE = 1, 11  # TensorProto.DataType
BOOL = 9
INTEGERS = {
    **{2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 12: "uint32", 13: "uint64"},
    **{21: "uint4", 22: "int4", 25: "uint2", 26: "int2"},
}
_DTYPES = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


@importer("Constant")
def import_constant(node: Node) -> Array:
    attributes = node.definition.attributes
    value = attributes.get("value")
    if isinstance(value, np.ndarray):
        return value
    for name, dtype in _DTYPES.items():
        if name in attributes:
            numbers = node.integer_list(name) if dtype is np.int64 and name.endswith("s") else attributes[name]
            if isinstance(numbers, int | float | list) and not any(isinstance(item, str) for item in np.ravel(numbers)):
                return np.array(numbers, dtype)
    raise node.error("the constant holds no numbers in a form that is supported", "store a dense tensor in 'value'")


@importer("Identity")
def import_identity(node: Node) -> Value:
    return node.value(0)


@importer("Dropout")
def import_dropout(node: Node) -> Sequence[Value]:
    """Nothing at inference: all elements pass (opset 7 and older: the mask is one of numbers)."""
    if node.has_input(2) and node.constant(2, "training_mode").any():
        raise node.error("the node is in training mode", "export the model for inference")
    return [node.value(0), np.ones(node.shape(0), np.bool_ if node.opset >= 10 else np.float32)]


@importer("Cast")
def import_cast(node: Node) -> Value:
    """To an integer: towards zero, as numpy does; between integers: modulo 2^bits; to float64: an exact number.

    Real numbers that the integer cannot hold saturate (ONNX leaves them open), or wrap where numpy has no such type.
    """
    target = node.integer("to")
    operand = node.operand(0)
    if target == BOOL:
        return _truth(node, operand)
    if target == DOUBLE:
        return _as_exact(node, operand)
    if target == FLOAT:
        return node.as_real(operand)  # integers stay exact, though float32 would round those above 2^24
    type_ = integer_type(INTEGERS.get(target, ""))
    if type_ is None:
        mend = "convert the model to float32"
        raise node.error(f"a cast to ONNX type {target} is not supported", mend)
    if node.builder.integers.get(operand) == type_:
        return operand
    own = element_type(operand)
    if is_integer_type(own) and _whole(own) and integer_format(own).code_range in integer_format(type_).code_range:
        return node.as_integer(operand, type_)
    wraps = operand in node.builder.integers or type_ in SHORT_INTEGERS
    overflow = Overflow.WRAP if wraps else Overflow.SATURATE
    return node.emit_integer(QuantizeOp(operand, type_, Rounding.DOWN, overflow), type_)


def _whole(type_: Attribute) -> bool:
    return integer_format(type_).fraction_bits == 0 and not isinstance(type_, BipolarType)


def _truth(node: Node, operand: SSAValue) -> SSAValue:
    """Whether a number is not zero."""
    if node.builder.integers.get(operand) == TRUTH:
        return operand
    is_integer = is_integer_type(element_type(operand))
    zero = node.add_constant(np.zeros((), np.uint8 if is_integer else np.float32))
    return negated(node, node.emit_integer(CompareOp(Predicate.EQUAL, operand, zero), TRUTH))


def _as_exact(node: Node, operand: SSAValue) -> SSAValue:
    """float64 arithmetic is exact arithmetic: float32 numbers, and integers of ONNX, become real numbers."""
    if not is_f32(element_type(operand)) and operand not in node.builder.integers:
        return operand
    one = DenseAttr(np.asarray(Fraction(1), object), TensorType(RealType(), []))
    return node.emit(MulOp(operand, node.emit(ConstantOp(one))))
