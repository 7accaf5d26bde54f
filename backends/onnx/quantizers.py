# SPDX-License-Identifier: Apache-2.0
"""Quantisers in the two styles of file: the custom nodes of QONNX, or QCDQ (QuantizeLinear, Clip, DequantizeLinear).

Both saturate. QONNX knows all rounding modes and words of any width; QCDQ rounds to nearest-even and has 8 bits. What a
style cannot say is written as arithmetic: Mul, Round (Floor, ...), Clip, Mul. Where the arithmetic needs float64, or
another rounding, that comes first, and the quantiser of the style behind it changes no number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from ...qdialect.attrs import Array, DenseAttr
from ...qdialect.float_formats import value_of
from ...qdialect.formats import BipolarFormat, FixedFormat, FloatFormat, IntRange, Overflow, Rounding
from ...qdialect.q import AddOp, DivOp, MulOp, QuantizeOp, SubOp
from ...qdialect.q.inference import constant_of
from ...qdialect.rounding import saturation_range
from ...qdialect.types import BipolarType, element_type, integer_format, is_f32, is_integer_type, shape_of
from .context import Context, Style
from .graph import QONNX_DOMAIN, Tensor
from .numbers import BOOL, FLOAT32, DType, holds, is_power_in_range, numbers

_QCDQ_BITS = 8  # of the integers that QuantizeLinear gives in the opset written
_QONNX_BITS = 24  # that float32 holds
_HALF_MODES = (Rounding.HALF_UP, Rounding.HALF_DOWN)


@dataclass(frozen=True)
class Codes:
    """The codes of a fixed-point quantiser: a format, its lowest or highest code left out by `narrow`."""

    format: FixedFormat
    narrow: bool = False

    @property
    def range(self) -> IntRange:
        return saturation_range(self.format, self.narrow)


def can_say(style: Style, codes: Codes, rounding: Rounding) -> bool:
    """Whether the style has a quantiser node for these codes and this rounding, on float32 numbers."""
    format_ = codes.format
    if not is_power_in_range(format_.fraction_bits, FLOAT32):
        return False
    if style == "qcdq":
        return format_.word_length <= _QCDQ_BITS and rounding is Rounding.HALF_EVEN
    one_bit = format_.word_length == 1 and (format_.signed or codes.narrow)  # QONNX: bipolar, or nothing
    return format_.word_length <= _QONNX_BITS and not one_bit


def quantizer_node(
    out: Context, x: Tensor, codes: Codes, rounding: Rounding, scale: Array, zero_point: Array | None = None
) -> Tensor:
    """`(clip(round(x / scale + zero point)) - zero point) * scale` in the style of the file, for what it `can_say`."""
    if out.style == "qcdq":
        assert zero_point is None
        return _qcdq(out, x, codes, scale)
    zero = np.zeros((), np.float32) if zero_point is None else zero_point
    width = np.asarray(codes.format.word_length, np.float32)
    inputs = (out.plain(scale, "scale"), out.plain(zero, "zero_point"), out.plain(width, "bit_width"))
    mode = "ROUND" if rounding is Rounding.HALF_EVEN else rounding.name
    options = {"signed": int(codes.format.signed), "narrow": int(codes.narrow), "rounding_mode": mode}
    return out.node("Quant", x, *inputs, shape=x.shape, domain=QONNX_DOMAIN, attributes=options)


def _qcdq(out: Context, x: Tensor, codes: Codes, scale: Array) -> Tensor:
    dtype = np.dtype(np.int8 if codes.format.signed else np.uint8)
    axis = _quantization_axis(scale, len(x.shape))
    options = {} if axis is None else {"axis": axis}
    scale = scale.reshape(-1 if axis is not None else ())
    parameters = (out.plain(scale, "scale"), out.plain(np.zeros(scale.shape, dtype), "zero_point"))
    stored = out.node("QuantizeLinear", x, *parameters, shape=x.shape, dtype=dtype, attributes=options)
    range_ = codes.range
    if range_ != saturation_range(FixedFormat(_QCDQ_BITS, signed=codes.format.signed), narrow=False):
        bounds = [out.plain(np.asarray(bound, dtype)) for bound in (range_.lo, range_.hi)]
        stored = out.node("Clip", stored, *bounds)
    return out.node("DequantizeLinear", stored, *parameters, shape=x.shape, dtype=FLOAT32, attributes=options)


def _quantization_axis(scale: Array, rank: int) -> int | None:
    """The axis along which a scale differs; None for a single number."""
    shape = (1,) * (rank - scale.ndim) + scale.shape
    return next((axis for axis, size in enumerate(shape) if size != 1), None)


def float_quantizer_node(out: Context, x: Tensor, format_: FloatFormat, rounding: Rounding, saturate: bool) -> Tensor:
    """QONNX's FloatQuant, of scale 1."""
    described = {
        "scale": 1,
        "exponent_bits": format_.exponent_bits,
        "mantissa_bits": format_.fraction_bits,
        "exponent_bias": format_.bias,
        "max_val": float(value_of(format_.max_code, format_)),
    }
    inputs = [out.plain(np.asarray(value, np.float32), name) for name, value in described.items()]
    options = {
        "has_inf": int(format_.infinity_code is not None),
        "has_nan": int(format_.nan_code is not None),
        "has_subnormal": int(format_.subnormals),
        "saturation": int(saturate),
        "rounding_mode": "ROUND" if rounding is Rounding.HALF_EVEN else rounding.name,
    }
    return out.node("FloatQuant", x, *inputs, shape=x.shape, domain=QONNX_DOMAIN, attributes=options)


