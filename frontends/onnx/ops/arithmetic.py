# SPDX-License-Identifier: Apache-2.0
"""Elementwise arithmetic: Add, Sub, Mul, Div, Mod, Neg, Abs, Max, Min, PRelu, Pow, ..."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange, Rounding
from ....qdialect.q import (
    AddOp,
    BinaryOp,
    DivOp,
    MaxOp,
    MinOp,
    MulOp,
    PowOp,
    PReluOp,
    QuantizeOp,
    ReshapeOp,
    SqrtOp,
    SubOp,
)
from ....qdialect.q.inference import code_range
from ....qdialect.rounding import round_fraction
from ....qdialect.types import element_type, fixed_type, is_f32, is_integer_type, shape_of
from ..model import Array, scalar_of
from ..node import Node
from ..registry import importer

ARITHMETIC: dict[str, type[BinaryOp]] = {"Add": AddOp, "Sub": SubOp, "Mul": MulOp}
LARGEST_SHIFT = 31  # a power of two as divisor; the codes of its reciprocal fit int64


@importer(*ARITHMETIC)
def import_arithmetic(node: Node) -> SSAValue:
    (lhs, rhs), type_ = node.exact_operands(0, 1)
    return node.emit_exact(ARITHMETIC[node.definition.op_type](lhs, aligned(node, lhs, rhs)), type_)


@importer("Div")
def import_div(node: Node) -> SSAValue:
    """An integer divided by powers of two is a fixed-point number: no bit is lost."""
    if node.integer_type(0) is not None:
        return _integer_quotient(node, Rounding.DOWN)
    lhs, divisor = node.number_operand(0), node.value(1)
    if not isinstance(divisor, np.ndarray):
        return node.emit(DivOp(node.float_operand(0), aligned(node, lhs, node.float_operand(1))))
    if is_integer_type(element_type(lhs)) and divisor.dtype.kind == "f":
        reciprocal = _reciprocal(divisor)
        if reciprocal is not None:
            return node.emit(MulOp(lhs, aligned(node, lhs, node.add_constant(*reciprocal, node.input_name(1)))))
    return node.emit(DivOp(lhs, aligned(node, lhs, node.number_operand(1))))


def _integer_quotient(node: Node, rounding: Rounding) -> SSAValue:
    (lhs, rhs), type_ = node.exact_operands(0, 1)
    divisor = node.constant(1, "the divisor of integers")
    if not divisor.all():
        raise node.error("the divisor holds 0", "correct the model")
    quotient, codes = node.emit(DivOp(lhs, aligned(node, lhs, rhs))), code_range(lhs)
    parts = [part for part in (divisor[divisor > 0], divisor[divisor < 0]) if part.size]
    divisors = {int(end) for part in parts for end in (part.min(), part.max())}
    ends = [round_fraction(Fraction(end, d), rounding) for end in (codes.lo, codes.hi) for d in divisors]
    return node.emit_integer(QuantizeOp(quotient, fixed_type(IntRange(min(ends), max(ends))), rounding), type_)


@importer("Mod")
def import_mod(node: Node) -> SSAValue:
    """The remainder of integers has the sign of the divisor, with `fmod` that of the dividend."""
    if node.integer_type(0) is None:
        raise node.error("the remainder of real numbers is not supported", "use integers")
    (lhs, rhs), type_ = node.exact_operands(0, 1)
    quotient = _integer_quotient(node, Rounding.DOWN if node.integer("fmod", 0) else Rounding.FLOOR)
    return node.emit_integer(SubOp(lhs, node.emit(MulOp(quotient, rhs))), type_)


@importer("BitShift")
def import_bit_shift(node: Node) -> SSAValue:
    """Times or divided by a power of two; negative numbers keep their sign."""
    shift, direction = node.constant(1, "the shift"), node.text("direction")
    if direction not in ("LEFT", "RIGHT"):
        raise node.error(f"direction is '{direction}'", "use LEFT or RIGHT")
    type_, x = node.integer_type(0), node.operand(0)
    if type_ is None or (shift.size and not 0 <= int(shift.min()) <= int(shift.max()) <= LARGEST_SHIFT):
        what = f"a shift by {int(shift.min())} to {int(shift.max())} bits is not supported"
        raise node.error(what, f"shift integers by 0 to {LARGEST_SHIFT} bits")
    factor = node.add_constant(np.left_shift(np.int64(1), shift.astype(np.int64)))
    if direction == "LEFT":
        return node.emit_integer(MulOp(x, factor), type_)
    return node.emit_integer(QuantizeOp(node.emit(DivOp(x, factor)), type_, Rounding.FLOOR), type_)


@importer("Neg")
def import_neg(node: Node) -> SSAValue:
    (x,), type_ = node.exact_operands(0)
    return node.emit_exact(_negative(node, x), type_)


@importer("Abs")
def import_abs(node: Node) -> SSAValue:
    (x,), type_ = node.exact_operands(0)
    return node.emit_exact(MaxOp(x, node.emit(_negative(node, x))), type_)


def _negative(node: Node, x: SSAValue) -> MulOp:
    return MulOp(x, node.constant_beside(x, np.asarray(-1, np.float32)))


@importer("Max", "Min")
def import_extremum(node: Node) -> SSAValue:
    op = MaxOp if node.definition.op_type == "Max" else MinOp
    operands, type_ = node.exact_operands(*range(len(node.definition.inputs)))
    return reduce(lambda first, second: node.emit_exact(op(first, second), type_), operands)


@importer("PRelu")
def import_prelu(node: Node) -> SSAValue:
    """Before opset 7, several slopes are those of the channels (axis 1)."""
    (x, slope), type_ = node.exact_operands(0, 1)
    if node.opset < 7 and len(shape_of(slope)) == 1 < len(shape_of(x)):
        slope = node.with_trailing_axes(slope, len(shape_of(x)) - 2)
    return node.emit_exact(PReluOp(x, slope), type_)


@importer("LeakyRelu")
def import_leaky_relu(node: Node) -> SSAValue:
    slope = node.add_constant(np.asarray(node.number("alpha", 0.01), np.float32))
    return node.emit(PReluOp(node.number_operand(0), slope))


@importer("Reciprocal")
def import_reciprocal(node: Node) -> SSAValue:
    return node.emit(DivOp(node.add_constant(np.ones((), np.float32)), node.float_operand(0)))


def _reciprocal(divisor: Array) -> tuple[Array, Attribute] | None:
    """Codes and type of `1 / divisor` for powers of two; None for other numbers."""
    mantissas, exponents = np.frexp(divisor.astype(np.float64))
    exponents = exponents - 1
    if not divisor.size or (mantissas != 0.5).any() or np.abs(exponents).max() > LARGEST_SHIFT:
        return None
    fraction_bits = max(int(exponents.max()), 0)
    codes = np.left_shift(np.int64(1), fraction_bits - exponents)
    return codes, fixed_type(IntRange(int(codes.min()), int(codes.max())), fraction_bits)


def aligned(node: Node, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    """`rhs` shaped for numpy's broadcast: before opset 7, attribute `axis` said where its axes belong."""
    if node.opset >= 7 or not node.integer("broadcast", 0) or not node.has("axis"):
        return rhs
    rank, shape = len(shape_of(lhs)), shape_of(rhs)
    axis = node.axis(node.integer("axis"), rank)
    if axis + len(shape) > rank:
        raise node.error(f"axis {axis} leaves no room for an operand of shape {list(shape)}", "correct the axis")
    return node.emit(ReshapeOp(rhs, (*shape, *(1,) * (rank - axis - len(shape)))))


@importer("Pow")
def import_pow(node: Node) -> SSAValue:
    """Small whole powers are products; others are float32."""
    exponent = node.value(1)
    power = scalar_of(exponent) if isinstance(exponent, np.ndarray) else None
    if power in (1, 2, 3):
        (x,), type_ = node.exact_operands(0)
        return reduce(lambda product, _: node.emit_exact(MulOp(product, x), type_), range(int(power) - 1), x)
    if node.integer_type(0) is not None:
        raise node.error("a power of integers is not supported", "use the exponent 1, 2 or 3, or float32 numbers")
    base = node.float_operand(0)
    if power == 0.5:
        return node.emit(SqrtOp(base))
    if isinstance(exponent, np.ndarray):
        return node.emit(PowOp(base, aligned(node, base, node.add_constant(node.as_float32(exponent, "the exponent")))))
    exponent = node.operand(1)
    if not is_f32(element_type(exponent)):
        exponent = node.emit(QuantizeOp(exponent, Float32Type()))
    return node.emit(PowOp(base, aligned(node, base, exponent)))
