# SPDX-License-Identifier: Apache-2.0
"""Activations and normalisation: BatchNormalization, Relu, Clip, Sign."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import Rounding
from ....qdialect.q import BatchNormOp, ClipOp, MaxOp, MinOp, QuantizeOp, ReluOp
from ....qdialect.types import FixedType, integer_format
from ..model import Array, scalar_of
from ..node import Node, Value
from ..quantized_value import QuantizedValue
from ..registry import importer
from .integer_tails import requantized

LARGEST = np.finfo(np.float32).max


@importer("Relu")
def import_relu(node: Node) -> SSAValue:
    return node.emit_moved(ReluOp(node.operand(0)))


@importer("Sign")
def import_sign(node: Node) -> SSAValue:
    """-1, 0 or +1: rounding away from zero, saturated."""
    return node.emit_moved(QuantizeOp(node.operand(0), FixedType(2), Rounding.UP, narrow=True))


@importer("Clip")
def import_clip(node: Node) -> Value:
    bounds = [index for index in (1, 2) if node.opset >= 11 and node.has_input(index)]
    if not all(isinstance(node.value(index), np.ndarray) for index in bounds):
        return _clip_at_computed_bounds(node, bounds)
    low, high = _clip_bounds(node)
    value = node.value(0)
    if isinstance(value, QuantizedValue) and not isinstance(low, float) and not isinstance(high, float):
        codes = value.clipped(low, high)
        if codes is None:
            raise node.error(f"bounds {low} and {high} leave no code of {value.parameters.type}", "correct the bounds")
        return codes
    type_ = node.integer_type(0)
    rounded = requantized(node, node.operand(0), -np.inf if low is None else low, np.inf if high is None else high)
    if rounded is not None:
        return rounded if type_ is None else node.as_integer(rounded, type_)
    if type_ is not None:
        return _clip_integers(node, type_, low, high)
    x = node.number_operand(0)
    if low == 0 and high is None:
        return node.emit(ReluOp(x))
    wide = any(node.constant(index, "the bound").dtype == np.float64 for index in bounds)
    ends = (-LARGEST if low is None else low, LARGEST if high is None else high)
    minimum, maximum = (node.constant_beside(x, np.asarray(end, np.float64 if wide else np.float32)) for end in ends)
    return node.emit(ClipOp(x, minimum, maximum))


def _clip_at_computed_bounds(node: Node, bounds: list[int]) -> SSAValue:
    (result,), type_ = node.exact_operands(0)
    for index in bounds:
        (_, bound), _ = node.exact_operands(0, index)
        result = node.emit_exact(MaxOp(result, bound) if index == 1 else MinOp(result, bound), type_)
    return result


def _clip_integers(node: Node, type_: Attribute, low: int | float | None, high: int | float | None) -> SSAValue:
    range_ = integer_format(type_).code_range
    ends = [range_.lo if low is None else int(low), range_.hi if high is None else int(high)]
    minimum, maximum = (node.add_constant(np.asarray(end, object), type_) for end in ends)
    return node.emit_integer(ClipOp(node.operand(0), minimum, maximum), type_)


def _clip_bounds(node: Node) -> tuple[int | float | None, int | float | None]:
    """Lower and upper bound; None where there is none. Inputs since opset 11, before attributes."""
    if node.opset < 11:
        given = [np.asarray(node.number(name), np.float32) if node.has(name) else None for name in ("min", "max")]
    else:
        given = [node.constant(i, "the bound") if node.has_input(i) else None for i in (1, 2)]
    low, high = (None if bound is None else _bound(node, bound) for bound in given)
    return low, high


def _bound(node: Node, array: Array) -> int | float:
    if array.dtype.kind not in "iu":
        array = array if array.dtype == np.float64 else node.as_float32(array, "the bound")
        if np.isnan(array).any():
            raise node.error("a bound is NaN", "export the model again")
    bound = scalar_of(array)
    if bound is None:
        raise node.error(f"a bound of shape {list(array.shape)} is not one number", "give one number")
    return bound


@importer("BatchNormalization")
def import_batch_normalization(node: Node) -> SSAValue:
    if node.integer("training_mode", 0) or (node.opset < 7 and not node.integer("is_test", 0)):
        raise node.error("the node is in training mode", "export the model for inference (model.eval())")
    if not node.integer("spatial", 1):
        raise node.error("batch normalisation by element is not supported", "export with spatial = 1")
    x, shape = node.number_operand(0), node.shape(0)
    if len(shape) < 2:
        raise node.error(f"the input of shape {list(shape)} has no channel axis", "give it a batch and a channel axis")
    axis = _channel_axis(node, shape)
    parameters = [_channel_parameter(node, i + 1, name, shape[axis]) for i, name in enumerate(BATCH_NORM_INPUTS)]
    if (parameters[3] < 0).any():
        raise node.error("a variance is negative", "train or export the model again")
    epsilon = node.number("epsilon", 1e-5)
    if not 0 <= epsilon <= LARGEST or not (parameters[3] + np.float32(epsilon) > 0).all():
        raise node.error(f"variance plus epsilon ({epsilon:g}) is not positive", "give a positive epsilon")
    scale, bias, mean, variance = (
        node.add_constant(array, None, node.input_name(i + 1)) for i, array in enumerate(parameters)
    )
    return node.emit(BatchNormOp(x, scale, bias, mean, variance, epsilon, axis))


BATCH_NORM_INPUTS = ("the scale", "the bias", "the mean", "the variance")


def _channel_axis(node: Node, shape: tuple[int, ...]) -> int:
    """Axis 1. Some Keras exporters transpose [1, C] to [C, 1] before the node: then the one axis with C elements."""
    channels = node.constant_numbers(1, BATCH_NORM_INPUTS[0]).size
    fitting = [axis for axis, size in enumerate(shape) if size == channels]
    return fitting[0] if shape[1] == 1 and len(fitting) == 1 else 1


def _channel_parameter(node: Node, index: int, what: str, channels: int) -> Array:
    array = node.constant_numbers(index, what)
    if array.shape != (channels,):
        mend = "the channel axis is axis 1; give one number for each channel"
        raise node.error(f"{what} has shape {list(array.shape)}, the input has {channels} channels", mend)
    return array
