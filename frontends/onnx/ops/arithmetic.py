# SPDX-License-Identifier: Apache-2.0
"""Elementwise arithmetic: Add, Sub, Mul, Div, Pow."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ....qdialect.q import AddOp, BinaryOp, DivOp, MulOp, ReshapeOp, SubOp
from ....qdialect.types import shape_of
from ..model import scalar_of
from ..node import Node
from ..registry import importer

ARITHMETIC: dict[str, type[BinaryOp]] = {"Add": AddOp, "Sub": SubOp, "Mul": MulOp, "Div": DivOp}


@importer(*ARITHMETIC)
def import_arithmetic(node: Node) -> SSAValue:
    lhs, rhs = node.number_operand(0), node.number_operand(1)
    return node.emit(ARITHMETIC[node.definition.op_type](lhs, _aligned(node, lhs, rhs)))


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
