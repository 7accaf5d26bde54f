# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear; between them, perhaps, Clip: the QCDQ and QDQ forms of one quantiser.

ONNX rounds first and then adds the zero point: `clip(round(x / s) + z, lo, hi)`, where QONNX's Quant rounds
`x / s + z`; the two differ at ties. So a quantiser with a zero point is written as
`round(clip(x / s, lo - z, hi - z)) * s`, which is the same number in float32 and has no zero point left.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import AddOp, QuantizeOp, SubOp
from ....qdialect.types import FixedType, UFixedType, element_type, fixed_type, is_integer_type
from ..datatypes import integer_type
from ..model import Array, scalar_of
from ..node import Deferred, Node
from ..quantizer import (
    Codes,
    check_fits,
    check_scale,
    codes_of_range,
    emit_codes,
    emit_codes_times_scale,
    emit_quantizer,
    emit_scale,
    short,
)
from ..registry import importer

NO_ZERO_POINT = np.zeros((), np.float32)


@dataclass
class QuantizedValue(Deferred):
    """The codes of a QuantizeLinear `node`, not written yet: what they become depends on who dequantises them.

    `scale` broadcasts against `source`. `range` are the codes that saturation and a Clip have left.
    """

    node: Node
    source: SSAValue
    scale: Array
    zero_point: int
    type: FixedType | UFixedType
    range: IntRange
    _codes: SSAValue | None = field(default=None, init=False)
    _numbers: SSAValue | None = field(default=None, init=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape(0)

    def clipped(self, low: int | None, high: int | None) -> QuantizedValue | None:
        """The codes behind a Clip; None if it leaves no code."""
        lo = self.range.lo if low is None else max(low, self.range.lo)
        hi = self.range.hi if high is None else min(high, self.range.hi)
        return replace(self, range=IntRange(lo, hi)) if lo <= hi else None

    def numbers(self, node: Node) -> SSAValue:
        """The numbers that the codes stand for, written (once) at `node`, the DequantizeLinear."""
        if self._numbers is None:
            self._numbers = emit_quantizer(node, self.source, self.scale, NO_ZERO_POINT, self._centred)
        return self._numbers

    def materialise(self) -> SSAValue:
        if self._codes is None:
            codes = emit_codes(self.node, self.source, self.scale, NO_ZERO_POINT, self._centred)
            if self.zero_point:
                codes = self.node.emit(AddOp(codes, integer_constant(self.node, np.asarray(self.zero_point))))
            if element_type(codes) != self.type:
                codes = self.node.emit(QuantizeOp(codes, self.type))
            self.node.builder.integers.add(codes)
            self._codes = codes
        return self._codes

    @property
    def _centred(self) -> Codes:
        """The codes less the zero point."""
        return codes_of_range(IntRange(self.range.lo - self.zero_point, self.range.hi - self.zero_point))


@importer("QuantizeLinear")
def import_quantize_linear(node: Node) -> QuantizedValue:
    scale, zero_point = _parameters(node)
    zero = scalar_of(zero_point)
    if zero is None:
        raise node.error("the zero points of the channels differ", "quantise with one zero point for the tensor")
    type_ = integer_type(_code_type_name(node, zero_point))
    if not isinstance(type_, FixedType | UFixedType):
        raise node.error(f"codes of type {_code_type_name(node, zero_point)} are not supported", "quantise to integers")
    source = node.number_operand(0)
    return QuantizedValue(node, source, scale, zero, type_, type_.format.code_range)


@importer("DequantizeLinear")
def import_dequantize_linear(node: Node) -> SSAValue:
    scale, zero_point = _parameters(node)
    value = node.value(0)
    if isinstance(value, np.ndarray):
        return _dequantized_constant(node, value, scale, zero_point)
    if isinstance(value, QuantizedValue):
        if np.array_equal(short(value.scale), short(scale)) and bool(np.all(zero_point == value.zero_point)):
            return value.numbers(node)
    codes = node.operand(0)
    if not is_integer_type(element_type(codes)):
        raise node.error("the input holds no integer codes", "put a QuantizeLinear in front of it")
    if zero_point.any():
        codes = node.emit(SubOp(codes, integer_constant(node, zero_point)))
    return emit_scale(node, codes, scale)


def _dequantized_constant(node: Node, codes: Array, scale: Array, zero_point: Array) -> SSAValue:
    type_ = integer_type(codes.dtype.name)
    if type_ is None:
        raise node.error(f"codes of type {codes.dtype.name} are not supported", "store integer codes")
    if zero_point.any() and codes.size:
        codes = codes.astype(np.int64) - zero_point
        type_ = fixed_type(IntRange(int(codes.min()), int(codes.max())))
    return emit_codes_times_scale(node, codes, type_, scale)


def _parameters(node: Node) -> tuple[Array, Array]:
    """Scale (float32) and zero point (int64) of the node, shaped to broadcast against its input."""
    shape = node.shape(0)
    if node.integer("block_size", 0):
        raise node.error("blocked quantisation is not supported", "quantise by tensor or by channel")
    scale = _along_axis(node, node.constant_numbers(1, "the scale"), shape)
    check_scale(node, scale, shape)
    zero_point = np.zeros((), np.int64)
    if node.has_input(2):
        given = node.constant(2, "the zero point")
        if integer_type(given.dtype.name) is None:
            raise node.error(f"a zero point of type {given.dtype.name} is not supported", "quantise to integers")
        zero_point = _along_axis(node, given.astype(np.int64), shape)
        check_fits(node, zero_point, shape, "zero point")
    return scale, zero_point


def _along_axis(node: Node, parameter: Array, shape: tuple[int, ...]) -> Array:
    """A parameter of one axis as a parameter of the whole rank."""
    if parameter.size == 1 or parameter.ndim != 1:
        return parameter.reshape(()) if parameter.size == 1 else parameter
    axis = node.axis(node.integer("axis", 1), len(shape))
    return parameter.reshape((1,) * axis + parameter.shape + (1,) * (len(shape) - axis - 1))


def _code_type_name(node: Node, zero_point: Array) -> str:
    if node.has_input(2):
        return node.constant(2, "the zero point").dtype.name
    return {0: "uint8", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 21: "uint4", 22: "int4"}.get(
        node.integer("output_dtype", 0), "of this output_dtype"
    )


def integer_constant(node: Node, numbers: Array) -> SSAValue:
    """A constant of the narrowest integer type."""
    return node.add_constant(numbers, fixed_type(IntRange(int(numbers.min()), int(numbers.max()))))
