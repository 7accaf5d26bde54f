# SPDX-License-Identifier: Apache-2.0
"""Counting thresholds: the meaning that `q.threshold` and `dataflow.threshold` share."""

from __future__ import annotations

import numpy as np

from ..formats import IntRange, Rounding
from ..rounding import as_integers, round_quotient
from .registry import Kernel
from .values import OBJECT, Array, DType, Numbers, carrier, cast

FEW = 3  # so many thresholds are compared one after the other
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
    size = 2 if bipolar else 1
    range_ = IntRange(base, base + rows.shape[1] * size)
    dtype = carrier(range_)
    factors = cast(np.where(falls, -size, size), dtype)
    offsets = cast(np.where(falls, range_.hi, range_.lo), dtype)
    return range_, dtype, _kernel(x, rows, factors, offsets)


def _kernel(x: Numbers, rows: Array, factors: Array, offsets: Array) -> Kernel:
    """`factor * count + offset` of each channel, in the way that is quickest for the numbers at hand."""
    channels, levels = rows.shape
    _, range_ = x.exact
    if not levels:
        return lambda x: np.zeros_like(x, dtype=offsets.dtype) + offsets
    # one below the lowest and the highest threshold stand for all inputs beyond them
    seen = IntRange(max(range_.lo, int(rows.min()) - 1), min(range_.hi, int(rows.max())))
    if levels <= FEW or x.dtype == OBJECT or channels * (seen.hi - seen.lo + 1) >= 1 << 53:
        count = _compare_kernel([cast(rows[:, k].copy(), x.dtype) for k in range(levels)])
    else:
        keys, size = _key_kernel(x, seen, channels), seen.hi - seen.lo + 1
        if channels * size <= TABLE_ENTRIES:
            inputs = np.arange(seen.lo, seen.hi + 1)
            counts = np.stack([np.searchsorted(row, inputs, side="right") for row in rows])
            table = (counts.astype(factors.dtype) * factors[:, None] + offsets[:, None]).reshape(-1)
            return lambda x: table.take(keys(x))
        sorted_rows = (rows - seen.lo + np.arange(channels)[:, None] * size).reshape(-1)
        count = _search_kernel(keys, sorted_rows, np.arange(channels) * levels)
    if (factors == 1).all():
        return lambda x: np.add(count(x), offsets, dtype=offsets.dtype, casting="unsafe")
    return lambda x: np.add(np.multiply(count(x), factors, dtype=factors.dtype, casting="unsafe"), offsets)


def _in_quanta_of(x: Numbers, thresholds: Numbers) -> Array:
    """Threshold codes [C or 1, B] in the input's quantum, cut to one below and above the input's range."""
    assert thresholds.constant is not None, "the verifier asks for constant thresholds"
    scale, range_ = x.exact
    ratio = thresholds.exact[0] / scale
    rows = round_quotient(cast(thresholds.constant, OBJECT) * ratio.numerator, ratio.denominator, Rounding.CEIL)
    return as_integers(np.clip(rows.astype(object), range_.lo, range_.hi + 1))


def _key_kernel(x: Numbers, seen: IntRange, channels: int) -> Kernel:
    """A kernel that puts the channels on disjoint intervals, one after the other from 0."""
    size = seen.hi - seen.lo + 1
    work = carrier(x.exact[1], IntRange(0, channels * size), seen)
    offset = cast(np.arange(channels) * size - seen.lo, work)
    low, high = work.type(seen.lo), work.type(seen.hi)
    if x.exact[1] == seen:
        return lambda x: (x + offset).astype(np.int64)
    return lambda x: (x.clip(low, high) + offset).astype(np.int64)


def _search_kernel(keys: Kernel, sorted_rows: Array, already: Array) -> Kernel:
    """One search over the thresholds of all channels; `already`: those of the channels before."""
    return lambda x: np.searchsorted(sorted_rows, keys(x), side="right") - already


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
