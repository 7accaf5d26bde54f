# SPDX-License-Identifier: Apache-2.0
"""Many thresholds that are about evenly apart, as those of a quantiser are, in one product, sum and rounding.

`rint(x * a + b)` in a float dtype is monotone in x, as each of its roundings is. So it gives the codes of all inputs if
it gives those of the inputs at each threshold and one below: that is checked here, with the kernel itself, once.
"""

from __future__ import annotations

import numpy as np

from ..formats import IntRange
from .registry import Kernel
from .values import FLOAT32, FLOAT64, Array, DType, Numbers, tiled

SEARCH_STEPS = 100  # each takes a third of the interval of slopes away


def affine_kernel(x: Numbers, rows: Array, falls: Array, codes: IntRange, dtype: DType, trailing: int) -> Kernel | None:
    """A kernel for codes that count thresholds, or None if the thresholds are not even enough.

    Args:
        x: the kernel's argument, of the shape [..., C, trailing...], integers in a float dtype.
        rows: thresholds [C or 1, B], ascending.
        falls: [C or 1], whether the code falls with x.
        codes: their range; dtype: what holds them.
        trailing: number of axes behind that of the channels.
    """
    if x.dtype not in (FLOAT32, FLOAT64):
        return None
    low, high = _ends(x, len(rows))
    slope, offset = _line(rows, low, high)
    signs = np.where(falls, -1.0, 1.0)
    slope, offset = slope * signs, np.where(falls, codes.hi - offset, codes.lo + offset)
    points = np.clip(np.concatenate([rows, rows - 1], axis=1), low, high)
    counts = np.stack([np.searchsorted(row, at, side="right") for row, at in zip(rows, points, strict=True)])
    wanted = np.where(falls[:, None], codes.hi - counts, codes.lo + counts)
    for work in (FLOAT32, FLOAT64) if x.dtype == FLOAT32 else (FLOAT64,):
        a, b = slope.astype(work), offset.astype(work)
        found = _kernel(a[:, None], b[:, None], codes, work, dtype)(points.astype(x.dtype))
        if np.array_equal(found, wanted):
            spread = (-1, *(1,) * trailing)
            a, b = (tiled(numbers.reshape(spread), x.shape) for numbers in (a, b))
            return _kernel(a, b, codes, work, dtype)
    return None


def _kernel(slope: Array, offset: Array, codes: IntRange, work: DType, dtype: DType) -> Kernel:
    low, high = work.type(codes.lo), work.type(codes.hi)

    def kernel(x: Array) -> Array:
        result = np.multiply(x, slope, dtype=work)
        np.add(result, offset, out=result)
        np.rint(result, out=result)
        result.clip(low, high, out=result)
        return result if work == dtype else result.astype(dtype)

    return kernel


def _ends(x: Numbers, channels: int) -> tuple[Array, Array]:
    """Lowest and highest input of each channel, int64 [channels or 1, 1]."""
    if x.bounds is not None and len(x.bounds[0]) == channels:
        low, high = (ends.astype(np.int64)[:, None] for ends in x.bounds)
        return low, high
    return np.array([[x.exact[1].lo]]), np.array([[x.exact[1].hi]])


def _line(rows: Array, lowest: Array, highest: Array) -> tuple[Array, Array]:
    """For each row the slope and offset of a line that rounds to the number of thresholds reached, if there is one.

    It is at least k - 1/2 at the threshold of the count k, and below that one before; of all that are, the one that
    keeps farthest away from these bounds: a maximum of a concave function, which a search by thirds finds.
    """
    counts = np.arange(1, rows.shape[1] + 1) - 0.5
    thresholds = rows.astype(np.float64)
    met, missed = thresholds <= highest, thresholds > lowest

    def room(slope: Array) -> tuple[Array, Array]:
        """Bounds of the offset."""
        low = np.where(met, counts - slope[:, None] * thresholds, -np.inf).max(axis=1)
        high = np.where(missed, counts - slope[:, None] * (thresholds - 1), np.inf).min(axis=1)
        return low, high

    low, high = _slopes(thresholds, met & missed)
    for _ in range(SEARCH_STEPS):
        first, second = (2 * low + high) / 3, (low + 2 * high) / 3
        widths = [b - a for a, b in (room(first), room(second))]
        low, high = np.where(widths[0] < widths[1], first, low), np.where(widths[0] < widths[1], high, second)
    slope = (low + high) / 2
    least, most = room(slope)
    finite = np.isfinite(least) & np.isfinite(most)
    middle = np.where(finite, (least + most) / 2, np.where(np.isfinite(most), most - 1, least + 1))
    return slope, np.where(np.isfinite(middle), middle, 0.0)


def _slopes(thresholds: Array, inner: Array) -> tuple[Array, Array]:
    """Bounds of the slope from the first and the last threshold that an input can reach and miss."""
    number, levels = inner.sum(axis=1), thresholds.shape[1]
    first = np.where(inner, thresholds, np.inf).min(axis=1)
    last = np.where(inner, thresholds, -np.inf).max(axis=1)
    span = np.where(number > 0, last - first, 0.0)
    low = np.where(number > 1, (number - 1) / (span + 1), 0.0)
    high = np.where(span > 1, (number - 1) / np.maximum(span - 1, 1), levels + 1.0)
    return low, high
