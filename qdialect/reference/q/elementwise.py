# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.add`, `q.sub`, `q.mul`, `q.div`, `q.relu`, `q.clip`, `q.max`, `q.min`, `q.prelu`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...affine import as_fractions
from ...formats import IntRange
from ...q import AddOp, ArithmeticOp, BinaryOp, ClipOp, DivOp, MaxOp, MinOp, MulOp, PReluOp, ReluOp, SubOp
from ...types import element_type, is_f32, shape_of
from ..operands import Operand, aligned_operands, elementwise, exact, float32, nary
from ..registry import Compiled, Kernel, meaning
from ..values import (
    FLOAT32,
    Array,
    Numbers,
    carrier,
    cast,
    common_scale,
    exact_from_fractions,
    hull,
    product,
    range_of,
    scaled,
)


@meaning(AddOp)
def add(op: AddOp, operands: Sequence[Numbers]) -> Compiled:
    return _linear(op, operands, np.add)


@meaning(SubOp)
def sub(op: SubOp, operands: Sequence[Numbers]) -> Compiled:
    return _linear(op, operands, np.subtract)


def _linear(op: BinaryOp, operands: Sequence[Numbers], ufunc: Any) -> Compiled:
    if is_f32(element_type(op.result)):
        return _in_float32(op, operands, ufunc)
    first, second = (exact(numbers) for numbers in operands)
    scale = common_scale(first.scale, second.scale)
    a, b = (scaled(operand.range, int(operand.scale / scale)) for operand in (first, second))
    total = IntRange(a.lo + b.lo, a.hi + b.hi) if ufunc is np.add else IntRange(a.lo - b.hi, a.hi - b.lo)
    dtype = carrier(a, b, total)
    result = Numbers(element_type(op.result), shape_of(op.result), dtype, scale, total)
    return [result], elementwise(ufunc, first.rescaled(scale, dtype), second.rescaled(scale, dtype), result)


@meaning(MulOp)
def mul(op: MulOp, operands: Sequence[Numbers]) -> Compiled:
    if is_f32(element_type(op.result)):
        return _in_float32(op, operands, np.multiply)
    return _product(op, *(exact(numbers) for numbers in operands))


@meaning(DivOp)
def div(op: DivOp, operands: Sequence[Numbers]) -> Compiled:
    if is_f32(element_type(op.result)):
        return _in_float32(op, operands, np.divide)
    divisor = exact(operands[1])
    assert divisor.constant is not None, "the verifier asks for a constant divisor"
    return _product(op, exact(operands[0]), Operand(_reciprocal(divisor.numbers, divisor.constant)))


def _reciprocal(numbers: Numbers, stored: Array) -> Numbers:
    scale, _ = numbers.exact
    inverse = exact_from_fractions(as_fractions(1 / (as_fractions(stored) * scale)))
    range_ = range_of(inverse.numerators)
    dtype = carrier(range_)
    return replace(numbers, dtype=dtype, scale=inverse.scale, range=range_, constant=cast(inverse.numerators, dtype))


def _product(op: BinaryOp, first: Operand, second: Operand) -> Compiled:
    range_ = product(first.range, second.range)
    dtype = carrier(first.range, second.range, range_)
    scale = first.scale * second.scale
    result = Numbers(element_type(op.result), shape_of(op.result), dtype, scale, range_)
    return [result], elementwise(np.multiply, first.as_dtype(dtype), second.as_dtype(dtype), result)


def _in_float32(op: BinaryOp, operands: Sequence[Numbers], ufunc: Any) -> Compiled:
    result = Numbers(element_type(op.result), shape_of(op.result), FLOAT32)
    return [result], elementwise(ufunc, float32(operands[0]), float32(operands[1]), result)


