# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.matmul`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...formats import IntRange
from ...q import MatMulOp
from ...types import element_type, is_f32, shape_of
from ..operands import Operand, exact, float32
from ..products import Product, weighted_range
from ..registry import Compiled, Kernel, meaning
from ..values import FLOAT32, Array, Numbers, carrier, product

FEW_ROWS = 16  # of a product: a call of numpy more is felt


@meaning(MatMulOp)
def matmul(op: MatMulOp, operands: Sequence[Numbers]) -> Compiled:
    shape = shape_of(op.result)
    if is_f32(element_type(op.result)):
        lhs, rhs = (float32(numbers) for numbers in operands)
        return [Numbers(element_type(op.result), shape, FLOAT32)], product_kernel(lhs, rhs, shape)
    lhs, rhs = (exact(numbers) for numbers in operands)
    range_ = dot_range(lhs, rhs)
    dtype = carrier(lhs.range, rhs.range, range_)  # holds every partial sum: BLAS may add in any order
    result = Numbers(element_type(op.result), shape, dtype, lhs.scale * rhs.scale, range_)
    return [result], product_kernel(lhs.as_dtype(dtype), rhs.as_dtype(dtype), shape)


def dot_range(lhs: Operand, rhs: Operand) -> IntRange:
    """Hull of 0 and all partial sums of the dot products; tight for each vector of a constant side."""
    if rhs.constant is not None:
        return weighted_range(rhs.constant, -2 if rhs.constant.ndim > 1 else -1, lhs.range)
    if lhs.constant is not None:
        return weighted_range(lhs.constant, -1, rhs.range)
    depth, term = lhs.numbers.shape[-1], product(lhs.range, rhs.range)
    return IntRange(min(0, depth * term.lo), max(0, depth * term.hi))


def product_kernel(lhs: Operand, rhs: Operand, shape: tuple[int, ...]) -> Kernel:
    """A kernel for numpy's `lhs @ rhs` of each frame, giving `shape`; both sides have one dtype."""
    lhs, rhs = _as_matrices(lhs, -2), _as_matrices(rhs, -1)
    weights, matrix = rhs.constant, lhs.constant
    if weights is not None and weights.ndim == 2:
        return _times_matrix(lhs, weights, shape)
    rank = max(len(lhs.numbers.shape), len(rhs.numbers.shape))
    left, right = (operand.with_rank(rank).convert or _same for operand in (lhs, rhs))
    if weights is not None:
        return lambda x: np.matmul(left(x), weights).reshape(len(x), *shape)
    if matrix is not None:
        return lambda y: np.matmul(matrix, right(y)).reshape(len(y), *shape)
    return lambda x, y: np.matmul(left(x), right(y)).reshape(len(x), *shape)


def _times_matrix(lhs: Operand, weights: Array, shape: tuple[int, ...]) -> Kernel:
    """All frames and rows in one matrix product: what BLAS is fastest at."""
    weights = np.ascontiguousarray(weights)
    depth, convert = weights.shape[0], lhs.convert
    product = None if lhs.numbers.range is None else Product([weights], lhs.range)

    def kernel(x: Array) -> Array:
        rows = x.reshape(-1, depth)
        if product is None or product.columns == weights.shape[1] or len(rows) < FEW_ROWS:
            return rows.dot(weights).reshape(len(x), *shape)
        result = np.empty((len(rows), weights.shape[1]), rows.dtype)
        product([rows], result)
        return result.reshape(len(x), *shape)

    return kernel if convert is None else lambda x: kernel(convert(x))


def _as_matrices(operand: Operand, new_axis: int) -> Operand:
    """A vector as a matrix of one row (lhs, -2) or one column (rhs, -1)."""
    shape = operand.numbers.shape
    if len(shape) > 1:
        return operand
    matrix = (1, *shape) if new_axis == -2 else (*shape, 1)
    if operand.constant is not None:
        return Operand(replace(operand.numbers, shape=matrix, constant=operand.constant.reshape(matrix)))
    return operand.then(lambda x: x.reshape(len(x), *matrix), fresh=False, shape=matrix)


def _same(x: Array) -> Array:
    return x
