# SPDX-License-Identifier: Apache-2.0
"""Meaning of the float32 functions: softmax, sigmoid, tanh, exp, log, ..."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from ... import q
from ...q import FloatFunctionOp, PowOp, SoftmaxOp
from ...types import element_type, shape_of
from ..operands import elementwise, float32
from ..registry import Compiled, meaning
from ..values import FLOAT32, Array, Numbers

Function: TypeAlias = Callable[[Array], Array]

PAIRWISE = 8  # from so many numbers on numpy adds those side by side in another order
_ERF: Any = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: Array) -> Array:
    one = np.float32(1)
    with np.errstate(over="ignore"):  # exp(-x) may be infinite: the quotient is then 0, as it should be
        return one / (one + np.exp(-x))


def _erf(x: Array) -> Array:
    return _ERF(x).astype(np.float32)


def _softplus(x: Array) -> Array:
    return np.logaddexp(np.float32(0), x)


FUNCTIONS: dict[type[FloatFunctionOp], Function] = {
    q.SigmoidOp: _sigmoid,
    q.TanhOp: np.tanh,
    q.ExpOp: np.exp,
    q.LogOp: np.log,
    q.SqrtOp: np.sqrt,
    q.ErfOp: _erf,
    q.SoftplusOp: _softplus,
    q.FloorOp: np.floor,
    q.CeilOp: np.ceil,
    q.RoundOp: np.rint,
    q.SinOp: np.sin,
    q.CosOp: np.cos,
    q.TanOp: np.tan,
    q.AsinOp: np.arcsin,
    q.AcosOp: np.arccos,
    q.AtanOp: np.arctan,
    q.SinhOp: np.sinh,
    q.CoshOp: np.cosh,
    q.AsinhOp: np.arcsinh,
    q.AcoshOp: np.arccosh,
    q.AtanhOp: np.arctanh,
}


@meaning(*FUNCTIONS)
def function(op: FloatFunctionOp, operands: Sequence[Numbers]) -> Compiled:
    return _function(operands[0], FUNCTIONS[type(op)])


@meaning(PowOp)
def power(op: PowOp, operands: Sequence[Numbers]) -> Compiled:
    result = Numbers(element_type(op.result), shape_of(op.result), FLOAT32)
    return [result], elementwise(np.power, float32(operands[0]), float32(operands[1]), result)


@meaning(SoftmaxOp)
def softmax(op: SoftmaxOp, operands: Sequence[Numbers]) -> Compiled:
    axis, count = op.axis + 1, operands[0].shape[op.axis]
    if axis == len(operands[0].shape) and count < PAIRWISE:
        return _function(operands[0], lambda x: _softmax_of_few(x, count))

    def kernel(x: Array) -> Array:
        powers = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), order="C")  # else views sum otherwise
        np.exp(powers, out=powers)
        return np.divide(powers, np.add.reduce(powers, axis=axis, keepdims=True), out=powers)

    return _function(operands[0], kernel)


def _softmax_of_few(x: Array, count: int) -> Array:
    """Softmax of the last axis, `count` long, class after class: numpy is slow in sums of so few numbers."""
    classes = x.reshape(-1, count).T.copy()
    classes -= np.maximum.reduce(classes, axis=0)
    np.exp(classes, out=classes)
    classes /= np.add.reduce(classes, axis=0)
    return classes.T.reshape(x.shape)


def _function(numbers: Numbers, kernel: Any) -> Compiled:
    return [replace(numbers, reusable=False)], kernel
