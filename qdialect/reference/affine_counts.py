# SPDX-License-Identifier: Apache-2.0
"""Many thresholds that are about evenly apart, as those of a quantiser are, in one product, sum and rounding.

`rint(x * a + b)` in a float dtype is monotone in x, as each of its roundings is. So it gives the codes of all inputs if
it gives those of the inputs at each threshold and one below: that is checked here, with the kernel itself, once.
float32 is twice as quick as float64; the few channels of a layer that it does not suit are done in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations

import numpy as np

from ..formats import IntRange
from .registry import Kernel
from .values import FLOAT32, FLOAT64, Array, DType, Numbers, tiled

SEARCH_STEPS = 50  # each takes a third of the interval of slopes away
NEAR_SLOPES, PARTS = (0, 1, -1), (0.5, 0.3, 0.7)  # units in the last place of slopes, parts of the room of offsets
FEW = 1 / 8  # of the channels: so many are quicker done once more than all in float64


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
    fit = _Fit(x, rows, falls, codes, dtype)

    def kernel(lines: Array) -> Kernel:
        spread = [tiled(part.reshape(-1, *(1,) * trailing), x.shape) for part in lines]
        return _kernel(spread, dtype, x.reusable and x.dtype == lines.dtype)

    lines, wrong = fit.lines(FLOAT32) if x.dtype == FLOAT32 else (np.empty(0), np.arange(len(rows)))
    if not len(wrong):
        return kernel(lines)
    exact_lines, never = fit.lines(FLOAT64)
    if len(never):
        return None
    if len(wrong) > FEW * len(rows) or trailing:
        return kernel(exact_lines)
    return _with_others(kernel(lines), wrong, _kernel(exact_lines[:, wrong], dtype, False))


def _kernel(lines: Sequence[Array] | Array, dtype: DType, in_place: bool) -> Kernel:
    """`lines`: slope, offset, lowest and highest code, in a shape that broadcasts to the argument's."""
    slope, offset, *limits = lines
    work = slope.dtype
    low, high = (limit.flat[0] for limit in limits)
    alike = all((limit == limit.flat[0]).all() for limit in limits)

    def kernel(x: Array) -> Array:
        out = x if in_place else None
        if x.dtype != work:
            x = out = x.astype(work)
        result = np.multiply(x, slope, out=out)
        np.add(result, offset, out=result)
        np.rint(result, out=result)
        if alike:
            result.clip(low, high, out=result)
        else:
            np.minimum(np.maximum(result, limits[0], out=result), limits[1], out=result)
        return result if work == dtype else result.astype(dtype)

    return kernel


def _with_others(kernel: Kernel, channels: Array, others: Kernel) -> Kernel:
    """`kernel`, but for some channels `others`."""

    def both(x: Array) -> Array:
        part = others(x[..., channels])  # first: the other may overwrite x
        result = kernel(x)
        result[..., channels] = part
        return result

    return both


class _Fit:
    """For each row, lines that round to the number of thresholds reached, if there are any.

    Such a line is at least k - 1/2 at the threshold of the count k, and below that one before, for all thresholds that
    some input reaches and some other misses; beyond these the codes are clipped, where need be each row's for itself.
    """

    def __init__(self, x: Numbers, rows: Array, falls: Array, codes: IntRange, dtype: DType):
        low, high = _ends(x, len(rows))
        self.points = np.clip(np.concatenate([rows, rows - 1, low + 0 * rows, high + 0 * rows], axis=1), low, high)
        counts = np.stack([np.searchsorted(row, at, side="right") for row, at in zip(rows, self.points, strict=True)])
        self.signs, self.starts = np.where(falls, -1.0, 1.0), np.where(falls, codes.hi, codes.lo)
        self.wanted = np.where(falls[:, None], codes.hi - counts, codes.lo + counts)
        ends = np.full((2, len(rows)), [[codes.lo], [codes.hi]])
        own = np.stack([self.wanted.min(axis=1), self.wanted.max(axis=1)])
        self.limits = (ends, own)  # those that are one number for all channels are quicker
        self.dtype, self.x_dtype = dtype, x.dtype
        self.counts, self.thresholds = np.arange(1, rows.shape[1] + 1) - 0.5, rows.astype(np.float64)
        self.inner = (rows > low) & (rows <= high)
        self.slopes = self._best_slopes()

    def lines(self, work: DType) -> tuple[Array, Array]:
        """Lines [4, C] for a kernel in `work`, and the channels for which there are none."""
        result, left = np.zeros((4, len(self.slopes)), work), np.arange(len(self.slopes))
        for limits, steps, part in combinations(self.limits, NEAR_SLOPES, PARTS):
            slopes = self.slopes[left].astype(work)
            slopes += steps * np.spacing(slopes)
            offsets = self._offsets(slopes.astype(np.float64), left, part)
            result[0, left] = slopes * self.signs[left]
            result[1, left] = self.starts[left] + offsets * self.signs[left]
            result[2:, left] = limits[:, left]
            left = left[~self._is_right(result[:, left], left)]
            if not len(left):
                break
        return result, left

    def _is_right(self, lines: Array, rows: Array) -> Array:
        kernel = _kernel(lines[:, :, None], self.dtype, False)
        return (kernel(self.points[rows].astype(self.x_dtype)) == self.wanted[rows]).all(axis=1)

    def _room(self, slope: Array, rows: Array | slice) -> tuple[Array, Array]:
        """Bounds of the offset."""
        thresholds, inner = self.thresholds[rows], self.inner[rows]
        low = np.where(inner, self.counts - slope[:, None] * thresholds, -np.inf).max(axis=1)
        high = np.where(inner, self.counts - slope[:, None] * (thresholds - 1), np.inf).min(axis=1)
        return low, high

    def _offsets(self, slope: Array, rows: Array, part: float) -> Array:
        """Offsets that divide their room into `part` and the rest."""
        low, high = self._room(slope, rows)
        low, high = (np.where(np.isfinite(low), ends, 0.0) for ends in (low, high))  # no threshold: the code is clipped
        return low + (high - low) * part

    def _best_slopes(self) -> Array:
        """Those whose offsets have most room: a maximum of a concave function, which a search by thirds finds."""
        low, high = self._bounds_of_slopes()
        for _ in range(SEARCH_STEPS):
            first, second = (2 * low + high) / 3, (low + 2 * high) / 3
            widths = [b - a for a, b in (self._room(slope, slice(None)) for slope in (first, second))]
            low, high = np.where(widths[0] < widths[1], first, low), np.where(widths[0] < widths[1], high, second)
        return (low + high) / 2

    def _bounds_of_slopes(self) -> tuple[Array, Array]:
        """From the first and the last threshold that an input can reach and miss."""
        inner, levels = self.inner, self.thresholds.shape[1]
        number = inner.sum(axis=1)
        first = np.where(inner, self.thresholds, np.inf).min(axis=1)
        last = np.where(inner, self.thresholds, -np.inf).max(axis=1)
        span = np.where(number > 0, last - first, 0.0)
        low = np.where(number > 1, (number - 1) / (span + 1), 0.0)
        high = np.where(span > 1, (number - 1) / np.maximum(span - 1, 1), levels + 1.0)
        return low, high


def _ends(x: Numbers, channels: int) -> tuple[Array, Array]:
    """Lowest and highest input of each channel, int64 [channels or 1, 1]."""
    if x.bounds is not None and len(x.bounds[0]) == channels:
        low, high = (ends.astype(np.int64)[:, None] for ends in x.bounds)
        return low, high
    return np.array([[x.exact[1].lo]]), np.array([[x.exact[1].hi]])
