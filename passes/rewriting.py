# SPDX-License-Identifier: Apache-2.0
"""What several passes need: constants as exact fractions, and affine ops rebuilt around a moved constant.

A *constant expression* is a `q.constant`, or arithmetic and shape ops on such; its exact values are an object array of
`fractions.Fraction`. Integer weights stay apart from their scale on purpose, so `q.mul(weights, scale)` is one too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod
from typing import Any, TypeVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriter, PatternRewriteWalker, RewritePattern

from ..qdialect.affine import as_fractions
from ..qdialect.attrs import Array, DenseAttr, RangeAttr
from ..qdialect.float_formats import value_of
from ..qdialect.formats import IntRange
from ..qdialect.q import (
    AddOp,
    ArithmeticOp,
    BinaryOp,
    ConstantOp,
    DivOp,
    MoveOp,
    MulOp,
    SubOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import code_range, elementwise_range
from ..qdialect.sharing import codebook_of
from ..qdialect.types import (
    FloatType,
    RealType,
    SharedType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
    tensor_type,
)

OpT = TypeVar("OpT", bound=Operation)

_ARITHMETIC: dict[type[BinaryOp], Callable[[Any, Any], Any]] = {
    AddOp: operator.add,
    SubOp: operator.sub,
    MulOp: operator.mul,
    DivOp: operator.truediv,
}


def function_named(module: ModuleOp, name: str) -> FuncOp | None:
    """The function `name` of the module, or None."""
    return next((op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == name), None)


def rewrite(module: ModuleOp, *patterns: RewritePattern) -> None:
    """Apply the patterns until none fires; ops whose results nobody uses go."""
    PatternRewriteWalker(GreedyRewritePatternApplier(list(patterns))).rewrite_module(module)


def at(op: OpT, place: Operation) -> OpT:
    """`op` with the location (the ONNX node) of `place`."""
    op.location = place.location
    return op


def replace(rewriter: PatternRewriter, old: Operation, new: Sequence[Operation]) -> None:
    """Replace `old` by `new`, whose last op gives the results; the result keeps its name."""
    for before, after in zip(old.results, new[-1].results, strict=True):
        after.name_hint = before.name_hint
    rewriter.replace(old, list(new))


def with_proof(op: Operation, new: OpT) -> OpT:
    """`new`, the same arithmetic on operands that show less: it states the range that followed from those of `op`."""
    if not isinstance(op, ArithmeticOp) or not isinstance(new, ArithmeticOp) or op.range is not None:
        return new
    if all(is_integer_type(element_type(value)) for value in (*op.operands, op.result)):
        codes, _ = op.infer_range()
        if codes != new.infer_range()[0]:
            new.properties["range"] = RangeAttr(codes.lo, codes.hi)
    return new


# --- constants ---------------------------------------------------------------------------------------------------


def constant(codes: Array, type_: Attribute) -> ConstantOp:
    """`q.constant` of an array of codes (values for f32 and real) with the element type `type_`.

    Codes of a shared type that have been moved such that no codebooks of its size hold them take the type of values.
    """
    if isinstance(type_, SharedType) and codebook_of(codes, type_.entries.data) is None:
        type_ = type_.value_type
    return ConstantOp(DenseAttr(codes, tensor(type_, codes.shape)))


def real_constant(values: Array) -> ConstantOp:
    return constant(values, RealType())


def fixed_constant(values: Array, fraction_bits: int) -> ConstantOp:
    """The values, whole multiples of 2^-fraction_bits, in the narrowest fixed type."""
    codes = as_fractions(values * Fraction(2) ** fraction_bits)
    assert all(code.denominator == 1 for code in codes.reshape(-1)), "not a multiple of the quantum"
    integers = map_array(int, codes)
    return constant(integers, fixed_type(IntRange(int(codes.min()), int(codes.max())), fraction_bits))


def map_array(function: Callable[[Any], Any], array: Array) -> Array:
    """`function` of each element, as an object array of the same shape."""
    result = np.empty(array.shape, dtype=object)
    result.reshape(-1)[:] = [function(item) for item in array.reshape(-1)]
    return result


def values_of(attribute: DenseAttr) -> Array:
    """The exact numbers of a constant as an object array of Fractions."""
    type_, array = attribute.type.element_type, attribute.array
    if isinstance(type_, RealType):
        return array
    if isinstance(type_, FloatType):
        format_ = type_.format
        return map_array(lambda code: value_of(int(code), format_), array)
    if is_f32(type_):
        return as_fractions(array)
    quantum = Fraction(2) ** -integer_format(type_).fraction_bits
    return map_array(lambda code: code * quantum, as_fractions(array))


def is_constant(value: SSAValue) -> bool:
    """True for a constant expression."""
    op = value.owner
    if isinstance(op, ConstantOp):
        return True
    return isinstance(op, BinaryOp | MoveOp) and all(is_constant(operand) for operand in op.operands)


def exact_values(value: SSAValue) -> Array:
    """The exact values of a constant expression."""
    op = value.owner
    if isinstance(op, ConstantOp):
        return values_of(op.value)
    if isinstance(op, BinaryOp):
        result = _ARITHMETIC[type(op)](exact_values(op.lhs), exact_values(op.rhs))
        return np.asarray(result, dtype=object)
    assert isinstance(op, MoveOp)
    return op.move(*(np.broadcast_to(exact_values(operand), shape_of(operand)) for operand in op.operands))


def moved_through(view: MoveOp, array: Array) -> Array:
    """`array`, which broadcasts to the one operand of the view, as it looks behind it; least broadcast form."""
    if array.size == 1:
        return array.reshape(())
    (operand,) = view.operands
    places = np.arange(array.size).reshape(array.shape)  # moved instead of Fractions, which are slow to compare
    moved = least_broadcast(view.move(np.broadcast_to(places, shape_of(operand))))
    return least_broadcast(array.reshape(-1)[moved])


def least_broadcast(array: Array) -> Array:
    """The smallest array that broadcasts to `array`: equal entries along an axis become one, leading ones go."""
    array = np.asarray(array)  # arithmetic on object arrays without axes gives bare numbers
    if not array.size:
        return array
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if array.shape[axis] > 1 and bool((array == first).all()):
            array = first
    while array.ndim and array.shape[0] == 1:
        array = array.reshape(array.shape[1:])
    return array


def matmul_with(weights: DenseAttr, values: Array, left: bool) -> Array:
    """`values @ weights` (`left`) or `weights @ values` as Fractions: numpy's rules, integers inside.

    Integer weights are used as they are, in int64 where no sum can overflow: there may be millions of them.
    """
    if is_integer_type(weights.type.element_type):
        codes, quantum = weights.array, Fraction(2) ** -integer_format(weights.type.element_type).fraction_bits
    else:
        codes, quantum = _over_common_denominator(values_of(weights))
    numerators, unit = _over_common_denominator(values)
    largest = [max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0 for array in (codes, numerators)]
    dtype = np.int64 if max(*largest, largest[0] * largest[1] * values.size) < 1 << 63 else object
    codes, numerators = codes.astype(dtype), numerators.astype(dtype)
    product = np.asarray(np.matmul(numerators, codes) if left else np.matmul(codes, numerators))
    return map_array(lambda item: int(item) * quantum * unit, product)


def _over_common_denominator(values: Array) -> tuple[Array, Fraction]:
    """(n, 1/d) with values = n / d, n an object array of ints."""
    denominator = lcm(*(value.denominator for value in set(values.reshape(-1))))
    return map_array(lambda value: int(value * denominator), values), Fraction(1, denominator)


# --- affine ops --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Affine:
    """An exact `q.add` or `q.mul` of a computed value `x` and a constant expression `constant`."""

    op: AddOp | MulOp
    x: SSAValue
    constant: SSAValue

    @property
    def values(self) -> Array:
        """The constant, exact, in least broadcast form."""
        return least_broadcast(exact_values(self.constant))

    @property
    def at_full_rank(self) -> Array:
        """The values with as many axes as `x` has."""
        values = self.values
        return values.reshape((1,) * (len(shape_of(self.x)) - values.ndim) + values.shape)

    @property
    def keeps_shape(self) -> bool:
        return shape_of(self.x) == shape_of(self.op.result)


def affine(op: Operation | Any) -> Affine | None:
    """`op` as an exact addition of, or multiplication with, a constant; None if it is none.

    Float32 arithmetic is not exact and does not count. Where both sides are constant, the larger one is `x`: weights.
    """
    if not isinstance(op, AddOp | MulOp) or is_f32(element_type(op.result)):
        return None
    lhs, rhs = is_constant(op.lhs), is_constant(op.rhs)
    if not lhs and not rhs:
        return None
    swap = prod(shape_of(op.lhs)) < prod(shape_of(op.rhs)) if lhs and rhs else lhs
    return Affine(op, op.rhs, op.lhs) if swap else Affine(op, op.lhs, op.rhs)


def moving(class_: type[AddOp] | type[MulOp], value: SSAValue) -> Affine | None:
    """Arithmetic of one kind with a constant that can move behind what uses `value`; None if there is none."""
    match = affine(value.owner)
    return match if match is not None and isinstance(match.op, class_) and match.keeps_shape else None


def with_constant(
    class_: type[AddOp] | type[MulOp], x: SSAValue, values: Array, like: SSAValue, place: Operation
) -> list[Operation]:
    """`[constant, class_(x, constant)]` with exactly the type of `like`, whose values it is known to give.

    Real stays real. An integer type gets a fixed-point constant, and the range of `like` as proof where interval
    arithmetic on the new operands alone would ask for a wider type.
    """
    values = np.asarray(values, dtype=object)
    small = least_broadcast(values)
    if np.broadcast_shapes(shape_of(x), small.shape) != shape_of(like):
        small = np.broadcast_to(values, np.broadcast_shapes(values.shape, shape_of(like)))
    type_ = element_type(like)
    if not is_integer_type(type_):
        factor = real_constant(small)
        return [factor, at(class_(x, factor.result), place)]
    fraction_bits = integer_format(type_).fraction_bits
    if class_ is MulOp:
        fraction_bits -= integer_format(element_type(x)).fraction_bits
    factor = fixed_constant(small, fraction_bits)
    proof = _proof(class_.name, x, factor.result, like)
    return [factor, at(class_(x, factor.result, tensor_type(like), proof), place)]


def _proof(name: str, x: SSAValue, factor: SSAValue, like: SSAValue) -> RangeAttr | None:
    known = like.owner.properties.get("range") if isinstance(like.owner, Operation) else None
    if isinstance(known, RangeAttr):
        return known
    needed, _ = elementwise_range(name, x, factor)
    if needed in integer_format(element_type(like)).code_range:
        return None
    codes = code_range(like)
    return RangeAttr(codes.lo, codes.hi)


def times_integer(value: SSAValue, factor: int, place: Operation) -> list[Operation]:
    """The ops that multiply an integer value by an integer, the last giving the product; none for 1."""
    if factor == 1:
        return []
    number = fixed_constant(np.array(Fraction(factor), dtype=object), 0)
    return [number, at(MulOp(value, number.result), place)]
