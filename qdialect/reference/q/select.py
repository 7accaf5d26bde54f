# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.arg_max`, `q.top_k`: ties take the lowest index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from xdsl.ir import Attribute

from ...float_formats import decode, decode_exact, fits_float64
from ...formats import FloatFormat, IntRange
from ...q import ArgMaxOp, TopKOp
from ...types import FloatType, element_type, shape_of
from ..registry import Compiled, Kernel, meaning
from ..values import INT64, Array, Numbers


@meaning(ArgMaxOp)
def arg_max(op: ArgMaxOp, operands: Sequence[Numbers]) -> Compiled:
    axis, shape, order = op.axis + 1, shape_of(op.result), _order_kernel(operands[0])
    result = indices(op.result.type, shape_of(op.input)[op.axis], shape)
    return [result], lambda x: np.argmax(order(x), axis=axis).reshape(len(x), *shape)


@meaning(TopKOp)
def top_k(op: TopKOp, operands: Sequence[Numbers]) -> Compiled:
    axis, k, order, largest = op.axis + 1, op.k, _order_kernel(operands[0]), op.largest

    def kernel(x: Array) -> tuple[Array, Array]:
        key = order(x)
        ranking = np.argsort(-key if largest else key, axis=axis, kind="stable")  # floats or signed: -key is safe
        best = np.take(ranking, np.arange(k), axis=axis)
        return np.take_along_axis(x, best, axis=axis), best

    values = replace(operands[0], shape=shape_of(op.values), reusable=False)
    return [values, indices(op.indices.type, shape_of(op.input)[op.axis], shape_of(op.indices))], kernel


def indices(type_: Attribute, count: int, shape: tuple[int, ...]) -> Numbers:
    """Description of indices below `count`."""
    return Numbers(element_type(type_), shape, INT64, Fraction(1), IntRange(0, max(count - 1, 0)))


def _order_kernel(numbers: Numbers) -> Kernel:
    """Stored numbers to numbers in the same order as the values."""
    if not isinstance(numbers.element_type, FloatType):
        return lambda x: x
    format_: FloatFormat = numbers.element_type.format
    if fits_float64(format_):
        return lambda x: decode(x, format_)
    return lambda x: decode_exact(x, format_)[0]
