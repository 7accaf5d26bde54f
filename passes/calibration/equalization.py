# SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalisation: scale channels between two layers such that both have weights of like size.

Channel i of the first layer is divided by s_i, and the weights of the second that meet it are multiplied by s_i
(Nagel et al. 2019): nothing changes behind a ReLU, since relu(x / s) = relu(x) / s for s > 0. Here s_i are powers of
two, so that every float32 result stays the same, bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from ...qdialect.attrs import Array
from ...qdialect.q import Convolution, ConvOp, MatMulOp, MaxPoolOp, ReluOp
from .folding import along, bias_by_channel, set_bias, set_weights
from .layers import Linear, find_layers

SWEEPS = 20  # over all pairs; a chain of layers settles after a few


def equalize(function: FuncOp) -> int:
    """Equalise all pairs of layers that a ReLU or nothing separates; returns how many pairs there are."""
    count = 0
    for _ in range(SWEEPS):
        pairs = list(_pairs(find_layers(function).linears))
        count = len(pairs)
        if not sum([_equalize(first, second) for first, second in pairs]):
            break
    return count


def _pairs(linears: list[Linear]) -> Iterable[tuple[Linear, Linear]]:
    by_input = {linear.x: linear for linear in linears}
    for first in linears:
        if first.out_axis is None or (isinstance(first.op, ConvOp) and first.op.channels_last):
            continue
        second = by_input.get(_behind(first.result))
        if second is not None and _input_axis(second) is not None and _same_channels(first, second):
            yield first, second


def _behind(value: SSAValue) -> SSAValue:
    """The value that a ReLU and max pools make of the sums, while nothing else uses them."""
    while True:
        uses = list(value.uses)
        user = uses[0].operation if len(uses) == 1 else None
        if not isinstance(user, ReluOp | MaxPoolOp):
            return value
        value = user.results[0]


def _input_axis(linear: Linear) -> int | None:
    """The axis of the weights that counts input channels."""
    if len(list(linear.x.uses)) != 1:
        return None
    if isinstance(linear.op, MatMulOp):
        rank = linear.weights.array.ndim
        return rank - 2 if linear.weight_index else rank - 1
    if not isinstance(linear.op, ConvOp) or linear.op.channels_last:
        return None
    if linear.op.groups == 1:
        return 1
    return 0 if linear.weights.array.shape[0] == linear.op.groups == linear.op.in_channels else None


def _same_channels(first: Linear, second: Linear) -> bool:
    axis = _input_axis(second)
    assert axis is not None
    assert first.out_axis is not None
    same_kind = isinstance(first.op, Convolution) == isinstance(second.op, Convolution)
    return same_kind and second.weights.array.shape[axis] == first.weights.array.shape[first.out_axis]


def _equalize(first: Linear, second: Linear) -> bool:
    """Scale the channels between two layers; whether any changed."""
    axis = _input_axis(second)
    assert axis is not None
    assert first.out_axis is not None
    scales = _scales(_largest(first.weights.array, first.out_axis), _largest(second.weights.array, axis))
    if bool((scales == 1).all()):
        return False
    set_weights(first, first.weights.array / along(scales, first.out_axis, first.weights.array.ndim))
    if first.bias is not None:
        set_bias(first, bias_by_channel(first) / scales)
    set_weights(second, second.weights.array * along(scales, axis, second.weights.array.ndim))
    return True


def _largest(weights: Array, axis: int) -> Array:
    others = tuple(i for i in range(weights.ndim) if i != axis)
    return np.abs(weights).max(axis=others).astype(np.float64)


def _scales(first: Array, second: Array) -> NDArray[np.float64]:
    """The power of two nearest to sqrt(first / second), from below; 1 where a channel is zero."""
    used = (first > 0) & (second > 0)
    ratio = np.where(used, first, 1.0) / np.where(used, second, 1.0)
    _, exponents = np.frexp(ratio)
    return np.ldexp(1.0, np.trunc((exponents - 0.5) / 2).astype(np.int64))
