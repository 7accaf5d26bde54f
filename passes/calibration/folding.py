# SPDX-License-Identifier: Apache-2.0
"""Fold batch normalisation, and scaling by channels, into the weights and bias in front of it (float32 networks)."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...qdialect.attrs import Array, DenseAttr
from ...qdialect.q import AddOp, BatchNormOp, ConstantOp
from ...qdialect.q.inference import constant_of
from ...qdialect.types import is_f32, shape_of
from ..rewriting import at, constant
from .layers import Linear, find_layers


def fold_batch_norms(function: FuncOp) -> int:
    """Fold each batch normalisation behind a layer with weights; returns how many."""
    folded = 0
    for linear in find_layers(function).linears:
        uses = list(linear.result.uses)
        op = uses[0].operation if len(uses) == 1 else None
        if isinstance(op, BatchNormOp) and op.axis == linear.channel_axis and linear.out_axis is not None:
            folded += _fold(linear, op)
    return folded


def _fold(linear: Linear, norm: BatchNormOp) -> bool:
    parameters = [constant_of(value) for value in (norm.scale, norm.bias, norm.mean, norm.variance)]
    if any(parameter is None or not is_f32(parameter.type.element_type) for parameter in parameters):
        return False
    scale, bias, mean, variance = (parameter.array.astype(np.float64) for parameter in parameters if parameter)
    factor = scale / np.sqrt(variance + norm.epsilon)
    before = bias_by_channel(linear)
    set_weights(linear, linear.weights.array * along(factor, linear.out_axis, linear.weights.array.ndim))
    new = add_bias(linear, (before - mean) * factor + bias, norm)
    norm.result.replace_all_uses_with(new)
    Rewriter.erase_op(norm)
    if linear.bias is not None:
        Rewriter.erase_op(linear.bias)
    return True


def along(values: Array, axis: int | None, rank: int) -> Array:
    """One value for each entry along `axis`, as an array of so many axes."""
    assert axis is not None
    return values.reshape([-1 if index == axis else 1 for index in range(rank)])


def bias_shaped(linear: Linear, values: Array) -> Array:
    """One value for each output channel, as it broadcasts against the result, without axes in front."""
    axis = linear.channel_axis
    return values.reshape(-1, *(1,) * (len(shape_of(linear.op.result)) - 1 - axis))


def bias_by_channel(linear: Linear) -> Array:
    """The bias of each output channel, float64; zeros if there is none."""
    channels = shape_of(linear.op.result)[linear.channel_axis]
    if linear.bias is None:
        return np.zeros(channels)
    values = constant_of(bias_operand(linear))
    assert values is not None
    shape = shape_of(linear.op.result)
    full = np.broadcast_to(values.array.astype(np.float64), shape)
    return np.moveaxis(full, linear.channel_axis, 0).reshape(channels, -1)[:, 0]


def bias_operand(linear: Linear) -> SSAValue:
    """The constant of the bias."""
    assert linear.bias is not None
    return linear.bias.rhs if linear.bias.lhs is linear.op.result else linear.bias.lhs


def set_weights(linear: Linear, weights: Array) -> None:
    """Give the layer other float32 weights."""
    replace_constant(linear.op, linear.weight_index, weights)


def set_bias(linear: Linear, bias: Array) -> None:
    """Give the layer another bias for each channel; it has one already."""
    assert linear.bias is not None
    index = 1 if linear.bias.lhs is linear.op.result else 0
    replace_constant(linear.bias, index, bias_shaped(linear, bias))


def constant_array(op: ConstantOp) -> Array:
    value = op.value
    assert isinstance(value, DenseAttr)
    return value.array


def set_constant(op: ConstantOp, numbers: Array) -> None:
    """Give a float32 constant other numbers."""
    shaped = np.array(numbers, np.float32).reshape(constant_array(op).shape)
    op.properties["value"] = constant(shaped, Float32Type()).value


def replace_constant(user: Operation, index: int, values: Array) -> None:
    """Let one operand of `user` be a new float32 constant."""
    old = user.operands[index]
    new = constant(np.ascontiguousarray(values, np.float32), Float32Type())
    new.result.name_hint = old.name_hint
    new.location = old.owner.location if isinstance(old.owner, Operation) else user.location
    Rewriter.insert_op(new, InsertPoint.before(user))
    user.operands[index] = new.result
    if isinstance(old.owner, ConstantOp) and not list(old.uses):
        Rewriter.erase_op(old.owner)


def add_bias(linear: Linear, bias: Array, place: Operation) -> SSAValue:
    """A bias for each channel behind the sums, with the name and location of `place`."""
    offset = at(constant(np.ascontiguousarray(bias_shaped(linear, bias), np.float32), Float32Type()), place)
    add = at(AddOp(linear.op.result, offset.result), place)
    add.result.name_hint = place.results[0].name_hint
    Rewriter.insert_op([offset, add], InsertPoint.after(linear.op))
    return add.result
