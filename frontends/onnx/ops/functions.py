# SPDX-License-Identifier: Apache-2.0
"""Functions that compute in float32: Exp, Log, Sqrt, Erf, Sigmoid, Sin, Softmax, ...; and rounding to whole numbers."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ....qdialect import q
from ....qdialect.formats import Rounding
from ....qdialect.q import FloatFunctionOp, QuantizeOp, SoftmaxOp
from ....qdialect.types import FixedType, RealType, element_type, fixed_type, integer_format, is_integer_type
from ..bounds import rounded_range
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
    """Integers are whole numbers already; exact numbers are rounded exactly."""
    x, op_type = node.number_operand(0), node.definition.op_type
    is_integer = is_integer_type(element_type(x))
    if not is_integer and not isinstance(element_type(x), RealType):
        return node.emit(ROUNDINGS[op_type](node.float_operand(0)))
    if is_integer and integer_format(element_type(x)).fraction_bits <= 0:
        return x
    rounding = EXACT_ROUNDINGS[op_type]
    range_ = rounded_range(x, rounding)
    return node.emit(QuantizeOp(x, FixedType(64) if range_ is None else fixed_type(range_), rounding))


@importer("Softmax")
def import_softmax(node: Node) -> SSAValue:
    return along_axis(node, node.float_operand(0), lambda x, axis: node.emit(SoftmaxOp(x, axis)))