def bipolar_node(out: Context, x: Tensor, scale: Array) -> Tensor:
    """`scale` where x >= 0, else `-scale`."""
    if out.style == "qonnx" and x.dtype == FLOAT32:
        return out.node("BipolarQuant", x, out.plain(scale, "scale"), shape=x.shape, domain=QONNX_DOMAIN)
    positive = out.node("GreaterOrEqual", x, out.number(0, x), dtype=BOOL)
    ends = (out.plain(scale.astype(x.dtype), "positive"), out.plain(-scale.astype(x.dtype), "negative"))
    return out.node("Where", positive, *ends, dtype=x.dtype)


# constants


def quantized_constant(out: Context, constant: DenseAttr, dtype: DType, name: str) -> Tensor:
    """A constant as a tensor; one of an integer type behind the nodes that say this type.

    QCDQ stores integer codes behind a DequantizeLinear, QONNX numbers behind a Quant that changes none.
    """
    type_, graph = constant.type.element_type, out.graph
    if dtype != FLOAT32 and is_integer_type(type_) and _fits_float32(constant):
        return graph.cast(quantized_constant(out, constant, FLOAT32, name), dtype)
    if dtype != FLOAT32 or not is_integer_type(type_):
        return graph.constant(numbers(constant, dtype), name if dtype == FLOAT32 else f"{name}_float64")
    inner = Context(out.op, out.scope)
    inner.name = name
    format_ = integer_format(type_)
    quantum = np.asarray(2.0**-format_.fraction_bits, np.float32)
    if out.style == "qcdq":
        codes = _stored_codes(constant.array)
        parameters = (inner.plain(quantum, "scale"), inner.plain(np.zeros((), codes.dtype), "zero_point"))
        stored = graph.constant(codes, f"{name}_codes")
        tensor = inner.node("DequantizeLinear", stored, *parameters, shape=codes.shape, dtype=FLOAT32)
    else:
        stored = graph.constant(numbers(constant, FLOAT32), f"{name}_numbers")
        if isinstance(format_, BipolarFormat):
            tensor = bipolar_node(inner, stored, quantum)
        elif can_say(out.style, Codes(format_), Rounding.HALF_EVEN):
            tensor = quantizer_node(inner, stored, Codes(format_), Rounding.HALF_EVEN, quantum)
        else:
            return stored
    inner.name_nodes()
    return graph.rename(tensor, graph.values.unique(name), inner.nodes)


def _fits_float32(constant: DenseAttr) -> bool:
    return holds(FLOAT32, constant.extremes, integer_format(constant.type.element_type).fraction_bits)


