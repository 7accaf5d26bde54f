# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear; between them, perhaps, Clip: the QCDQ and QDQ forms of one quantiser."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.formats import IntRange, Overflow
from ....qdialect.q import AddOp, DivOp, MulOp, QuantizeOp, ReshapeOp, SubOp
from ....qdialect.types import (
    FixedType,
    FloatType,
    UFixedType,
    element_type,
    fixed_type,
    is_integer_type,
    shape_of,
)
from ..datatypes import TYPE_NAMES, float_type, integer_type
from ..model import STANDARD_DOMAIN, Array
from ..node import Node, Value
from ..quantized_value import CodeTensor, Parameters, QuantizedValue, integer_constant
from ..quantizer import check_fits, check_scale, emit_codes_times_scale, emit_scale
from ..registry import importer

DOMAINS = (STANDARD_DOMAIN, "com.microsoft")
FLOAT32 = 1  # TensorProto.DataType
LARGEST_QUANTIZED_BITS = 16
# bits of the significand and exponents of the normal numbers, of floats that a scale can have instead of float32
_SHORT_FLOATS = {"float16": (11, range(-14, 16)), "bfloat16": (8, range(-126, 128))}


@importer("QuantizeLinear", domains=DOMAINS)
def import_quantize_linear(node: Node) -> Value:
    """Codes that are not written yet; or, where scale or zero point are computed, codes."""
    type_ = _code_type(node)
    if not (_is_constant(node, 1) and _is_constant(node, 2)):
        return _dynamic_codes(node, type_)
    precision = node.integer("precision", 0) or FLOAT32
    scale_name = node.constant(1, "the scale").dtype.name
    if precision != FLOAT32 or (scale_name in _SHORT_FLOATS and not node.has("precision")):
        name = TYPE_NAMES.get(precision, str(precision)) if precision != FLOAT32 else scale_name
        raise node.error(f"a division in {name} is not supported", "give the scale in float32, or precision float32")
    return quantized(node, _number_operand(node), constant_parameters(node, type_, node.shape(0)))


def quantized(node: Node, source: SSAValue, parameters: Parameters) -> QuantizedValue:
    """The codes of a source, to be written by those who use them."""
    type_ = parameters.type
    if not isinstance(type_, FloatType):
        range_ = type_.format.code_range
        return QuantizedValue(node, parameters, source, np.asarray(range_.lo), np.asarray(range_.hi))
    if parameters.zero_point.any():
        raise node.error("float codes with a zero point are not supported", "quantise with the zero point 0")
    unbounded = np.zeros(())
    return QuantizedValue(node, parameters, source, unbounded, unbounded, _float_overflow(node, type_))


def _float_overflow(node: Node, type_: FloatType) -> Overflow:
    if node.integer("saturate", 1) or type_.format.word_length < 8:
        return Overflow.SATURATE
    if type_.format.specials == "none":
        mend = "quantise with saturate = 1, or to float8e4m3fn or float8e5m2"
        raise node.error("overflow to NaN is not supported for float8 types without infinity ('fnuz')", mend)
    return Overflow.INFINITY


@importer("DequantizeLinear", domains=DOMAINS)
def import_dequantize_linear(node: Node) -> SSAValue:
    if not (_is_constant(node, 1) and _is_constant(node, 2)):
        return _dynamic_numbers(node)
    parameters = constant_parameters(node, code_type_of(node, 0), node.shape(0))
    _check_product(node, parameters)
    return dequantized(node, 0, parameters)


def code_type_of(node: Node, index: int) -> FixedType | UFixedType | FloatType:
    """The type of the codes that input `index` holds."""
    value = node.value(index)
    if isinstance(value, np.ndarray):
        return code_type_named(node, value.dtype.name)
    type_ = value.parameters.type if isinstance(value, CodeTensor) else element_type(node.operand(index))
    if not isinstance(type_, FixedType | UFixedType | FloatType):
        raise node.error("the input holds no integer codes", "put a QuantizeLinear in front of it")
    return type_


