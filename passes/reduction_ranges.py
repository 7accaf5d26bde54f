# SPDX-License-Identifier: Apache-2.0
"""Intervals through pools and reductions, elementwise; every bound is reached if the elements are independent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from ..qdialect.q.pooling import Taps
from ..qdialect.reference.q.pooling import pooled
from ..qdialect.rounding import INT64_LIMIT
from .interval import Array, Interval


def pool_extreme(x: Interval, shape: Sequence[int], taps: Sequence[Taps]) -> Interval:
    """The largest element of each window over the spatial axes (all but the first two) of a tensor of this shape."""
    lowest = x.hull.lo

    def bound(values: Array) -> Array:
        return _over_windows(_spatial(values, shape), taps, np.maximum, lowest)

    return x.map(bound)


def pool_sum(x: Interval, shape: Sequence[int], taps: Sequence[Taps]) -> Interval:
    """The sum of each window."""
    counts = [axis.counts() for axis in taps]
    most = prod(int(axis.max()) for axis in counts)
    uniform = all((axis == axis[0]).all() for axis in counts)
    elements = np.asarray(most) if uniform else reduce(np.multiply.outer, counts, np.ones((1, 1), np.int64))

    def bound(values: Array) -> Array:
        values = _spatial(_wide(values, most), shape)
        if all(size == 1 for size in values.shape[2:]):
            return np.asarray(values * elements)
        return _over_windows(values, taps, np.add, 0)

    return x.map(bound)


def _spatial(values: Array, shape: Sequence[int]) -> Array:
    """Bounds with all axes; the spatial ones at full size unless no bound differs along any of them."""
    values = _full_rank(values, len(shape))
    if all(size == 1 for size in values.shape[2:]):
        return values
    return np.broadcast_to(values, (*values.shape[:2], *shape[2:]))


def _over_windows(values: Array, taps: Sequence[Taps], ufunc: Any, neutral: int) -> Array:
    if all(size == 1 for size in values.shape[2:]):
        return values
    for axis, windows in enumerate(taps, 2):
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
