# SPDX-License-Identifier: Apache-2.0
"""Ops that onnxruntime makes of several: FusedConv, FusedMatMul."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import SSAValue

from ....qdialect.q import AddOp, ClipOp, MatMulOp, MulOp, PReluOp, QuantizeOp, ReluOp, SigmoidOp, TanhOp
from ....qdialect.types import element_type, is_f32, shape_of
from ..node import Node
from ..registry import importer
from .convolution import convolved

MICROSOFT = ("com.microsoft",)


@importer("FusedConv", domains=MICROSOFT)
def import_fused_conv(node: Node) -> SSAValue:
    """A convolution, the fourth input added to it, and an activation."""
    result = convolved(node)
    if node.has_input(3):
        result = node.emit(AddOp(result, node.operand_beside(3, result)))
    name = node.text("activation", "")
    if name and name not in _ACTIVATIONS:
        raise node.error(f"the activation {name} is not supported", f"use {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name](node, result) if name else result


def _float32(node: Node, x: SSAValue) -> SSAValue:
    return x if is_f32(element_type(x)) else node.emit(QuantizeOp(x, Float32Type()))


def _parameter(node: Node, index: int) -> SSAValue:
    parameters = node.number_list("activation_params")
    if index >= len(parameters):
        raise node.error("attribute 'activation_params' is missing", "export the model again")
    return node.add_constant(np.asarray(parameters[index], np.float32))


_ACTIVATIONS: dict[str, Callable[[Node, SSAValue], SSAValue]] = {
    "Relu": lambda node, x: node.emit(ReluOp(x)),
    "LeakyRelu": lambda node, x: node.emit(PReluOp(x, _parameter(node, 0))),
    "Clip": lambda node, x: node.emit(ClipOp(x, _parameter(node, 0), _parameter(node, 1))),
    "Sigmoid": lambda node, x: node.emit(SigmoidOp(_float32(node, x))),
    "Tanh": lambda node, x: node.emit(TanhOp(_float32(node, x))),
}


@importer("FusedMatMul", domains=MICROSOFT)
def import_fused_mat_mul(node: Node) -> SSAValue:
    """`alpha * A' @ B'`, the last two axes of A' and B' transposed as the attributes say."""
    for flag in ("transBatchA", "transBatchB"):
        if node.integer(flag, 0):
            raise node.error(f"attribute '{flag}' is not supported", "export the model without this fusion")
    flags = (node.integer("transA", 0), node.integer("transB", 0))
    operands = node.matching_operands(0, 1)
    lhs, rhs = (_turned(node, x) if flag else x for flag, x in zip(flags, operands, strict=True))
    result = node.emit(MatMulOp(lhs, rhs))
    alpha = np.asarray(node.number("alpha", 1.0), np.float32)
    return result if alpha == 1 else node.emit(MulOp(result, node.constant_beside(result, alpha)))


def _turned(node: Node, value: SSAValue) -> SSAValue:
    rank = len(shape_of(value))
    return value if rank < 2 else node.transposed(value, (*range(rank - 2), rank - 1, rank - 2))