def _stored_codes(codes: Array) -> Array:
    """Codes below 2^24 in a type that DequantizeLinear reads."""
    low, high = int(codes.min()), int(codes.max())
    if -128 <= low and high <= 127:
        return codes.astype(np.int8)
    return codes.astype(np.uint8 if low >= 0 and high <= 255 else np.int32)


# quantisers with a scale


@dataclass(frozen=True)
class ScaledQuantizer:
    """`q.div`, `q.quantize`, `q.mul` by the same constant in f32: one quantiser node with a scale, as files have it.

    With a zero point, a `q.add` stands before and a `q.sub` behind the `q.quantize`; to bipolar, no `q.div`.
    """

    source: SSAValue
    quantize: QuantizeOp
    scale: DenseAttr
    zero_point: DenseAttr | None
    parts: tuple[Operation, ...]  # all ops of it, the last of which gives the result

    def export(self, out: Context) -> Tensor:
        x, scale = out.tensor(self.source, FLOAT32), numbers(self.scale, FLOAT32)
        format_ = integer_format(element_type(self.quantize.result))
        if isinstance(format_, BipolarFormat):
            return bipolar_node(out, x, scale)
        zero = None if self.zero_point is None else numbers(self.zero_point, FLOAT32)
        return quantizer_node(out, x, Codes(format_, self.quantize.narrow), self.quantize.rounding, scale, zero)

    def has_node(self, style: Style) -> bool:
        """Whether the style has a node for it."""
        shape, scale = shape_of(self.source), self.scale.array
        format_ = integer_format(element_type(self.quantize.result))
        if shape_of(self.parts[-1].results[0]) != shape or not (scale > 0).all():
            return False
        if isinstance(format_, BipolarFormat):
            return style == "qonnx"
        if style == "qcdq" and (self.zero_point is not None or sum(size != 1 for size in scale.shape) > 1):
            return False
        whole = self.quantize.overflow is Overflow.SATURATE and not format_.fraction_bits
        return whole and can_say(style, Codes(format_, self.quantize.narrow), self.quantize.rounding)


def scaled_quantizers(block: Block, style: Style) -> dict[Operation, ScaledQuantizer | None]:
    """The scaled quantisers of a block at their last op; None at the other ops that they are made of."""
    found: dict[Operation, ScaledQuantizer | None] = {}
    for op in block.ops:
        quantizer = _scaled(op) if isinstance(op, QuantizeOp) else None
        if quantizer is not None and quantizer.has_node(style):
            found.update(dict.fromkeys(quantizer.parts[:-1]))
            found[quantizer.parts[-1]] = quantizer
    return found


def _scaled(quantize: QuantizeOp) -> ScaledQuantizer | None:
    source, codes = quantize.input, quantize.result
    if not is_f32(element_type(source)) or not is_integer_type(element_type(codes)):
        return None
    parts: tuple[Operation, ...] = (quantize,)
    zero_point = None
    add, sub = source.owner, _only_user(codes)
    if isinstance(add, AddOp) and isinstance(sub, SubOp) and sub.lhs is codes and _only_user(add.result) is quantize:
        zero_point = constant_of(add.rhs)
        if zero_point is None or constant_of(sub.rhs) != zero_point:
            return None
        source, codes, parts = add.lhs, sub.result, (add, quantize, sub)
    multiply, divide = _only_user(codes), source.owner
    if not isinstance(multiply, MulOp) or multiply.lhs is not codes or not is_f32(element_type(multiply.result)):
        return None
    scale = constant_of(multiply.rhs)
    if scale is None or not is_f32(scale.type.element_type):
        return None
    if isinstance(element_type(quantize.result), BipolarType):
        return None if zero_point else ScaledQuantizer(source, quantize, scale, None, (*parts, multiply))
    if not isinstance(divide, DivOp) or constant_of(divide.rhs) != scale or _only_user(divide.result) is not parts[0]:
        return None
    return ScaledQuantizer(divide.lhs, quantize, scale, zero_point, (divide, *parts, multiply))


def _only_user(value: SSAValue) -> Operation | None:
    return value.first_use.operation if value.has_one_use() and value.first_use is not None else None
