# SPDX-License-Identifier: Apache-2.0
"""Elementwise arithmetic: Add, Sub, Mul, Div, Pow."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import AddOp, BinaryOp, DivOp, MulOp, ReshapeOp, SubOp
from ....qdialect.types import element_type, fixed_type, is_integer_type, shape_of
from ..model import Array, scalar_of
from ..node import Node
from ..registry import importer

ARITHMETIC: dict[str, type[BinaryOp]] = {"Add": AddOp, "Sub": SubOp, "Mul": MulOp, "Div": DivOp}
LARGEST_SHIFT = 31  # a power of two as divisor; the codes of its reciprocal fit int64


@importer(*ARITHMETIC)
def import_arithmetic(node: Node) -> SSAValue:
    if node.definition.op_type == "Div":
        return _import_div(node)
    lhs, rhs = node.matching_operands(0, 1)
    return node.emit(ARITHMETIC[node.definition.op_type](lhs, _aligned(node, lhs, rhs)))


def _import_div(node: Node) -> SSAValue:
    """An integer divided by powers of two is a fixed-point number: no bit is lost."""
    lhs, divisor = node.number_operand(0), node.value(1)
    if is_integer_type(element_type(lhs)) and isinstance(divisor, np.ndarray) and divisor.dtype.kind == "f":
        reciprocal = _reciprocal(divisor)
        if reciprocal is not None:
            return node.emit(MulOp(lhs, _aligned(node, lhs, node.add_constant(*reciprocal, node.input_name(1)))))
    return node.emit(DivOp(lhs, _aligned(node, lhs, node.number_operand(1))))


def _reciprocal(divisor: Array) -> tuple[Array, Attribute] | None:
    """Codes and type of `1 / divisor` for powers of two; None for other numbers."""
    mantissas, exponents = np.frexp(divisor.astype(np.float64))
    exponents = exponents - 1
    if not divisor.size or (mantissas != 0.5).any() or np.abs(exponents).max() > LARGEST_SHIFT:
        return None
    fraction_bits = max(int(exponents.max()), 0)
    codes = np.left_shift(np.int64(1), fraction_bits - exponents)
    return codes, fixed_type(IntRange(int(codes.min()), int(codes.max())), fraction_bits)


def _aligned(node: Node, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    """`rhs` shaped for numpy's broadcast: before opset 7, attribute `axis` said where its axes belong."""
    if node.opset >= 7 or not node.integer("broadcast", 0) or not node.has("axis"):
        return rhs
    rank, shape = len(shape_of(lhs)), shape_of(rhs)
    axis = node.axis(node.integer("axis"), rank)
    if axis + len(shape) > rank:
        raise node.error(f"axis {axis} leaves no room for an operand of shape {list(shape)}", "correct the axis")
    return node.emit(ReshapeOp(rhs, (*shape, *(1,) * (rank - axis - len(shape)))))


@importer("Pow")
def import_pow(node: Node) -> SSAValue:
    """The powers that are arithmetic: 1 and 2."""
    exponent = scalar_of(node.constant_numbers(1, "the exponent"))
    base = node.number_operand(0)
    if exponent == 1:
        return base
    if exponent == 2:
        return node.emit(MulOp(base, base))
    shown = "that differs between elements" if exponent is None else f"{exponent:g}"
    raise node.error(f"an exponent {shown} is not supported", "use the exponent 1 or 2, or a constant base")
