# SPDX-License-Identifier: Apache-2.0
"""Constant, and ops that pass a value on: Identity, Dropout, Cast."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import Float32Type, TensorType
from xdsl.ir import SSAValue

from ....qdialect.attrs import DenseAttr
from ....qdialect.formats import Overflow, Rounding
from ....qdialect.q import ConstantOp, MulOp, QuantizeOp
from ....qdialect.types import RealType, element_type, is_f32, is_integer_type
from ..datatypes import integer_type
from ..model import Array
from ..node import Node, Value
from ..registry import importer

FLOAT, DOUBLE = 1, 11  # TensorProto.DataType
INTEGERS = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 12: "uint32", 13: "uint64"}
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
def import_dropout(node: Node) -> Value:
    """Nothing at inference."""
    if node.has_input(2) and node.constant(2, "training_mode").any():
        raise node.error("the node is in training mode", "export the model for inference")
    return node.value(0)


@importer("Cast")
def import_cast(node: Node) -> Value:
    """To an integer: towards zero, as numpy does; between integers: modulo 2^bits; to float64: an exact number."""
    target = node.integer("to")
    operand = node.operand(0)
    if target == DOUBLE:
        return _as_exact(node, operand)
    if target == FLOAT:
        if operand not in node.builder.integers:
            return operand
        return node.emit(QuantizeOp(operand, Float32Type()))
    type_ = integer_type(INTEGERS.get(target, ""))
    if type_ is None:
        mend = "convert the model to float32"
        raise node.error(f"a cast to ONNX type {target} is not supported", mend)
    if element_type(operand) == type_:
        return operand
    is_integer = operand in node.builder.integers
    overflow = Overflow.WRAP if is_integer and is_integer_type(element_type(operand)) else Overflow.SATURATE
    return node.emit_integer(QuantizeOp(operand, type_, Rounding.DOWN, overflow))


def _as_exact(node: Node, operand: SSAValue) -> SSAValue:
    """float64 arithmetic is exact arithmetic: float32 numbers, and integers of ONNX, become real numbers."""
    if not is_f32(element_type(operand)) and operand not in node.builder.integers:
        return operand
    one = DenseAttr(np.asarray(Fraction(1), object), TensorType(RealType(), []))
    return node.emit(MulOp(operand, node.emit(ConstantOp(one))))
