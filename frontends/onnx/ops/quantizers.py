# SPDX-License-Identifier: Apache-2.0
"""QONNX quantisers: Quant (IntQuant), BipolarQuant."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ....qdialect.formats import Rounding
from ....qdialect.q import QuantizeOp
from ....qdialect.types import BipolarType, FixedType, UFixedType
from ..node import Node
from ..quantizer import Codes, bit_width, check_fits, check_scale, emit_quantizer, emit_scale
from ..registry import QONNX_DOMAINS, importer

ROUNDING_MODES = {"ROUND": Rounding.HALF_EVEN, **{mode.name: mode for mode in Rounding}}


@importer("Quant", "IntQuant", domains=QONNX_DOMAINS)
def import_quant(node: Node) -> SSAValue:
    """One bit and signed is bipolar, as Brevitas exports it."""
    shape = node.shape(0)
    scale = check_scale(node, node.constant_numbers(1, "the scale"), shape)
    zero_point = node.constant_numbers(2, "the zero point")
    check_fits(node, zero_point, shape, "zero point")
    bits = bit_width(node, node.constant(3, "the bit width"))
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


