# SPDX-License-Identifier: Apache-2.0
"""Intervals through convolutions: one for each output channel, reached at some position if the inputs are independent.

A sum takes the taps that meet elements of the input; near a border those are fewer, and which they are is known for
each position. So a bound over all positions is the extremum over the few sets of taps that occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..qdialect.q import Convolution, ConvOp
from ..qdialect.rounding import magnitude
from ..qdialect.types import shape_of
from . import interval
from .interval import Array, Interval


def convolved(op: Convolution, x: Interval, weights: Interval) -> Interval:
    """Bounds of the result, [M, 1, ...] or [M]; elements of one input channel count as having one interval."""
    w_shape, groups = shape_of(op.weights), op.groups
    channels, kernel = op.in_channels // groups, w_shape[2:]
    by_channel = Interval(_channels(op, x.lo, np.minimum), _channels(op, x.hi, np.maximum), x.scale)
    matrices = weights.map(lambda bound: _matrices(np.broadcast_to(bound, w_shape), groups, isinstance(op, ConvOp)))
    rows = by_channel.map(lambda bound: bound.reshape(-1, 1, bound.size // groups or 1))
    per_tap = interval.matmul(rows, matrices, (groups, 1, channels), matrices.lo.shape)
    taps = [_sets_of_taps(op, axis) for axis in range(len(kernel))]
    lo, hi = (
        _extremum(bound.reshape(-1, *kernel), taps, end) for bound, end in ((per_tap.lo, np.min), (per_tap.hi, np.max))
    )
    found = Interval(lo, hi, per_tap.scale)
    return found.map(lambda bound: bound.reshape(-1)) if op.channels_last else found


def _channels(op: Convolution, bound: Array, ufunc: Any) -> Array:
    """One bound for each channel of the input, or for all: [C or 1]."""
    bound = bound.reshape((1,) * (len(shape_of(op.input)) - bound.ndim) + bound.shape)
    return np.atleast_1d(ufunc.reduce(bound, axis=(0, *op.spatial_axes)))


def _matrices(weights: Array, groups: int, output_first: bool) -> Array:
    """Weights as [groups, input channels, output channels * taps]."""
    weights = weights.reshape(groups, -1, *weights.shape[1:])
    weights = weights.swapaxes(1, 2) if output_first else weights
    return weights.reshape(*weights.shape[:2], -1)


def _sets_of_taps(op: Convolution, axis: int) -> Array:
    """The different sets of taps that meet elements at some position along a spatial axis: 0 and 1, [sets, taps]."""
    window = op.window
    place = op.spatial_axes[axis]
    before, after = shape_of(op.input)[place], shape_of(op.result)[place]
    steps, size = (after, before) if isinstance(op, ConvOp) else (before, after)
    tap = np.arange(window.kernel[axis])
    place = np.arange(steps)[:, None] * window.strides[axis] + tap * window.dilations[axis] - window.low[axis]
    inside = (place >= 0) & (place < size)
    if not isinstance(op, ConvOp):  # each step of the window is an input, each place an output
        reached = np.zeros((after, len(tap)), bool)
        reached[place[inside], np.broadcast_to(tap, place.shape)[inside]] = True
        inside = reached
    return np.unique(inside, axis=0).astype(np.int64)


def _extremum(per_tap: Array, taps: Sequence[Array], end: Any) -> Array:
    """The least (`np.min`) or greatest sum over the sets of taps: [M, 1, ...]."""
    if per_tap.dtype != object and magnitude(per_tap) * per_tap[0].size >= 1 << 63:
        per_tap = per_tap.astype(object)
    rank = len(taps)
    for sets in taps:
        per_tap = np.tensordot(per_tap, sets, axes=([1], [1]))  # the axis of taps goes, that of sets comes last
    return np.asarray(end(per_tap, axis=tuple(range(1, rank + 1)), keepdims=True))
