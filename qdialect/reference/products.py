# SPDX-License-Identifier: Apache-2.0
"""Products of matrices of integers: the range of their sums, and two sums in one float32 where there is room.

Sums a and b of less than 12 bits each are one of a + b * 2^12 below 2^24, which float32 holds exactly: a column of
weights v + w * 2^12 gives it for half of the multiplications, and one rounding takes it apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..formats import IntRange
from ..rounding import as_integers
from .values import FLOAT32, Array, bound, carrier

LEAST_DEPTH = 128  # of products from which two columns in one save more than taking them apart costs


def weighted_range(weights: Array, axis: int, x: IntRange) -> IntRange:
    """Hull of 0 and all partial sums of the vectors along `axis` times elements in `x`."""
    if not weights.size:
        return IntRange(0, 0)
    weights = as_integers(weights)
    largest = max(abs(int(weights.min())), abs(int(weights.max()))) * weights.shape[axis]
    dtype = np.int64 if largest < 1 << 63 else object
    positive = np.maximum(weights, 0).sum(axis=axis, dtype=dtype, keepdims=True).astype(object)
    negative = np.minimum(weights, 0).sum(axis=axis, dtype=dtype, keepdims=True).astype(object)
    up, down = max(x.hi, 0), min(x.lo, 0)
    return IntRange(int((positive * down + negative * up).min()), int((positive * up + negative * down).max()))


class Product:
    """Rows times constant matrices: `out = parts[0] @ matrices[0] + parts[1] @ matrices[1] + ...`."""

    def __init__(self, matrices: Sequence[Array], x: IntRange):
        """Matrices [K, N] in a dtype that holds the numbers of the rows, which are in `x`, and all partial sums."""
        packed = _packed(np.concatenate(matrices), x)
        self._factor = None if packed is None else packed[0]
        columns = matrices if packed is None else np.split(packed[1], np.cumsum([len(part) for part in matrices])[:-1])
        self._matrices = [np.ascontiguousarray(part) for part in columns]

    @property
    def columns(self) -> int:
        """Columns that are multiplied."""
        return self._matrices[0].shape[1]

    def __call__(self, parts: Sequence[Array], out: Array) -> None:
        """`parts`: rows [n, K]; `out`: contiguous [n, N]."""
        factor, (first, *rest) = self._factor, self._matrices
        sums = out if factor is None else np.empty((len(out), self.columns), out.dtype)
        np.dot(parts[0], first, out=sums)
        for part, matrix in zip(parts[1:], rest, strict=True):
            np.add(sums, np.dot(part, matrix), out=sums)
        if factor is not None:
            _take_apart(sums, factor, out)


def _packed(matrix: Array, x: IntRange) -> tuple[np.float32, Array] | None:
    """A power of two, and the columns of the first half plus that times those of the second, if float32 holds it."""
    depth, columns = matrix.shape
    if matrix.dtype != FLOAT32 or columns % 2 or depth < LEAST_DEPTH:
        return None
    first, second = np.split(as_integers(matrix), 2, axis=1)
    factor = 1 << (bound(weighted_range(first, 0, x)).bit_length() + 1)  # more than twice as large
    both = first + second * factor
    held = carrier(weighted_range(both, 0, x), IntRange(int(both.min()), int(both.max())))
    return (np.float32(factor), both.astype(FLOAT32)) if held == FLOAT32 else None


def _take_apart(sums: Array, factor: np.float32, out: Array) -> None:
    """`out[:, :h] + factor * out[:, h:] = sums`, where the first are less than half of the factor."""
    first, second = out[:, : sums.shape[1]], out[:, sums.shape[1] :]
    np.rint(np.multiply(sums, 1 / factor, out=second), out=second)
    np.subtract(sums, np.multiply(second, factor, out=first), out=first)
