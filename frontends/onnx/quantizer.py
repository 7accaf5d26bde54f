# SPDX-License-Identifier: Apache-2.0
"""From a scale, a zero point and a range of codes to q ops: what all quantiser ops of ONNX share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ...qdialect.formats import IntRange, Overflow, Rounding
from ...qdialect.q import AddOp, ClipOp, DivOp, MulOp, QuantizeOp, SubOp
from ...qdialect.types import BipolarType, FixedType, FloatType, UFixedType, fixed_type
from .model import Array, scalar_of
from .node import Node

MAX_BITS = 64
NO_ZERO_POINT = np.zeros((), np.float32)


@dataclass(frozen=True)
class Codes:
    """The codes of a quantiser: a type and whether its lowest (unsigned: highest) code is unused.

    `clip` are the bounds of the scaled number where the codes are fewer than the type has; they broadcast.
    """

    type: FixedType | UFixedType | BipolarType | FloatType
    narrow: bool = False
    clip: tuple[Array, Array] | None = None
    overflow: Overflow = Overflow.SATURATE


def codes_of_range(range_: IntRange) -> Codes:
    """The narrowest type that holds the codes, with a clip where narrow range does not say it."""
    type_ = fixed_type(range_)
    full = type_.format.code_range
    if range_ == full:
        return Codes(type_)
    narrow = IntRange(full.lo + 1, full.hi) if range_.signed else IntRange(full.lo, max(full.hi - 1, 0))
    if range_ == narrow:
        return Codes(type_, True)
    return Codes(type_, False, (np.asarray(range_.lo), np.asarray(range_.hi)))


def codes_of_bounds(low: Array, high: Array) -> Codes:
    """The same for bounds that differ between channels: the type holds them all, a clip keeps them apart."""
    lowest, highest = scalar_of(low), scalar_of(high)
    if lowest is not None and highest is not None:
        return codes_of_range(IntRange(lowest, highest))
    return Codes(fixed_type(IntRange(int(low.min()), int(high.max()))), False, (low, high))


def emit_quantizer(
    node: Node, x: SSAValue, scale: Array, zero_point: Array, codes: Codes, rounding: Rounding = Rounding.HALF_EVEN
) -> SSAValue:
    """`(quantize(x / scale + zero_point) - zero_point) * scale`, each step in float32, as QONNX orders them.

    One power of two as the scale, without a zero point, becomes the type's fraction bits, and nothing else is left.
    """
    if zero_point.any():
        return emit_dequantizer(node, emit_codes(node, x, scale, zero_point, codes, rounding), scale, zero_point)
    quanta = emit_quanta(node, x, scale, codes, rounding)
    return quanta if fraction_bits_of(scale, codes.type) is not None else emit_scale(node, quanta, scale)


def emit_quanta(
    node: Node, x: SSAValue, scale: Array, codes: Codes, rounding: Rounding = Rounding.HALF_EVEN
) -> SSAValue:
    """`quantize(x / scale)`; times the scale if that goes into the type (see `fraction_bits_of`)."""
    fraction_bits = fraction_bits_of(scale, codes.type)
    if fraction_bits is None or not isinstance(codes.type, FixedType | UFixedType):
        return emit_codes(node, x, scale, NO_ZERO_POINT, codes, rounding)
    type_ = type(codes.type)(codes.type.format.word_length, fraction_bits)
    if codes.clip is not None:
        x = emit_clip(node, x, codes.clip, -fraction_bits)
    return node.emit(QuantizeOp(x, type_, rounding, codes.overflow, codes.narrow))


def fraction_bits_of(scale: Array, type_: Attribute) -> int | None:
    """The fraction bits that say one power of two as the scale of fixed-point codes; None for other scales."""
    exponent = power_of_two(scalar_of(scale)) if isinstance(type_, FixedType | UFixedType) else None
    return None if exponent is None else -exponent


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
    return node.emit(QuantizeOp(x, codes.type, rounding, codes.overflow, codes.narrow))


def emit_dequantizer(node: Node, codes: SSAValue, scale: Array, zero_point: Array) -> SSAValue:
    """`(codes - zero_point) * scale`."""
    if zero_point.any():
        codes = node.emit(SubOp(codes, zero_point_constant(node, zero_point)))
    return emit_scale(node, codes, scale)


def emit_clip(node: Node, x: SSAValue, bounds: tuple[Array, Array], exponent: int) -> SSAValue:
    """`x` bounded to `bounds * 2**exponent`."""
    low, high = (node.constant_beside(x, short(np.ldexp(bound.astype(np.float32), exponent))) for bound in bounds)
    return node.emit(ClipOp(x, low, high))


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
