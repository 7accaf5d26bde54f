# SPDX-License-Identifier: Apache-2.0
"""A layer with weights as a matrix product: its inputs as rows, its weights as one row for each output channel."""

from __future__ import annotations

import numpy as np

from ...qdialect.attrs import Array
from ...qdialect.q import ConvOp, MatMulOp
from ...qdialect.types import shape_of
from .layers import Linear


def has_rows(linear: Linear) -> bool:
    """Whether the layer is a product with one matrix for each group: not so for transposed convolutions."""
    if isinstance(linear.op, MatMulOp):
        return len(shape_of(linear.op.operands[linear.weight_index])) == 2
    return isinstance(linear.op, ConvOp)


def groups_of(linear: Linear) -> int:
    return linear.op.groups if isinstance(linear.op, ConvOp) else 1


def weight_rows(linear: Linear, weights: Array) -> Array:
    """[groups, output channels of a group, terms of a sum]."""
    if isinstance(linear.op, MatMulOp):
        return (weights.T if linear.weight_index else weights)[None]
    return weights.reshape(groups_of(linear), -1, int(np.prod(weights.shape[1:])))


def sum_terms(linear: Linear, weights: Array) -> Array:
    """[..., terms]: weights that may meet in one sum; of a transposed convolution all taps of an output channel."""
    if has_rows(linear):
        return weight_rows(linear, weights)
    if isinstance(linear.op, MatMulOp):
        return np.moveaxis(weights, -2, -1) if linear.weight_index else weights
    grouped = weights.reshape(linear.op.groups, -1, *weights.shape[1:])  # [groups, inputs, outputs, taps ...]
    outputs_first = np.moveaxis(grouped, 2, 1)
    return outputs_first.reshape(*outputs_first.shape[:2], -1)


def rows_to_weights(linear: Linear, rows: Array) -> Array:
    """The weights whose rows these are."""
    if isinstance(linear.op, MatMulOp):
        return rows[0].T if linear.weight_index else rows[0]
    return rows.reshape(shape_of(linear.op.weights))


def input_rows(linear: Linear, x: Array, positions: Array) -> Array:
    """[groups, rows, terms]: what the weights of a group meet, at some output positions of each frame.

    Args:
        x: [frames, *shape of the input].
        positions: which of a frame's output positions to take; numbers beyond the last count on from the first.
    """
    if isinstance(linear.op, MatMulOp):
        rows = x if linear.weight_index else np.moveaxis(x, -2, -1)
        rows = rows.reshape(len(x), -1, rows.shape[-1])
        rows = rows[:, np.unique(positions % rows.shape[1])]
        return rows.reshape(1, -1, rows.shape[-1])
    assert isinstance(linear.op, ConvOp)
    patches = _patches(linear.op, x)
    frames, channels, size, taps = patches.shape
    groups = groups_of(linear)
    taken = patches[:, :, np.unique(positions % size)].reshape(frames, groups, channels // groups, -1, taps)
    return taken.transpose(1, 0, 3, 2, 4).reshape(groups, -1, channels // groups * taps)


def _patches(op: ConvOp, x: Array) -> Array:
    """[frames, channels, positions, taps] of the windows of a convolution."""
    x = x.reshape(-1, *x.shape[2:])  # frames of the batch axis of the model
    x = np.moveaxis(x, -1, 1) if op.channels_last else x
    window = op.window
    borders = [(0, 0), (0, 0), *zip(window.low, window.high, strict=True)]
    padded = np.pad(x, borders)
    axes = tuple(range(2, padded.ndim))
    views = np.lib.stride_tricks.sliding_window_view(padded, window.extents, axes)
    rank = len(axes)
    steps = tuple(slice(None, None, stride) for stride in window.strides)
    taps = tuple(slice(None, None, dilation) for dilation in window.dilations)
    views = views[(slice(None), slice(None), *steps, *taps)]
    count = int(np.prod(views.shape[2 + rank :]))
    return views.reshape(*views.shape[:2], -1, count)
