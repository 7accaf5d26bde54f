# SPDX-License-Identifier: Apache-2.0
"""Intervals through pools and reductions, elementwise; every bound is reached if the elements are independent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from ..qdialect.q import MaxPoolOp, SumPoolOp
from ..qdialect.q.pooling import PoolOp
from ..qdialect.reference.q.pooling import pooled
from ..qdialect.rounding import INT64_LIMIT
from ..qdialect.types import shape_of
from .interval import Array, Interval


def pool_extreme(op: MaxPoolOp, x: Interval) -> Interval:
    """The largest element of each window."""
    lowest = x.hull.lo
    return x.map(lambda values: _over_windows(op, values, np.maximum, lowest))


def pool_sum(op: SumPoolOp, x: Interval) -> Interval:
    """The sum of each window."""
    taps = op.taps
    counts = [axis.counts() for axis in taps]
    most = prod(int(axis.max()) for axis in counts)
    uniform = all((axis == axis[0]).all() for axis in counts)
    elements = np.asarray(most) if uniform else reduce(np.multiply.outer, counts, np.ones((), np.int64))
    around = [axis for axis in range(len(shape_of(op.input))) if axis not in op.spatial_axes]

    def bound(values: Array) -> Array:
        values = _full_rank(_wide(values, most), len(shape_of(op.input)))
        if _same_everywhere(op, values):
            return np.asarray(values * (elements if uniform else np.expand_dims(elements, around)))
        return _over_windows(op, values, np.add, 0)

    return x.map(bound)


def _same_everywhere(op: PoolOp, values: Array) -> bool:
    """Whether no bound differs along any of the spatial axes."""
    return all(values.shape[axis] == 1 for axis in op.spatial_axes)


def _over_windows(op: PoolOp, values: Array, ufunc: Any, neutral: int) -> Array:
    shape = shape_of(op.input)
    values = _full_rank(values, len(shape))
    if _same_everywhere(op, values):
        return values
    whole = [shape[axis] if axis in op.spatial_axes else size for axis, size in enumerate(values.shape)]
    values = np.broadcast_to(values, whole)
    for axis, windows in zip(op.spatial_axes, op.taps, strict=True):
        values = pooled(values, axis, windows, ufunc, neutral)
    return values


def reduced(x: Interval, shape: Sequence[int], axes: Sequence[int], keep_dims: bool, ufunc: Any) -> Interval:
    """`np.add`, `np.maximum` or `np.minimum` along axes of a tensor of this shape."""
    count = prod(shape[axis] for axis in axes)

    def bound(values: Array) -> Array:
        values = _full_rank(values, len(shape))
        if ufunc is np.add:
            values = _wide(values, count)
            values = values * prod(shape[axis] for axis in axes if values.shape[axis] == 1)
        values = np.asarray(ufunc.reduce(values, axis=tuple(axes), keepdims=True))
        return np.atleast_1d(values if keep_dims else values.reshape(_without(values.shape, axes)))

    return x.map(bound)


def _without(shape: Sequence[int], axes: Sequence[int]) -> list[int]:
    return [size for axis, size in enumerate(shape) if axis not in axes]


def _full_rank(values: Array, rank: int) -> Array:
    return values.reshape((1,) * (rank - values.ndim) + values.shape) if rank > values.ndim else values


def _wide(values: Array, count: int) -> Array:
    """The values in a dtype in which sums of `count` of them do not overflow."""
    largest = max(abs(int(values.min())), abs(int(values.max()))) * max(count, 1)
    return values if largest < INT64_LIMIT else values.astype(object)
