# SPDX-License-Identifier: Apache-2.0
"""Functions that compute in float32: Exp, Log, Sqrt, Erf, Sigmoid, Sin, Softmax, ...; and rounding to whole numbers."""

from __future__ import annotations

from fractions import Fraction

from xdsl.ir import SSAValue

from ....qdialect import q
from ....qdialect.formats import IntRange, Rounding
from ....qdialect.q import FloatFunctionOp, QuantizeOp, SoftmaxOp
from ....qdialect.q.inference import code_range
from ....qdialect.rounding import round_fraction
from ....qdialect.types import element_type, fixed_type, integer_format, is_integer_type
from ..node import Node
from ..registry import importer
from .normalization import along_axis

FUNCTIONS: dict[str, type[FloatFunctionOp]] = {
    "Sigmoid": q.SigmoidOp,
    "Tanh": q.TanhOp,
    "Exp": q.ExpOp,
    "Log": q.LogOp,
    "Sqrt": q.SqrtOp,
    "Erf": q.ErfOp,
    "Softplus": q.SoftplusOp,
    "Sin": q.SinOp,
    "Cos": q.CosOp,
    "Tan": q.TanOp,
    "Asin": q.AsinOp,
    "Acos": q.AcosOp,
    "Atan": q.AtanOp,
    "Sinh": q.SinhOp,
    "Cosh": q.CoshOp,
    "Asinh": q.AsinhOp,
    "Acosh": q.AcoshOp,
    "Atanh": q.AtanhOp,
}
ROUNDINGS: dict[str, type[FloatFunctionOp]] = {"Floor": q.FloorOp, "Ceil": q.CeilOp, "Round": q.RoundOp}
EXACT_ROUNDINGS = {"Floor": Rounding.FLOOR, "Ceil": Rounding.CEIL, "Round": Rounding.HALF_EVEN}


@importer(*FUNCTIONS)
def import_function(node: Node) -> SSAValue:
    return node.emit(FUNCTIONS[node.definition.op_type](node.float_operand(0)))


@importer(*ROUNDINGS)
def import_rounding(node: Node) -> SSAValue:
    """Integers are whole numbers already; fixed-point numbers are rounded exactly."""
    x, op_type = node.number_operand(0), node.definition.op_type
    if not is_integer_type(element_type(x)):
        return node.emit(ROUNDINGS[op_type](node.float_operand(0)))
    fraction_bits = integer_format(element_type(x)).fraction_bits
    if fraction_bits <= 0:
        return x
    rounding, codes = EXACT_ROUNDINGS[op_type], code_range(x)
    low, high = (round_fraction(Fraction(code, 1 << fraction_bits), rounding) for code in (codes.lo, codes.hi))
    return node.emit(QuantizeOp(x, fixed_type(IntRange(low, high)), rounding))


@importer("Softmax")
def import_softmax(node: Node) -> SSAValue:
    return along_axis(node, node.float_operand(0), lambda x, axis: node.emit(SoftmaxOp(x, axis)))
