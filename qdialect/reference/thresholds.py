# SPDX-License-Identifier: Apache-2.0
"""Counting thresholds: the meaning that `q.threshold` and `dataflow.threshold` share."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from ..formats import IntRange, NoCodeError, Rounding
from ..rounding import as_integers, round_quotient
from .affine_counts import affine_kernel
from .registry import Kernel
from .values import OBJECT, Array, DType, Numbers, carrier, cast, holds_nan, with_axes

# nanoseconds a call and an input, as measured: each comparison, a look-up in a table, a search
COMPARE_NS, TABLE_NS, SEARCH_NS = (1400, 0.2), (3000, 2.1), (6000, 25)
AFFINE_LEVELS = 5  # from which a product, a sum and a rounding are quicker than comparisons
TABLE_ENTRIES = 1 << 20  # largest table of codes by channel and input
INT8 = np.dtype(np.int8)


def threshold_kernel(
    x: Numbers, thresholds: Numbers, descending: Array | None, base: int, bipolar: bool, trailing: int = 0
) -> tuple[IntRange, DType, Kernel]:
    """Range and dtype of the codes, and the kernel; its argument has `trailing` axes behind that of the channels.

    Args:
        x: the kernel's argument, of the shape [..., C, trailing...]; its codes are within `x.range`.
        thresholds: constant [C or 1, B], rows ascending.
        descending: flags [C or 1] or None.
        base: code below all thresholds.
        bipolar: codes are -1 and +1.
        trailing: number of axes behind that of the channels.
    """
    rows = _in_quanta_of(x, thresholds)
    range_, factors, offsets = _codes_of_counts(rows, descending, base, bipolar)
    if not bipolar and rows.shape[1] >= AFFINE_LEVELS:
        kernel = affine_kernel(x, rows, factors < 0, range_, factors.dtype, trailing)
        if kernel is not None:
            return range_, factors.dtype, kernel
    return range_, factors.dtype, _kernel(x, rows, factors, offsets, trailing)


def float_threshold_kernel(
    x: Numbers, thresholds: Numbers, descending: Array | None, base: int, bipolar: bool, trailing: int = 0
) -> tuple[IntRange, DType, Kernel]:
    """The same for float32 numbers and thresholds."""
    assert thresholds.constant is not None, "the verifier asks for constant thresholds"
    rows, rank = thresholds.constant, len(x.shape) + 1
    range_, factors, offsets = _codes_of_counts(rows, descending, base, bipolar)

    def spread(numbers: Array) -> Array:
        return with_axes(numbers.reshape(numbers.shape + (1,) * trailing), rank)

    columns = [spread(rows[:, k].copy()) for k in range(rows.shape[1])]
    if not columns:
        return range_, factors.dtype, lambda x: np.zeros_like(x, dtype=offsets.dtype) + spread(offsets)
    compare = _compare_kernel(columns, spread(factors), spread(offsets))

    def kernel(x: Array) -> Array:
        if holds_nan(x):
            raise NoCodeError("NaN has no code")
        return compare(x)

    return range_, factors.dtype, kernel


def _codes_of_counts(rows: Array, descending: Array | None, base: int, bipolar: bool) -> tuple[IntRange, Array, Array]:
    """Range of the codes `factor * count + offset`; factors and offsets [C or 1] in the dtype of the codes."""
    falls = np.zeros(len(rows), dtype=bool) if descending is None else descending.astype(bool)
    size = 2 if bipolar else 1
    range_ = IntRange(base, base + rows.shape[1] * size)
    dtype = carrier(range_)
    factors = cast(np.where(falls, -size, size), dtype)
    return range_, factors, cast(np.where(falls, range_.hi, range_.lo), dtype)


def _kernel(x: Numbers, rows: Array, factors: Array, offsets: Array, trailing: int) -> Kernel:
    """`factor * count + offset` of each channel, in the way that is quickest for the numbers at hand."""
    channels, levels = rows.shape
    _, range_ = x.exact
    rank = len(x.shape) + 1

    def spread(numbers: Array) -> Array:
        """One number a channel, for each channel of the argument."""
        return with_axes(numbers.reshape(numbers.shape + (1,) * trailing), rank)

    times, plus = spread(factors), spread(offsets)
    if not levels:
        return lambda x: np.zeros_like(x, dtype=offsets.dtype) + plus
    compare = _compare_kernel([spread(cast(rows[:, k].copy(), x.dtype)) for k in range(levels)], times, plus)
    # one below the lowest and the highest threshold stand for all inputs beyond them
    seen = IntRange(max(range_.lo, int(rows.min()) - 1), min(range_.hi, int(rows.max())))
    size = seen.hi - seen.lo + 1
    if x.dtype == OBJECT or channels * size >= 1 << 53:
        return compare
    has_table = channels * size <= TABLE_ENTRIES
    least = _least_to_compare(levels, TABLE_NS if has_table else SEARCH_NS)
    if least == 0:
        return compare
    keys = _key_kernel(x, seen, spread(np.arange(channels)))
    if has_table:
        other = _table_kernel(keys, rows, seen, factors, offsets)
    else:
        other = _search_kernel(keys, rows, seen, spread, times, plus)
    return lambda x: compare(x) if x.size >= least else other(x)


def _least_to_compare(levels: int, other: tuple[float, float]) -> float:
    """Number of inputs from which comparisons are quicker than the other way."""
    call, each = levels * COMPARE_NS[0] - other[0], other[1] - levels * COMPARE_NS[1]
    if call <= 0:
        return 0
    return call / each if each > 0 else inf


def _table_kernel(keys: Kernel, rows: Array, seen: IntRange, factors: Array, offsets: Array) -> Kernel:
    """The codes of all inputs that are told apart, channel after channel."""
    inputs = np.arange(seen.lo, seen.hi + 1)
    counts = np.stack([np.searchsorted(row, inputs, side="right") for row in rows])
    table = (counts.astype(factors.dtype) * factors[:, None] + offsets[:, None]).reshape(-1)
    return lambda x: table.take(keys(x))


def _code_kernel(count: Kernel, factors: Array, offsets: Array) -> Kernel:
    """`factor * count + offset` in the dtype of the codes."""
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


def _key_kernel(x: Numbers, seen: IntRange, channel: Array) -> Kernel:
    """A kernel that puts the channels on disjoint intervals, one after the other from 0."""
    size = seen.hi - seen.lo + 1
    work = carrier(x.exact[1], IntRange(0, channel.size * size), seen)
    offset = cast(channel * size - seen.lo, work)
    low, high = work.type(seen.lo), work.type(seen.hi)
    if x.exact[1] == seen:
        return lambda x: (x + offset).astype(np.int64)
    return lambda x: (x.clip(low, high) + offset).astype(np.int64)


def _search_kernel(keys: Kernel, rows: Array, seen: IntRange, spread: Kernel, factors: Array, offsets: Array) -> Kernel:
    """One search over the thresholds of all channels, brought to disjoint intervals as the keys are."""
    channels, levels = rows.shape
    channel = np.arange(channels)
    sorted_rows = (rows - seen.lo + channel[:, None] * (seen.hi - seen.lo + 1)).reshape(-1)
    before = spread(channel * levels)  # thresholds of the channels before
    return _code_kernel(lambda x: np.searchsorted(sorted_rows, keys(x), side="right") - before, factors, offsets)


def _compare_kernel(columns: list[Array], factors: Array, offsets: Array) -> Kernel:
    """Comparisons with one threshold of each channel after the other, added as bytes if they suffice."""
    if len(columns) * int(abs(factors).max()) + int(abs(offsets).max()) > 127:
        return _code_kernel(lambda x: _count(x, columns, np.dtype(np.int64)), factors, offsets)
    dtype, times, plus = offsets.dtype, factors.astype(INT8), offsets.astype(INT8)
    scales, shifts = bool((times != 1).any()), bool(plus.any())

    def kernel(x: Array) -> Array:
        codes = _count(x, columns, INT8)
        if scales:
            np.multiply(codes, times, out=codes)
        if shifts:
            np.add(codes, plus, out=codes)
        return codes.astype(dtype)

    return kernel


def _count(x: Array, columns: Sequence[Array], dtype: DType) -> Array:
    """How many of the columns each input reaches; dtype int8 or int64, which holds their number."""
    reached = np.greater_equal(x, columns[0])
    count = reached.view(INT8) if dtype == INT8 else reached.astype(dtype)
    for column in columns[1:]:
        np.add(count, np.greater_equal(x, column).view(INT8), out=count)
    return count
