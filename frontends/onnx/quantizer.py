# SPDX-License-Identifier: Apache-2.0
"""From a scale, a zero point and a range of codes to q ops: what all quantiser ops of ONNX share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ...qdialect.formats import IntRange, Rounding
from ...qdialect.q import AddOp, ClipOp, DivOp, MulOp, QuantizeOp, SubOp
from ...qdialect.types import BipolarType, FixedType, UFixedType, fixed_type
from .model import Array, scalar_of
from .node import Node

MAX_BITS = 64


@dataclass(frozen=True)
class Codes:
    """The integer codes of a quantiser: a type and whether its lowest (unsigned: highest) code is unused.

    `clip` bounds the scaled number where the codes are fewer than the type has.
    """

    type: FixedType | UFixedType | BipolarType
    narrow: bool = False
    clip: IntRange | None = None


def codes_of_range(range_: IntRange) -> Codes:
    """The narrowest type that holds the codes, with a clip where narrow range does not say it."""
    type_ = fixed_type(range_)
    full = type_.format.code_range
    if range_ == full:
        return Codes(type_)
    narrow = IntRange(full.lo + 1, full.hi) if range_.signed else IntRange(full.lo, max(full.hi - 1, 0))
    return Codes(type_, True) if range_ == narrow else Codes(type_, False, range_)


def emit_quantizer(
    node: Node, x: SSAValue, scale: Array, zero_point: Array, codes: Codes, rounding: Rounding = Rounding.HALF_EVEN
) -> SSAValue:
    """`(quantize(x / scale + zero_point) - zero_point) * scale`, each step in float32, as QONNX orders them.

    One power of two as the scale, without a zero point, becomes the type's fraction bits, and nothing else is left.
    """
    exponent = power_of_two(scalar_of(scale))
    if exponent is not None and not zero_point.any() and not isinstance(codes.type, BipolarType):
        type_ = type(codes.type)(codes.type.format.word_length, -exponent)
        if codes.clip is not None:
            x = emit_clip(node, x, codes.clip, exponent)
        return node.emit(QuantizeOp(x, type_, rounding, narrow=codes.narrow))
    return emit_dequantizer(node, emit_codes(node, x, scale, zero_point, codes, rounding), scale, zero_point)


def emit_codes(
    node: Node, x: SSAValue, scale: Array, zero_point: Array, codes: Codes, rounding: Rounding = Rounding.HALF_EVEN
) -> SSAValue:
    """`quantize(x / scale + zero_point)`."""
    if scalar_of(scale) != 1:
        x = node.emit(DivOp(x, scale_constant(node, scale)))
    if zero_point.any():
        x = node.emit(AddOp(x, zero_point_constant(node, zero_point)))
    if codes.clip is not None:
        x = emit_clip(node, x, codes.clip, 0)
    return node.emit(QuantizeOp(x, codes.type, rounding, narrow=codes.narrow))


def emit_dequantizer(node: Node, codes: SSAValue, scale: Array, zero_point: Array) -> SSAValue:
    """`(codes - zero_point) * scale`."""
    if zero_point.any():
        codes = node.emit(SubOp(codes, zero_point_constant(node, zero_point)))
    return emit_scale(node, codes, scale)


def emit_clip(node: Node, x: SSAValue, range_: IntRange, exponent: int) -> SSAValue:
    """`x` bounded to `range_ * 2**exponent`, in float32."""
    low, high = (np.asarray(bound * 2.0**exponent, np.float32) for bound in (range_.lo, range_.hi))
    return node.emit(ClipOp(x, node.add_constant(low), node.add_constant(high)))


def emit_scale(node: Node, codes: SSAValue, scale: Array) -> SSAValue:
    """`codes * scale`, left out for a scale of one."""
    return codes if scalar_of(scale) == 1 else node.emit(MulOp(codes, scale_constant(node, scale)))


def emit_codes_times_scale(node: Node, codes: Array, type_: Attribute, scale: Array) -> SSAValue:
    """A constant of codes that are already integers, times their scale (a power of two goes into the type)."""
    exponent = power_of_two(scalar_of(scale))
    if exponent is not None and isinstance(type_, FixedType | UFixedType):
        return node.add_constant(codes, type(type_)(type_.format.word_length, -exponent))
    return emit_scale(node, node.add_constant(codes, type_), scale)


def scale_constant(node: Node, scale: Array) -> SSAValue:
    return node.add_constant(short(scale), name=f"{node.name}_scale")


def zero_point_constant(node: Node, zero_point: Array) -> SSAValue:
    return node.add_constant(short(zero_point), name=f"{node.name}_zero_point")


def short(array: Array) -> Array:
    """A parameter that is the same for all elements as a scalar."""
    return array if scalar_of(array) is None else array.reshape(-1)[0].reshape(())


def power_of_two(scale: Any) -> int | None:
    """e if the number is exactly 2**e."""
    if scale is None:
        return None
    mantissa, exponent = math.frexp(scale)
    return exponent - 1 if mantissa == 0.5 else None


def check_scale(node: Node, scale: Array, shape: tuple[int, ...]) -> Array:
    """The scale, if it is finite, positive and fits a tensor of this shape."""
    bad = scale[~(np.isfinite(scale) & (scale > 0))]
    if bad.size:
        mend = "train or export the model again; a scale is a finite positive number"
        raise node.error(f"the quantiser's scale holds {bad.reshape(-1)[0]}", mend)
    check_fits(node, scale, shape, "scale")
    return scale


def check_fits(node: Node, parameter: Array, shape: tuple[int, ...], what: str) -> None:
    """QoptError unless the parameter broadcasts to `shape` without changing it."""
    if parameter.size == 1:
        return
    try:
        if np.broadcast_shapes(parameter.shape, shape) == shape:
            return
    except ValueError:
        pass
    mend = "give one value for the tensor, or one for each channel"
    raise node.error(f"the {what} of shape {list(parameter.shape)} does not fit a tensor of shape {list(shape)}", mend)


def bit_width(node: Node, width: Array) -> int:
    """The number of bits in a quantiser's bit-width input."""
    bits = scalar_of(width)
    if bits is None:
        mend = "give one bit width for the whole tensor"
        raise node.error(f"the bit width of shape {list(width.shape)} is not one number", mend)
    if not float(bits).is_integer() or not 1 <= bits <= MAX_BITS:
        raise node.error(f"the bit width is {bits:g}", f"give a whole number of bits from 1 to {MAX_BITS}")
    return int(bits)