def dequantized(node: Node, index: int, parameters: Parameters) -> SSAValue:
    """The numbers that input `index` stands for."""
    value = node.value(index)
    if isinstance(value, np.ndarray):
        result = _dequantized_constant(node, value, parameters)
        node.builder.decoded[result] = lambda: _numbers_of(value, parameters)
        return result
    if isinstance(value, CodeTensor) and parameters.equals(value.parameters):
        return value.numbers(node)
    codes = node.operand(index)
    if parameters.zero_point.any():
        codes = node.emit(SubOp(codes, integer_constant(node, parameters.zero_point)))
    return emit_scale(node, codes, parameters.scale)


def _dequantized_constant(node: Node, codes: Array, parameters: Parameters) -> SSAValue:
    type_, zero_point = parameters.type, parameters.zero_point
    if isinstance(type_, FloatType):
        if not np.isfinite(codes.astype(np.float32)).all():
            raise node.error("the constant holds NaN or infinity", "export the model again with finite numbers")
        return emit_scale(node, node.add_constant(codes.view(np.uint8), type_), parameters.scale)
    codes = codes.astype(np.int64)
    if zero_point.any() and codes.size:
        codes = codes - zero_point
        type_ = fixed_type(IntRange(int(codes.min()), int(codes.max())))
    return emit_codes_times_scale(node, codes, type_, parameters.scale)


def _numbers_of(codes: Array, parameters: Parameters) -> Array:
    """The float32 numbers that codes stand for, as ONNX computes them."""
    differences = codes.astype(np.float32) - parameters.zero_point.astype(np.float32)
    return differences * parameters.scale.astype(np.float32)


# scale and zero point


def constant_parameters(
    node: Node,
    type_: FixedType | UFixedType | FloatType,
    shape: tuple[int, ...],
    inputs: tuple[int, int] = (1, 2),
    axis: int | None = None,
) -> Parameters:
    """Constant scale (float32) and zero point (int64), shaped to broadcast against codes of a shape.

    Args: inputs: where the node has scale and zero point.   axis: along which they vary; default the attribute.
    """
    scale = _along_axis(node, node.constant_numbers(inputs[0], "the scale"), shape, axis)
    check_scale(node, scale, shape)
    zero_point = np.zeros((), np.int64)
    if node.has_input(inputs[1]):
        given = node.constant(inputs[1], "the zero point")
        code_type_named(node, given.dtype.name)
        zero_point = _along_axis(node, given.astype(np.float32).astype(np.int64), shape, axis)
        check_fits(node, zero_point, shape, "zero point")
    return Parameters(scale, zero_point, type_)


