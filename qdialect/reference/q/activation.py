# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.batch_norm`, `q.softmax`, `q.sigmoid`, `q.tanh`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...affine import as_fractions, batch_norm_affine
from ...errors import QoptError
from ...formats import IntRange
from ...q import BatchNormOp, SigmoidOp, SoftmaxOp, TanhOp
from ...types import RealType, element_type, is_f32, shape_of
from ..operands import Operand, elementwise, exact
from ..registry import Compiled, meaning
from ..values import (
    FLOAT32,
    Array,
    Numbers,
    carrier,
    cast,
    common_scale,
    exact_from_fractions,
    product,
    range_of,
    scaled,
)

PAIRWISE = 8  # from so many numbers on numpy adds those side by side in another order


@meaning(BatchNormOp)
def batch_norm(op: BatchNormOp, operands: Sequence[Numbers]) -> Compiled:
    x, *parameters = operands
    if any(numbers.constant is None for numbers in parameters):
        raise QoptError("q.batch_norm needs constant parameters", op, "fold them to q.constant first")
    column = (-1,) + (1,) * (len(x.shape) - 1 - op.axis)
    if is_f32(element_type(op.result)):
        return _batch_norm_float32(op, x, [_values(numbers) for numbers in parameters], column)
    scale, bias, mean, variance = (_fractions(numbers) for numbers in parameters)
    factor, offset = batch_norm_affine(scale, bias, mean, variance, Fraction(op.epsilon))
    first, second = _constant(factor.reshape(column)), _constant(offset.reshape(column))
    return _exact_affine(op, exact(x), exact(first), exact(second))


def _exact_affine(op: BatchNormOp, x: Operand, factor: Operand, offset: Operand) -> Compiled:
    type_, shape = element_type(op.result), shape_of(op.result)
    scale = common_scale(x.scale * factor.scale, offset.scale)
    factor_range = scaled(factor.range, int(x.scale * factor.scale / scale))
    offset_range = scaled(offset.range, int(offset.scale / scale))
    term = product(x.range, factor_range)
    total = IntRange(term.lo + offset_range.lo, term.hi + offset_range.hi)
    dtype = carrier(x.range, factor_range, term, offset_range, total)
    result = Numbers(type_, shape, dtype, scale, total)
    times = elementwise(np.multiply, x.as_dtype(dtype), factor.rescaled(scale / x.scale, dtype), result)
    plus = elementwise(np.add, Operand(replace(result, reusable=True)), offset.rescaled(scale, dtype), result)
    return [result], lambda x: plus(times(x))


def _fractions(numbers: Numbers) -> Array:
    """A constant parameter as exact numbers."""
    operand = exact(numbers)
    assert operand.constant is not None
    return as_fractions(operand.constant) * operand.scale


def _constant(fractions: Array) -> Numbers:
    real = exact_from_fractions(fractions)
    range_ = range_of(real.numerators)
    dtype = carrier(range_)
    stored = cast(real.numerators, dtype)
    return Numbers(RealType(), fractions.shape, dtype, real.scale, range_, stored)


def _values(numbers: Numbers) -> Array:
    """A constant f32 parameter."""
    assert numbers.constant is not None
    return numbers.constant


def _batch_norm_float32(op: BatchNormOp, x: Numbers, parameters: Sequence[Array], column: tuple[int, ...]) -> Compiled:
    """In the order of onnxruntime: the reciprocal root first, then two products and two sums, each in float32."""
    scale, bias, mean, variance = parameters
    factor = (np.float32(1) / np.sqrt(variance + np.float32(op.epsilon))) * scale
    offset = (bias - mean * factor).reshape(column)
    result = Numbers(element_type(op.result), shape_of(op.result), FLOAT32)
    first = replace(result, shape=(), constant=factor.reshape(column))
    times = elementwise(np.multiply, Operand(x), Operand(first), result)
    return [result], lambda x: _add_to(times(x), offset)


def _add_to(x: Array, y: Array) -> Array:
    return np.add(x, y, out=x)


@meaning(SoftmaxOp)
def softmax(op: SoftmaxOp, operands: Sequence[Numbers]) -> Compiled:
    axis, count = op.axis + 1, operands[0].shape[op.axis]
    if axis == len(operands[0].shape) and count < PAIRWISE:
        return _float_function(operands[0], lambda x: _softmax_of_few(x, count))

    def kernel(x: Array) -> Array:
        powers = x - np.maximum.reduce(x, axis=axis, keepdims=True)
        np.exp(powers, out=powers)
        return np.divide(powers, np.add.reduce(powers, axis=axis, keepdims=True), out=powers)

    return _float_function(operands[0], kernel)


def _softmax_of_few(x: Array, count: int) -> Array:
    """Softmax of the last axis, `count` long, class after class: numpy is slow in sums of so few numbers."""
    classes = x.reshape(-1, count).T.copy()
    classes -= np.maximum.reduce(classes, axis=0)
    np.exp(classes, out=classes)
    classes /= np.add.reduce(classes, axis=0)
    return classes.T.reshape(x.shape)


@meaning(SigmoidOp)
def sigmoid(op: SigmoidOp, operands: Sequence[Numbers]) -> Compiled:
    one = np.float32(1)

    def kernel(x: Array) -> Array:
        with np.errstate(over="ignore"):  # exp(-x) may be infinite: the quotient is then 0, as it should be
            return one / (one + np.exp(-x))

    return _float_function(operands[0], kernel)


@meaning(TanhOp)
def tanh(op: TanhOp, operands: Sequence[Numbers]) -> Compiled:
    return _float_function(operands[0], np.tanh)


def _float_function(numbers: Numbers, kernel: Any) -> Compiled:
    return [replace(numbers, reusable=False)], kernel
