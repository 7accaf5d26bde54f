# SPDX-License-Identifier: Apache-2.0
"""Exact result types: which codes an arithmetic op can produce, from its operands alone.

The range of an operand is, in this order: the codes of the constant it is, the range its op has proven, all codes of
its type. Everything is exact: Python integers, or numpy int64 where a bound shows that it cannot overflow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array, DenseAttr, RangeAttr
from ..formats import BipolarFormat, IntRange
from ..types import (
    FixedType,
    SharedType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    is_integer_type,
    shape_of,
)


def constant_of(value: SSAValue) -> DenseAttr | None:
    """The attribute of the `q.constant` that makes `value`, or None."""
    if isinstance(value, OpResult) and value.op.name == "q.constant":
        attribute = value.op.properties.get("value")
        if isinstance(attribute, DenseAttr):
            return attribute
    return None


_REARRANGED = ("q.reshape", "q.transpose", "q.depth_to_space", "q.interleave")  # the same codes in other places


def code_range(value: SSAValue) -> IntRange:
    """Codes that an integer-typed value can take, as far as it shows at the value itself."""
    constant = constant_of(value)
    if constant is not None and constant.array.size:
        return constant.extremes
    if isinstance(value, OpResult):
        proven = value.op.properties.get("range")
        if isinstance(proven, RangeAttr):
            return proven.range
        if value.op.name == "q.quantize" and "narrow" in value.op.properties:
            return narrow_range(element_type(value))
        if value.op.name == "q.threshold":
            return threshold_range(value.op)
        if value.op.name == "q.table":
            return code_range(value.op.operands[1])
        if value.op.name in _REARRANGED or (value.op.name == "q.concat" and _of_one_type(value.op)):
            ranges = [code_range(operand) for operand in value.op.operands]
            return IntRange(min(range_.lo for range_ in ranges), max(range_.hi for range_ in ranges))
    return integer_format(element_type(value)).code_range


def _of_one_type(op: Operation) -> bool:
    """Whether operands and result have the same codes for the same numbers."""
    return len({element_type(value) for value in (*op.operands, *op.results)}) == 1


def threshold_range(op: Operation) -> IntRange:
    """Codes that a `q.threshold` can give: one for each number of thresholds reached."""
    format_, base = integer_format(element_type(op.results[0])), op.properties["base"]
    if isinstance(format_, BipolarFormat):
        return format_.code_range
    assert isinstance(base, IntegerAttr)
    return IntRange(base.value.data, base.value.data + shape_of(op.operands[1])[1])


def narrow_range(type_: Attribute) -> IntRange:
    """Codes of a type without its lowest code (signed) or its highest code (unsigned), as QONNX's `narrow` says."""
    range_ = integer_format(type_).code_range
    if isinstance(type_, UFixedType):
        return IntRange(range_.lo, max(range_.hi - 1, 0))
    if isinstance(type_, FixedType) and type_.format.word_length > 1:
        return IntRange(range_.lo + 1, range_.hi)
    return range_


def aligned(range_: IntRange, from_fraction_bits: int, to_fraction_bits: int) -> IntRange:
    """The same values in quanta of `to_fraction_bits` >= `from_fraction_bits`."""
    shift = to_fraction_bits - from_fraction_bits
    return IntRange(range_.lo << shift, range_.hi << shift)


def elementwise_range(name: str, lhs: SSAValue, rhs: SSAValue) -> tuple[IntRange, int]:
    """Codes and fraction bits of `lhs OP rhs` for q.add, q.sub, q.mul on integer types (interval arithmetic)."""
    a, b = code_range(lhs), code_range(rhs)
    fa, fb = integer_format(element_type(lhs)).fraction_bits, integer_format(element_type(rhs)).fraction_bits
    if name == "q.mul":
        corners = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)
        return IntRange(min(corners), max(corners)), fa + fb
    fraction_bits = max(fa, fb)
    a, b = aligned(a, fa, fraction_bits), aligned(b, fb, fraction_bits)
    if name == "q.sub":
        b = IntRange(-b.hi, -b.lo)
    return IntRange(a.lo + b.lo, a.hi + b.hi), fraction_bits


def typed_range(value: SSAValue) -> IntRange:
    """Codes of an integer-typed value, whatever op makes it; those that a constant holds."""
    return integer_format(element_type(value)).code_range if constant_of(value) is None else code_range(value)


def aligned_ranges(
    values: Sequence[SSAValue], range_of: Callable[[SSAValue], IntRange] = code_range
) -> tuple[list[IntRange], int]:
    """Codes of each value (of integer types), in quanta of the most fraction bits of them, and those bits."""
    bits = [integer_format(element_type(value)).fraction_bits for value in values]
    return [aligned(range_of(value), own, max(bits)) for value, own in zip(values, bits, strict=True)], max(bits)