@meaning(ReluOp)
def relu(op: ReluOp, operands: Sequence[Numbers]) -> Compiled:
    numbers = operands[0]
    if is_f32(numbers.element_type):
        operand, result = Operand(numbers), replace(numbers, reusable=False)
    else:
        operand = exact(numbers)
        range_ = IntRange(max(operand.range.lo, 0), max(operand.range.hi, 0))
        result = replace(operand.numbers, element_type=element_type(op.result), range=range_, reusable=False)
    zero = replace(result, shape=(), constant=cast(np.zeros((), dtype=np.int64), result.dtype))
    return [result], elementwise(np.maximum, operand, Operand(zero), result)


@meaning(ClipOp)
def clip(op: ClipOp, operands: Sequence[Numbers]) -> Compiled:
    x, low, high = aligned_operands(element_type(op.result), operands)
    result = _like(op, x, low, high, combine=_clipped)
    raise_ = elementwise(np.maximum, x, low, result)
    lower = elementwise(np.minimum, Operand(replace(result, reusable=True)), high, result)
    return [result], _chain(raise_, lower, low.constant is None, high.constant is None)


def _like(op: ArithmeticOp, *operands: Operand, combine: Callable[..., IntRange]) -> Numbers:
    """The result of an op on aligned operands, in their dtype and scale; `combine` gives its range from theirs."""
    type_, shape, first = element_type(op.result), shape_of(op.result), operands[0].numbers
    range_ = None if is_f32(type_) else combine(*(operand.range for operand in operands))
    return Numbers(type_, shape, first.dtype, first.scale, range_)


def _clipped(x: IntRange, low: IntRange, high: IntRange) -> IntRange:
    return IntRange(min(max(x.lo, low.lo), high.lo), min(max(x.hi, low.hi), high.hi))


def _chain(raise_: Kernel, lower: Kernel, low_runs: bool, high_runs: bool) -> Kernel:
    """`lower(raise_(x, low), high)` with those bounds as arguments that are no constants."""
    if low_runs and high_runs:
        return lambda x, low, high: lower(raise_(x, low), high)
    if low_runs:
        return lambda x, low: lower(raise_(x, low))
    if high_runs:
        return lambda x, high: lower(raise_(x), high)
    return lambda x: lower(raise_(x))


@meaning(MaxOp)
def maximum(op: MaxOp, operands: Sequence[Numbers]) -> Compiled:
    first, second = aligned_operands(element_type(op.result), operands)
    result = _like(op, first, second, combine=lambda a, b: IntRange(max(a.lo, b.lo), max(a.hi, b.hi)))
    return [result], elementwise(np.maximum, first, second, result)


@meaning(MinOp)
def minimum(op: MinOp, operands: Sequence[Numbers]) -> Compiled:
    first, second = aligned_operands(element_type(op.result), operands)
    result = _like(op, first, second, combine=lambda a, b: IntRange(min(a.lo, b.lo), min(a.hi, b.hi)))
    return [result], elementwise(np.minimum, first, second, result)


@meaning(PReluOp)
def prelu(op: PReluOp, operands: Sequence[Numbers]) -> Compiled:
    """x times 1 where x >= 0, times the slope elsewhere."""
    type_, shape = element_type(op.result), shape_of(op.result)
    if is_f32(type_):
        x, slope = (float32(numbers) for numbers in operands)
        result, one = Numbers(type_, shape, FLOAT32), np.float32(1)
    else:
        x, slope = (exact(numbers) for numbers in operands)
        scale = common_scale(slope.scale, Fraction(1))
        factors = hull(scaled(slope.range, int(slope.scale / scale)), IntRange(0, int(1 / scale)))
        range_ = product(x.range, factors)
        dtype = carrier(x.range, factors, range_)
        result = Numbers(type_, shape, dtype, x.scale * scale, range_)
        one = cast(np.asarray(int(1 / scale)), dtype)
        x, slope = x.as_dtype(dtype), slope.rescaled(scale, dtype)
    return [result], nary(lambda x, slope: x * np.where(x >= 0, one, slope), [x, slope], len(shape))
