# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.batch_norm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...affine import as_fractions, batch_norm_affine
from ...errors import QoptError
from ...formats import IntRange
from ...q import BatchNormOp
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
