# SPDX-License-Identifier: Apache-2.0
"""QONNX quantisers: Quant (IntQuant), BipolarQuant, Trunc."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.formats import Rounding
from ....qdialect.q import MulOp, QuantizeOp
from ....qdialect.types import BipolarType, FixedType, UFixedType
from ..model import Array, scalar_of
from ..node import Node
from ..quantizer import (
    Codes,
    bit_width,
    check_fits,
    check_scale,
    emit_codes,
    emit_dequantizer,
    emit_quantizer,
    emit_scale,
    power_of_two,
)
from ..registry import QONNX_DOMAINS, importer

ROUNDING_MODES = {"ROUND": Rounding.HALF_EVEN, **{mode.name: mode for mode in Rounding}}


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
    dropped = power_of_two(scalar_of(output_scale.astype(np.float64) / scale))
    if dropped is None or not 0 <= dropped < _CODE_BITS:
        raise node.error("the output scale is no power of two times the scale", "correct the output scale")
    bits = bit_width(node, node.constant_numbers(5, "the output bit width"))
    type_ = (FixedType if node.integer("signed", 1) else UFixedType)(bits)
    narrow = bool(node.integer("narrow", 0)) and bits > 1
    kept = node.emit(QuantizeOp(_shifted(node, scale, zero_point, dropped), type_, rounding, narrow=narrow))
    return emit_dequantizer(node, kept, output_scale, zero_point / np.float32(2**dropped))


def _shifted(node: Node, scale: Array, zero_point: Array, dropped: int) -> SSAValue:
    """The input's codes as fixed-point numbers with `dropped` fraction bits."""
    codes = emit_codes(node, node.number_operand(0), scale, zero_point, Codes(FixedType(_CODE_BITS)))
    if not dropped:
        return codes
    return node.emit(MulOp(codes, node.add_constant(np.ones((), np.int8), UFixedType(1, dropped))))


def _flag(node: Node, name: str) -> bool:
    value = node.integer(name)
    if value not in (0, 1):
        raise node.error(f"attribute '{name}' is {value}", "write 0 or 1")
    return bool(value)


def _rounding(node: Node, default: str) -> Rounding:
    mode = node.text("rounding_mode", default)
    if mode.upper() not in ROUNDING_MODES:
        raise node.error(f"unknown rounding mode '{mode}'", f"write one of {', '.join(ROUNDING_MODES)}")
    return ROUNDING_MODES[mode.upper()]
