# SPDX-License-Identifier: Apache-2.0
"""Operators on codes: QLinearConv, QLinearMatMul and those of onnxruntime (QLinearAdd, QGemm, ...).

Each is imported as what it means: DequantizeLinear of its inputs, the operator on numbers, QuantizeLinear of the
result. So a network in this form and one in QDQ form become the same q ops.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.types import FixedType, FloatType, UFixedType, shape_of
from ..channels_last import channels_last
from ..model import STANDARD_DOMAIN
from ..node import Node, Value
from ..quantized_value import Parameters
from ..quantizer import emit_codes_times_scale, emit_scale
from ..registry import IMPORTERS, importer
from .linear_quantizers import code_type_named, code_type_of, constant_parameters, dequantized, quantized

MICROSOFT = ("com.microsoft",)
BOTH = (STANDARD_DOMAIN, *MICROSOFT)

CodeType = FixedType | UFixedType | FloatType


@dataclass(frozen=True)
class _Operand:
    """Numbers that codes stand for, and how."""

    numbers: SSAValue
    parameters: Parameters


def _operand(node: Node, index: int, axis: int = 0) -> _Operand:
    """Codes, scale and zero point at `index` and behind; scale and zero point may vary along `axis`."""
    type_, shape = code_type_of(node, index), node.shape(index)
    parameters = constant_parameters(node, type_, shape, (index + 1, index + 2), axis)
    return _Operand(dequantized(node, index, parameters), parameters)


def _on_numbers(node: Node, op_type: str, operands: Sequence[Value], num_transposed: int = 0) -> SSAValue:
    """The standard op of that name with the node's attributes; `num_transposed` operands may have channels last."""
    names = [f"operand {index}" for index in range(len(operands))]
    definition = replace(node.definition, domain=STANDARD_DOMAIN, op_type=op_type, inputs=tuple(names))
    model = node.builder.model
    if node.has("opset"):
        model = replace(model, opsets={**model.opsets, STANDARD_DOMAIN: node.integer("opset")})
    builder = node.builder.inner(model, ChainMap(dict(zip(names, operands, strict=True)), node.builder.values))
    import_op = IMPORTERS[STANDARD_DOMAIN, op_type]
    if num_transposed and node.integer("channels_last", 0):
        import_op = channels_last(import_op, num_transposed)
    result = import_op(Node(definition, builder))
    assert isinstance(result, SSAValue)
    return result


def _quantized(node: Node, result: SSAValue, index: int, default: CodeType, axis: int = 0) -> Value:
    """The codes of a result, with scale and zero point at `index` and behind; of type `default` without zero point."""
    has_zero_point = node.has_input(index + 1)
    type_ = code_type_named(node, node.constant(index + 1, "the zero point").dtype.name) if has_zero_point else default
    shape = shape_of(result)
    return quantized(node, result, constant_parameters(node, type_, shape, (index, index + 1), axis))


def _bias(node: Node, index: int, factors: Sequence[Parameters], alpha: float = 1.0) -> list[SSAValue]:
    """Codes of a bias times the scales of the two operands: exact until all is added up. Nothing if there is none."""
    if not node.has_input(index):
        return []
    first, second = (parameters.scale for parameters in factors)
    value = node.value(index)
    if isinstance(value, np.ndarray):
        bias = emit_codes_times_scale(node, value.astype(np.int64), code_type_named(node, value.dtype.name), first)
    else:
        bias = emit_scale(node, node.operand(index), first)
    bias = emit_scale(node, bias, second.reshape(-1) if second.ndim else second)
    return [emit_scale(node, bias, np.asarray(alpha, np.float32))]


@importer("QLinearConv", domains=BOTH)
def import_conv(node: Node) -> Value:
    """Weights by output channel: axis 0."""
    x, weights = _operand(node, 0), _operand(node, 3, axis=0)
    bias = _bias(node, 8, (x.parameters, weights.parameters))
    result = _on_numbers(node, "Conv", [x.numbers, weights.numbers, *bias], num_transposed=1)
    return _quantized(node, result, 6, x.parameters.type)


@importer("QLinearMatMul", domains=BOTH)
def import_mat_mul(node: Node) -> Value:
    """Scales by row of the left matrix, by column of the right one."""
    lhs, rhs = _operand(node, 0, axis=max(len(node.shape(0)) - 2, 0)), _operand(node, 3, axis=len(node.shape(3)) - 1)
    result = _on_numbers(node, "MatMul", [lhs.numbers, rhs.numbers])
    return _quantized(node, result, 6, lhs.parameters.type, axis=max(len(shape_of(result)) - 2, 0))


@importer("QGemm", domains=MICROSOFT)
def import_gemm(node: Node) -> Value:
    """Without an output scale the result is float32."""
    a, b = _operand(node, 0), _operand(node, 3, axis=0 if node.integer("transB", 0) else 1)
    bias = _bias(node, 6, (a.parameters, b.parameters), node.number("alpha", 1.0))
    result = _on_numbers(node, "Gemm", [a.numbers, b.numbers, *bias])
    return _quantized(node, result, 7, a.parameters.type) if node.has_input(7) else result


@importer("QLinearAdd", "QLinearMul", domains=MICROSOFT)
def import_arithmetic(node: Node) -> Value:
    lhs, rhs = _operand(node, 0), _operand(node, 3)
    plain = node.definition.op_type.removeprefix("QLinear")
    return _quantized(node, _on_numbers(node, plain, [lhs.numbers, rhs.numbers]), 6, lhs.parameters.type)


def _unary(num_transposed: int = 0) -> Callable[[Node], Value]:
    def import_unary(node: Node) -> Value:
        x = _operand(node, 0)
        plain = node.definition.op_type.removeprefix("QLinear")
        result = _on_numbers(node, plain, [x.numbers], num_transposed)
        return _quantized(node, result, 3, x.parameters.type)

    return import_unary


_FUNCTIONS = ("QLinearSigmoid", "QLinearLeakyRelu", "QLinearReduceMean", "QLinearSoftmax")
_POOLS = ("QLinearAveragePool", "QLinearGlobalAveragePool")
importer(*_FUNCTIONS, domains=MICROSOFT)(_unary())
importer(*_POOLS, domains=MICROSOFT)(_unary(num_transposed=1))


@importer("QLinearConcat", domains=MICROSOFT)
def import_concat(node: Node) -> Value:
    operands = [_operand(node, index) for index in range(2, len(node.definition.inputs), 3)]
    if not operands:
        raise node.error("there is nothing to join", "export the model again")
    result = _on_numbers(node, "Concat", [operand.numbers for operand in operands])
    return _quantized(node, result, 0, operands[0].parameters.type)


@importer("QLinearWhere", domains=MICROSOFT)
def import_where(node: Node) -> Value:
    x, y = _operand(node, 1), _operand(node, 4)
    result = _on_numbers(node, "Where", [node.value(0), x.numbers, y.numbers])
    return _quantized(node, result, 7, x.parameters.type)