def _along_axis(node: Node, parameter: Array, shape: tuple[int, ...], axis: int | None) -> Array:
    """A parameter of one axis, or of blocks along it, as a parameter of the whole rank."""
    if parameter.size == 1:
        return parameter.reshape(())
    block = node.integer("block_size", 0)
    if parameter.ndim != 1 and not block:
        return parameter
    if axis is None:
        axis = node.integer("axis", 1 if len(shape) > 1 else 0)
    axis = node.axis(axis, len(shape))
    if not block:
        return parameter.reshape((1,) * axis + parameter.shape + (1,) * (len(shape) - axis - 1))
    blocks = (*shape[:axis], -(-shape[axis] // max(block, 1)), *shape[axis + 1 :])
    if block < 0 or parameter.shape != blocks:
        what = f"parameters of shape {list(parameter.shape)} for blocks of {block}"
        raise node.error(what, f"give it the shape {list(blocks)}")
    return parameter.repeat(block, axis).take(range(shape[axis]), axis)


def _code_type(node: Node) -> FixedType | UFixedType | FloatType:
    """What a QuantizeLinear gives: the type of its zero point, else `output_dtype`, else uint8."""
    given = node.integer("output_dtype", 0)
    named = TYPE_NAMES.get(given or 2, f"number {given}")
    if not node.has_input(2):
        name = named
    else:
        zero_point = node.value(2)
        if isinstance(zero_point, np.ndarray):
            name = zero_point.dtype.name
        elif given:
            name = named
        else:
            type_ = element_type(node.operand(2))
            if not isinstance(type_, FixedType | UFixedType):
                raise node.error("the zero point holds no integers", "give it the type of the codes")
            return type_
    type_ = code_type_named(node, name)
    if not isinstance(type_, FloatType) and type_.format.word_length > LARGEST_QUANTIZED_BITS:
        raise node.error(f"codes of type {name} are not supported", "quantise to at most 16 bits")
    return type_


def code_type_named(node: Node, name: str) -> FixedType | UFixedType | FloatType:
    type_ = integer_type(name) or float_type(name)
    if not isinstance(type_, FixedType | UFixedType | FloatType):
        raise node.error(f"codes of type {name} are not supported", "quantise to integers or float8")
    return type_


def _check_product(node: Node, parameters: Parameters) -> None:
    """QoptError if ONNX rounds the numbers to a shorter float than float32 and that changes them."""
    given = node.integer("output_dtype", 0)
    name = TYPE_NAMES.get(given, str(given)) if given else node.constant(1, "the scale").dtype.name
    if name == "float32" or (not given and name not in _SHORT_FLOATS):
        return
    mantissas, exponents = np.frexp(parameters.scale.astype(np.float64))
    digits, normal = _SHORT_FLOATS.get(name, (0, range(0)))
    length = parameters.type.format.word_length + bool(parameters.zero_point.any())
    largest = int(exponents.max()) - 1 + length
    if (mantissas != 0.5).any() or length > digits or int(exponents.min()) - 1 not in normal or largest not in normal:
        raise node.error(f"numbers rounded to {name} are not supported", "give the scale in float32")


# scale or zero point computed by the network


def _is_constant(node: Node, index: int) -> bool:
    return not node.has_input(index) or isinstance(node.value(index), np.ndarray)


def _dynamic_codes(node: Node, type_: FixedType | UFixedType | FloatType) -> SSAValue:
    """`saturate(round(x / scale) + zero_point)` with a scale or zero point that is no constant."""
    if isinstance(type_, FloatType):
        raise node.error("float codes with a computed scale are not supported", "quantise with a constant scale")
    x = _number_operand(node)
    quotient = node.emit(DivOp(x, _dynamic_parameter(node, 1)))
    if not node.has_input(2):
        return node.emit_integer(QuantizeOp(quotient, type_), type_)
    reach = type_.format.word_length + 2  # codes beyond this saturate with every zero point
    codes = node.emit(QuantizeOp(quotient, FixedType(reach)))
    return node.emit_integer(QuantizeOp(node.emit(AddOp(codes, _dynamic_parameter(node, 2))), type_), type_)


def _dynamic_numbers(node: Node) -> SSAValue:
    codes = node.operand(0)
    if not is_integer_type(element_type(codes)):
        raise node.error("the input holds no integer codes", "put a QuantizeLinear in front of it")
    if node.has_input(2):
        codes = node.emit(SubOp(codes, _dynamic_parameter(node, 2)))
    return node.emit(MulOp(codes, _dynamic_parameter(node, 1)))


def _dynamic_parameter(node: Node, index: int) -> SSAValue:
    """Scale or zero point, shaped to broadcast against the node's first input."""
    value, rank = node.operand(index), len(node.shape(0))
    shape = shape_of(value)
    if node.integer("block_size", 0):
        raise node.error("blocks with a computed scale are not supported", "quantise with a constant scale")
    if shape in ((), (1,)):
        return node.emit(ReshapeOp(value, ())) if shape else value
    axis = node.axis(node.integer("axis", 1 if rank > 1 else 0), rank)
    return node.emit(ReshapeOp(value, (*shape, *(1,) * (rank - axis - 1)))) if len(shape) == 1 else value


def _number_operand(node: Node) -> SSAValue:
    """The tensor to be quantised: float32 or int32 numbers."""
    return node.operand(0) if isinstance(node.value(0), SSAValue) else node.number_operand(0)
