# SPDX-License-Identifier: Apache-2.0
"""The layers with constant weights, whatever stands between the constant and the layer, and new weights for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from ..qdialect.attrs import DenseAttr
from ..qdialect.errors import node_name
from ..qdialect.q import ArithmeticOp, BinaryOp, ConstantOp, Convolution, ConvTransposeOp, MatMulOp
from ..qdialect.types import FixedType, UFixedType, is_f32, shape_of, unshared
from .infer_ranges import InferRangesPass
from .rewriting import at, is_constant


@dataclass(frozen=True)
class WeightedLayer:
    """An op that multiplies with the weights of `constant`: integer codes, or float32 numbers.

    Attributes:
        output_axis: the axis of the weights that counts output channels.
        kernel_axes: the axes along which two-dimensional kernels lie; none in a product with a matrix.
    """

    op: MatMulOp | Convolution
    constant: ConstantOp
    output_axis: int
    kernel_axes: tuple[int, ...]

    @property
    def name(self) -> str:
        """The ONNX node, or what the IR calls the result."""
        return node_name(self.op) or self.op.result.name_hint or self.op.name

    @property
    def weights(self) -> DenseAttr:
        return self.constant.value

    @property
    def is_float(self) -> bool:
        return is_f32(self.weights.type.element_type)


def weighted_layers(module: ModuleOp) -> list[WeightedLayer]:
    """The layers in program order; of several that take one constant the first. Bipolar weights do not count."""
    layers: dict[ConstantOp, WeightedLayer] = {}
    for op in module.walk():
        layer = _layer(op)
        if layer is not None and layer.weights.array.size:
            layers.setdefault(layer.constant, layer)
    return list(layers.values())


def _layer(op: Operation) -> WeightedLayer | None:
    if isinstance(op, Convolution) and not is_constant(op.input):
        constant = _source(op.weights)
        axis = 1 if isinstance(op, ConvTransposeOp) else 0
        return None if constant is None else WeightedLayer(op, constant, axis, (0, 1))
    if isinstance(op, MatMulOp) and is_constant(op.rhs) != is_constant(op.lhs):
        right = is_constant(op.rhs)
        constant = _source(op.rhs if right else op.lhs)
        if constant is not None and len(constant.value.array.shape) == 2:
            return WeightedLayer(op, constant, 1 if right else 0, ())
    return None


def _source(value: SSAValue) -> ConstantOp | None:
    """The constant of codes or float32 numbers behind the scales and zero points of weights."""
    owner = value.owner
    if isinstance(owner, ConstantOp):
        type_ = owner.value.type.element_type
        return owner if isinstance(unshared(type_), FixedType | UFixedType) or is_f32(type_) else None
    if not isinstance(owner, BinaryOp):
        return None
    full = [operand for operand in owner.operands if prod(shape_of(operand)) == prod(shape_of(value))]
    found = [source for source in map(_source, full) if source is not None]
    return found[0] if found else None


def set_weights(module: ModuleOp, weights: Mapping[ConstantOp, DenseAttr]) -> None:
    """Give constants new values, and every integer type that followed from the old ones what follows from the new."""
    for constant, value in weights.items():
        new = at(ConstantOp(value), constant)
        new.result.name_hint = constant.result.name_hint
        Rewriter.replace_op(constant, new)
    for op in module.walk():
        if isinstance(op, ArithmeticOp):
            op.properties.pop("range", None)
    InferRangesPass().apply(Context(), module)
