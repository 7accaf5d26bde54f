# SPDX-License-Identifier: Apache-2.0
"""Weights for each word length, rounded such that the sums of their layer change least (`calibration.reconstruction`).

The inputs are those that the layer gets in the network of the start, where every quantiser has its most bits. So the
weights of a word length are computed once, and serve whatever the word lengths of other quantisers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ...qdialect.attrs import Array
from ...qdialect.formats import Rounding
from ...qdialect.q import AddOp, ConstantOp, Convolution, DivOp, MatMulOp, MulOp, QuantizeOp
from ...qdialect.q.inference import constant_of
from ...qdialect.reference import compile_function
from ...qdialect.types import FixedType, UFixedType, element_type, is_f32, shape_of
from ..calibration.folding import bias_shaped, constant_array
from ..calibration.layers import Linear
from ..calibration.quantizer import Quantizer
from ..calibration.reconstruction import Moments, bias_change
from ..calibration.rounding_weights import POSITIONS, SEED, rounded_rows
from ..calibration.rows import groups_of, has_rows, input_rows, rows_to_weights, weight_rows
from ..calibration.scoring import numbers_of
from ..calibration.statistics import BATCH, observe
from .fitting import Fit

NEAREST = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN)
FRAMES = 256  # that the inputs of layers are taken from


@dataclass(frozen=True)
class Layer:
    """A layer with quantised weights: the float32 constants of its weights and bias, which nothing else uses.

    `scale`: what the weights are divided by on their way to the quantiser; 1 if by nothing.
    """

    linear: Linear
    weights: ConstantOp
    scale: Array
    bias: ConstantOp | None

    @property
    def rows(self) -> Array:
        """The weights [groups, output channels of a group, terms of a sum]."""
        return weight_rows(self.linear, constant_array(self.weights))


def layer_of(op: QuantizeOp) -> Layer | None:
    """The layer whose weights pass a quantiser; None if these are moved, or shared, on their way.

    None as well where rounding is directed: it may take numbers on the grid, divided by the scale in float32, off it.
    """
    if op.rounding not in NEAREST:
        return None
    division = op.input.owner if isinstance(op.input.owner, DivOp) else None
    constant = _own_constant(op.input if division is None else division.lhs)
    scale = np.ones((), np.float32) if division is None else _float_constant(division.rhs)
    value, user = op.result, _only_user(op.result)
    if isinstance(user, MulOp):
        value, user = user.result, _only_user(user.result)
    if constant is None or scale is None or not isinstance(user, MatMulOp | Convolution):
        return None
    index = 0 if user.operands[0] is value else 1
    linear = Linear(user, (), "", user.operands[1 - index], index, None, None)
    return Layer(linear, constant, scale, _bias_of(linear)) if has_rows(linear) else None


def input_moments(module: ModuleOp, layers: Sequence[Layer], frames: Array) -> list[list[Moments]]:
    """Of the inputs of each layer, for each group."""
    moments = [
        [Moments.of(layer.rows.shape[-1], layer.bias is not None) for _ in range(groups_of(layer.linear))]
        for layer in layers
    ]
    plan, chooser = compile_function(module), np.random.default_rng(SEED)
    some = frames[:: -(-len(frames) // FRAMES)]  # classes may come in turn
    for start in range(0, len(some), BATCH):
        parts: dict[SSAValue, list[Array]] = {layer.linear.x: [] for layer in layers}
        batch, positions = some[start : start + BATCH], chooser.integers(0, 1 << 30, POSITIONS)
        observe(plan, list(parts), [[batch]], lambda value, codes, to=parts: to[value].append(numbers_of(value, codes)))
        for layer, groups in zip(layers, moments, strict=True):
            rows = input_rows(layer.linear, np.concatenate(parts[layer.linear.x]), positions)
            for group, moment in zip(rows, groups, strict=True):
                moment.add(group, group)
    return moments


def reconstructed(op: QuantizeOp, moments: Sequence[Moments], fit: Fit, type_: FixedType | UFixedType) -> Fit:
    """The fit with weights on the grid of its scale and of the type, and with what the bias becomes."""
    layer = layer_of(op)
    assert layer is not None
    step = np.ldexp(layer.scale if fit.scale is None else fit.scale, -type_.format.fraction_bits).astype(np.float32)
    grid = Quantizer(type(type_)(type_.format.word_length), step, narrow=op.narrow)
    rows = rounded_rows(layer.rows.astype(np.float64), moments, grid)
    bias = None
    if layer.bias is not None:
        change = np.concatenate([bias_change(*group) for group in zip(layer.rows, rows, moments, strict=True)])
        bias = constant_array(layer.bias) + bias_shaped(layer.linear, change)
    return replace(fit, weights=rows_to_weights(layer.linear, rows), bias=bias)


def _bias_of(linear: Linear) -> ConstantOp | None:
    """The constant that is added to the sums, one number for each channel."""
    add = _only_user(linear.op.result)
    if not isinstance(add, AddOp):
        return None
    value = add.rhs if add.lhs is linear.op.result else add.lhs
    while isinstance(value.owner, MulOp | QuantizeOp | DivOp):
        value = value.owner.operands[0]
    constant = _own_constant(value)
    if constant is None:
        return None
    shape, channels = constant_array(constant).shape, shape_of(linear.op.result)[linear.channel_axis]
    return constant if np.broadcast_shapes(shape, bias_shaped(linear, np.zeros(channels)).shape) == shape else None


def _own_constant(value: SSAValue) -> ConstantOp | None:
    """A float32 constant that nothing else uses."""
    owner = value.owner
    return owner if isinstance(owner, ConstantOp) and is_f32(element_type(value)) and value.has_one_use() else None


def _float_constant(value: SSAValue) -> Array | None:
    found = constant_of(value)
    return None if found is None or not is_f32(found.type.element_type) else found.array


def _only_user(value: SSAValue) -> Operation | None:
    return next(iter(value.uses)).operation if value.has_one_use() else None