def common_range(
    values: Sequence[SSAValue], range_of: Callable[[SSAValue], IntRange] = code_range
) -> tuple[IntRange, int]:
    """Codes that any of the values (of integer types) can have, in quanta of the most fraction bits of them."""
    ranges, bits = aligned_ranges(values, range_of)
    return IntRange(min(range_.lo for range_ in ranges), max(range_.hi for range_ in ranges)), bits


def prelu_range(value: SSAValue, slope: SSAValue) -> tuple[IntRange, int]:
    """Codes and fraction bits of `max(x, 0) + slope * min(x, 0)`: either half by itself."""
    x, s = code_range(value), code_range(slope)
    own, factor = (integer_format(element_type(operand)).fraction_bits for operand in (value, slope))
    bits = max(own, own + factor)
    halves: list[IntRange] = []
    if x.hi >= 0:
        halves.append(aligned(IntRange(max(x.lo, 0), x.hi), own, bits))
    if x.lo < 0:
        corners = [a * b for a in (x.lo, min(x.hi, -1)) for b in (s.lo, s.hi)]
        halves.append(aligned(IntRange(min(corners), max(corners)), own + factor, bits))
    return IntRange(min(half.lo for half in halves), max(half.hi for half in halves)), bits


def relu_range(value: SSAValue) -> IntRange:
    """Codes of `max(value, 0)`."""
    range_ = code_range(value)
    return IntRange(max(range_.lo, 0), max(range_.hi, 0))


def matmul_range(lhs: SSAValue, rhs: SSAValue) -> tuple[IntRange, int]:
    """Codes and fraction bits of `lhs @ rhs` on integer types; corner-tight where one side is a constant.

    Covers every partial sum in any order as well, so an accumulator of this range never overflows on the way.
    """
    fraction_bits = sum(integer_format(element_type(value)).fraction_bits for value in (lhs, rhs))
    weights, other = constant_of(rhs), code_range(lhs)
    contracted = -2 if len(shape_of(rhs)) > 1 else -1
    if weights is None:
        weights, other, contracted = constant_of(lhs), code_range(rhs), -1
    if weights is not None:
        return dot_range(weights, contracted, other), fraction_bits
    a, b, depth = code_range(lhs), code_range(rhs), shape_of(lhs)[-1]
    corners = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)
    return IntRange(min(0, depth * min(corners)), max(0, depth * max(corners))), fraction_bits


def dot_range(weights: DenseAttr, axis: int, x: IntRange) -> IntRange:
    """Hull of 0 and all partial sums of `sum_j w_j * x_j` with x_j in `x`, over the vectors along `axis`."""
    if not weights.array.size:
        return IntRange(0, 0)
    return weights.fact(("dot_range", axis, x), lambda: sums_range(*signed_sums(weights.array, axis), x))


def sums_range(positive: Sequence[int], negative: Sequence[int], x: IntRange) -> IntRange:
    """Hull of 0 and all partial sums of vectors times elements in `x`; the vectors are known by `signed_sums`."""
    highest = max(p * max(x.hi, 0) + n * max(-x.lo, 0) for p, n in zip(positive, negative, strict=True))
    lowest = max(p * max(-x.lo, 0) + n * max(x.hi, 0) for p, n in zip(positive, negative, strict=True))
    return IntRange(-lowest, highest)


def signed_sums(weights: Array, axis: int) -> tuple[list[int], list[int]]:
    """Sum of the positive and minus the sum of the negative weights of each vector along `axis` (exact)."""
    if weights.dtype.itemsize > 4 or weights.shape[axis] > 1 << 30:  # else a sum fits int64
        weights = weights.astype(object)
    zero = np.zeros_like(weights[:0].reshape(-1), shape=())
    positive = np.maximum(weights, zero).sum(axis=axis, dtype=object if weights.dtype.hasobject else np.int64)
    negative = -np.minimum(weights, zero).sum(axis=axis, dtype=object if weights.dtype.hasobject else np.int64)
    return [int(v) for v in np.ravel(positive)], [int(v) for v in np.ravel(negative)]


def verify_holds(name: str, type_: Attribute, needed: IntRange, fraction_bits: int, proof: RangeAttr | None) -> None:
    """Raise unless the integer type `type_` holds every code of `needed` (or of `proof`, if there is one)."""
    if not is_integer_type(type_) or isinstance(type_, SharedType):
        raise VerifyException(f"{name} of integer types gives an integer type, not {type_}")
    if proof is not None:
        needed = proof.range
    format_ = integer_format(type_)
    best = fixed_type(needed, fraction_bits)
    if format_.fraction_bits != fraction_bits:
        raise VerifyException(
            f"{name} gives {fraction_bits} fraction bits, but {type_} has {format_.fraction_bits}; mend: write {best}"
        )
    if needed not in format_.code_range:
        raise VerifyException(
            f"{name} can give codes from {needed.lo} to {needed.hi}, but {type_} holds {format_.code_range.lo} to "
            f"{format_.code_range.hi}; mend: write {best}, or quantize the operands to shorter words"
        )
