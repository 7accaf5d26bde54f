# SPDX-License-Identifier: Apache-2.0
"""Matrix products: MatMul, Gemm."""

from __future__ import annotations

import math

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import AddOp, MatMulOp, MulOp
from ....qdialect.types import shape_of
from ..node import Node
from ..registry import importer


@importer("MatMul")
def import_mat_mul(node: Node) -> SSAValue:
    if not node.shape(0) or not node.shape(1):
        raise node.error("an operand is a single number, not a matrix", "multiply with Mul, or reshape it")
    lhs, rhs = node.matching_operands(0, 1)
    return node.emit(MatMulOp(lhs, rhs))


@importer("Gemm")
def import_gemm(node: Node) -> SSAValue:
    """`alpha * A' B' + beta * C`; A' and B' are transposed as the attributes say."""
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if not (math.isfinite(alpha) and math.isfinite(beta)):
        raise node.error("alpha or beta is not finite", "export the model again")
    flags = ("transA", "transB")
    lhs, rhs = (_matrix(node, i, value, flags[i]) for i, value in enumerate(node.matching_operands(0, 1)))
    result = node.emit(MatMulOp(lhs, rhs))
    if alpha != 1:
        result = node.emit(MulOp(result, node.constant_beside(result, np.asarray(alpha, np.float32))))
    if not node.has_input(2) or beta == 0:
        return result
    return node.emit(AddOp(result, _addend(node, beta, result)))


def _matrix(node: Node, index: int, value: SSAValue, flag: str) -> SSAValue:
    if len(shape_of(value)) != 2:
        raise node.error(f"operand {index} of shape {list(shape_of(value))} is not a matrix", "reshape it")
    return node.transposed(value, (1, 0)) if node.integer(flag, 0) else value


def _addend(node: Node, beta: float, product: SSAValue) -> SSAValue:
    value = node.value(2)
    given, shape = node.shape(2), shape_of(product)
    try:
        fits = np.broadcast_shapes(given, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise node.error(f"the bias of shape {list(given)} does not fit a result of shape {list(shape)}", "reshape it")
    if beta == 1:
        return node.operand_beside(2, product)
    factor = np.asarray(beta, np.float32)
    if isinstance(value, np.ndarray):
        addend = node.constant_numbers(2, "the bias") * factor
        return node.constant_beside(product, addend, node.input_name(2))
    addend = node.number_operand(2)
    return node.emit(MulOp(addend, node.constant_beside(addend, factor)))
