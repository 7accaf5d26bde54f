# SPDX-License-Identifier: Apache-2.0
"""QONNX quantisers: Quant (IntQuant), BipolarQuant, FloatQuant, Trunc."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.float_formats import encode_exact, value_of
from ....qdialect.formats import Overflow, Rounding
from ....qdialect.q import MulOp, QuantizeOp
from ....qdialect.types import BipolarType, FixedType, FloatType, UFixedType
from ..model import Array, scalar_of
from ..node import Node
from ..quantizer import (
    NO_ZERO_POINT,
    Codes,
    bit_width,
    check_fits,
    check_scale,
    emit_codes,
    emit_dequantizer,
    emit_quantizer,
    emit_scale,
)
from ..registry import QONNX_DOMAINS, importer

ROUNDING_MODES = {
    "ROUND": Rounding.HALF_EVEN,
    "ROUND_TO_ZERO": Rounding.DOWN,  # Brevitas calls it so
    **{mode.name: mode for mode in Rounding},
}


@importer("Quant", "IntQuant", domains=QONNX_DOMAINS)
def import_quant(node: Node) -> SSAValue:
    """One bit and signed is bipolar, as Brevitas exports it."""
    shape = node.shape(0)
    scale = check_scale(node, node.constant_numbers(1, "the scale"), shape)
    zero_point = node.constant_numbers(2, "the zero point")
    check_fits(node, zero_point, shape, "zero point")
    bits = bit_width(node, node.constant_numbers(3, "the bit width"))
    signed, narrow = _flag(node, "signed"), _flag(node, "narrow")
    if bits == 1 and not signed and narrow:
        raise node.error("an unsigned narrow quantiser of one bit has the code 0 only", "give it two bits")
    codes = Codes((FixedType if signed else UFixedType)(bits), narrow)
    if bits == 1 and signed:
        codes = Codes(BipolarType())
    return emit_quantizer(node, node.number_operand(0), scale, zero_point, codes, _rounding(node, "ROUND"))


@importer("BipolarQuant", domains=QONNX_DOMAINS)
def import_bipolar_quant(node: Node) -> SSAValue:
    scale = check_scale(node, node.constant_numbers(1, "the scale"), node.shape(0))
    return emit_scale(node, node.emit(QuantizeOp(node.number_operand(0), BipolarType())), scale)


@importer("FloatQuant", domains=QONNX_DOMAINS)
def import_float_quant(node: Node) -> SSAValue:
    """`quantize(x / scale) * scale` with a float type. Subnormal numbers are always there, as qonnx executes it."""
    scale = check_scale(node, node.constant_numbers(1, "the scale"), node.shape(0))
    exponent_bits, fraction_bits, bias = (
        _whole(node, index, what) for index, what in ((2, "exponent bits"), (3, "mantissa bits"), (4, "exponent bias"))
    )
    largest = scalar_of(node.constant_numbers(5, "the largest number"))
    if not 1 <= exponent_bits <= MAX_EXPONENT_BITS or not 0 <= fraction_bits <= MAX_FRACTION_BITS:
        what = f"a float of {exponent_bits} exponent bits and {fraction_bits} mantissa bits is not supported"
        raise node.error(what, f"use 1 to {MAX_EXPONENT_BITS} and 0 to {MAX_FRACTION_BITS} bits")
    if largest is None or largest <= 0:
        raise node.error("the largest number is not one positive number", "give one for the whole tensor")
    plain = FloatType(exponent_bits, fraction_bits, bias)
    codes = _float_codes(node, plain, Fraction(largest))
    return emit_quantizer(node, node.number_operand(0), scale, NO_ZERO_POINT, codes, _rounding(node, "ROUND"))


MAX_EXPONENT_BITS, MAX_FRACTION_BITS = 8, 23  # those of float32, in which qonnx computes


def _float_codes(node: Node, plain: FloatType, largest: Fraction) -> Codes:
    """The type whose largest number is `largest`; beyond it saturation, or infinity or NaN as the node says."""
    types = {specials: _with_specials(plain, specials) for specials in ("none", "fn", "ieee")}
    numbers = {specials: value_of(type_.format.max_code, type_.format) for specials, type_ in types.items()}
    if not node.integer("saturation", 1):
        special = "ieee" if node.integer("has_inf", 0) else "fn" if node.integer("has_nan", 0) else None
        if special is None or numbers[special] != largest:
            what = f"overflow is not saturated, but {float(largest):g} is not followed by infinity or NaN in the format"
            raise node.error(what, "set saturation = 1, or the largest number of the IEEE or OCP format")
        return Codes(types[special], overflow=Overflow.INFINITY)
    if largest >= numbers["none"]:
        return Codes(plain)
    special = next((name for name in ("fn", "ieee") if numbers[name] == largest), None)
    if special is not None:
        return Codes(types[special])
    code = encode_exact(
        np.array([largest.numerator], dtype=object),
        Fraction(1, largest.denominator),
        plain.format,
        Rounding.HALF_EVEN,
        Overflow.SATURATE,
    )
    if value_of(int(code[0]), plain.format) != largest:
        raise node.error(f"the largest number {float(largest):g} is none of {plain}", "give a number of the format")
    bound = np.asarray(float(largest))
    return Codes(plain, clip=(-bound, bound))


def _with_specials(type_: FloatType, specials: str) -> FloatType:
    return FloatType(type_.exponent_bits.data, type_.fraction_bits.data, type_.bias.data, specials)


def _whole(node: Node, index: int, what: str) -> int:
    number = scalar_of(node.constant_numbers(index, what))
    if number is None or not float(number).is_integer():
        raise node.error(f"{what} are not one whole number", "give one for the whole tensor")
    return int(number)


@importer("Trunc", domains=QONNX_DOMAINS)
def import_trunc(node: Node) -> SSAValue:
    """Drop the lowest bits of codes that are already there.

    Version 1 keeps the input's scale and does not saturate; version 2 (six inputs) names the output's scale.
    """
    shape, names = node.shape(0), ("the scale", "the zero point", "the input bit width")
    scale, zero_point, width = (node.constant_numbers(i + 1, name) for i, name in enumerate(names))
    scale = check_scale(node, scale, shape)
    check_fits(node, zero_point, shape, "zero point")
    rounding = _rounding(node, "FLOOR")
    if node.has_input(5):
        return _trunc_to_scale(node, scale, zero_point, rounding)
    dropped = bit_width(node, width) - bit_width(node, node.constant_numbers(4, "the output bit width"))
    if dropped < 0:
        raise node.error("the output has more bits than the input", "correct the bit widths")
    kept = node.emit(QuantizeOp(_shifted(node, scale, zero_point, dropped), FixedType(_CODE_BITS - dropped), rounding))
    return emit_dequantizer(node, kept, scale, zero_point)


_CODE_BITS = 32  # codes before truncation: wider than any accumulator that float32 holds exactly


def _trunc_to_scale(node: Node, scale: Array, zero_point: Array, rounding: Rounding) -> SSAValue:
    output_scale = check_scale(node, node.constant_numbers(4, "the output scale"), node.shape(0))
    dropped = _nearest_power(scalar_of(output_scale.astype(np.float64) / scale))
    if dropped is None or not -_CODE_BITS < dropped < _CODE_BITS:
        raise node.error("the scales of input and output differ by no common power of two", "correct the output scale")
    bits = bit_width(node, node.constant_numbers(5, "the output bit width"))
    signed, narrow = (_flag(node, name, default) for name, default in (("signed", 1), ("narrow", 0)))
    if narrow and bits == 1:
        raise node.error("a narrow quantiser of one bit has the code 0 only", "give it two bits")
    type_ = (FixedType if signed else UFixedType)(bits)
    kept = node.emit(QuantizeOp(_shifted(node, scale, zero_point, dropped), type_, rounding, narrow=narrow))
    return emit_dequantizer(node, kept, output_scale, zero_point / np.float32(2.0**dropped))


def _nearest_power(ratio: float | None) -> int | None:
    """The e whose 2**e is nearest to the ratio of two float32 scales, if that is all but float32's rounding."""
    if ratio is None:
        return None
    mantissa, exponent = math.frexp(ratio)
    exponent -= mantissa < 0.75
    return exponent if abs(ratio * 2.0**-exponent - 1) < 2.0**-20 else None


def _shifted(node: Node, scale: Array, zero_point: Array, dropped: int) -> SSAValue:
    """The input's codes as fixed-point numbers with `dropped` fraction bits."""
    codes = emit_codes(node, node.number_operand(0), scale, zero_point, Codes(FixedType(_CODE_BITS)))
    if not dropped:
        return codes
    return node.emit(MulOp(codes, node.add_constant(np.ones((), np.int8), UFixedType(1, dropped))))


def _flag(node: Node, name: str, default: int | None = None) -> bool:
    value = node.integer(name, default)
    if value not in (0, 1):
        raise node.error(f"attribute '{name}' is {value}", "write 0 or 1")
    return bool(value)


def _rounding(node: Node, default: str) -> Rounding:
    mode = node.text("rounding_mode", default)
    if mode.upper() not in ROUNDING_MODES:
        raise node.error(f"unknown rounding mode '{mode}'", f"write one of {', '.join(ROUNDING_MODES)}")
    return ROUNDING_MODES[mode.upper()]
