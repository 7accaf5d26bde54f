# SPDX-License-Identifier: Apache-2.0
"""Counting thresholds: the meaning that `q.threshold` and `dataflow.threshold` share."""

from __future__ import annotations

import numpy as np

from ..formats import IntRange, Rounding
from ..rounding import as_integers, round_quotient
from .registry import Kernel
from .values import OBJECT, Array, DType, Numbers, carrier, cast

FEW = 8  # so many thresholds are compared one after the other
TABLE_ENTRIES = 1 << 20  # largest table of codes by channel and input


def threshold_kernel(
    x: Numbers, thresholds: Numbers, descending: Array | None, base: int, bipolar: bool
) -> tuple[IntRange, DType, Kernel]:
    """Range and dtype of the codes, and the kernel; the channel is the last axis of the kernel's argument.

    Args:
        x: the input; its codes are within `x.range`.
        thresholds: constant [C or 1, B], rows ascending.
        descending: flags [C or 1] or None.
        base: code below all thresholds.
        bipolar: codes are -1 and +1.
    """
    rows = _in_quanta_of(x, thresholds)
    falls = np.zeros(len(rows), dtype=bool) if descending is None else descending.astype(bool)
    step = np.where(falls, -1, 1) * (2 if bipolar else 1)
    start = np.where(falls, base + rows.shape[1] * (2 if bipolar else 1), base)
    range_ = IntRange(base, base + rows.shape[1] * (2 if bipolar else 1))
    dtype = carrier(range_)
    count = _count_kernel(x, rows)
    if (step == 1).all():
        offset = np.asarray(base, dtype=dtype)
        return range_, dtype, lambda x: np.add(count(x), offset, dtype=dtype, casting="unsafe")
    factors, offsets = cast(step, dtype), cast(start, dtype)
    return range_, dtype, lambda x: _affine(count(x).astype(dtype), factors, offsets)


def _affine(x: Array, factors: Array, offsets: Array) -> Array:
    return np.add(np.multiply(x, factors, out=x), offsets, out=x)


def _in_quanta_of(x: Numbers, thresholds: Numbers) -> Array:
    """Threshold codes [C or 1, B] in the input's quantum, cut to one below and above the input's range."""
    assert thresholds.constant is not None, "the verifier asks for constant thresholds"
    scale, range_ = x.exact
    ratio = thresholds.exact[0] / scale
    rows = round_quotient(cast(thresholds.constant, OBJECT) * ratio.numerator, ratio.denominator, Rounding.CEIL)
    return as_integers(np.clip(rows.astype(object), range_.lo, range_.hi + 1))


def _count_kernel(x: Numbers, rows: Array) -> Kernel:
    """A kernel that counts, for each element, the thresholds of its channel that it reaches."""
    channels, levels = rows.shape
    _, range_ = x.exact
    span = range_.hi - range_.lo + 2
    if levels <= FEW or x.dtype.hasobject or channels * span >= 1 << 53:
        return _compare_kernel([cast(rows[:, k].copy(), x.dtype) for k in range(levels)])
    channel_offset = np.arange(channels) * span - range_.lo
    if channels * span <= TABLE_ENTRIES:
        inputs = np.arange(range_.lo, range_.hi + 2)
        table = np.stack([np.searchsorted(row, inputs, side="right") for row in rows]).astype(np.int32).reshape(-1)
        return lambda x: table[_to_index(x, channel_offset)]
    sorted_keys = (rows + channel_offset[:, None]).reshape(-1)  # channels on disjoint intervals: one search for all
    already = np.arange(channels) * levels
    return lambda x: np.searchsorted(sorted_keys, _to_index(x, channel_offset), side="right") - already


def _to_index(x: Array, offset: Array) -> Array:
    return np.add(x, offset, dtype=np.float64).astype(np.int64)


def _compare_kernel(columns: list[Array]) -> Kernel:
    if len(columns) == 1:
        only = columns[0]
        return lambda x: np.greater_equal(x, only).view(np.int8)
    if len(columns) > 127:
        return lambda x: sum((np.greater_equal(x, column).astype(np.int64) for column in columns), start=np.int64(0))

    def kernel(x: Array) -> Array:
        count = np.greater_equal(x, columns[0]).view(np.int8)
        for column in columns[1:]:
            count += np.greater_equal(x, column).view(np.int8)
        return count

    return kernel
