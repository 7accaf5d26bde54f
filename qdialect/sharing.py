# SPDX-License-Identifier: Apache-2.0
"""Weight sharing as numbers: codes as indices into codebooks, and the bits that they take.

A codebook array has the shape [*groups, entries]. `groups` is empty (one codebook for all), or has one size for each
axis of the codes: that of the axis where every place has its own codebook, else 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def index_width(entries: int) -> int:
    """Bits of an index into a codebook of so many entries."""
    return (entries - 1).bit_length()


@dataclass(frozen=True)
class Codebook:
    """Array as `codebook[index]`: `codebook` [*groups, entries] rises in each group, `indices` has the codes' shape."""

    indices: NDArray[np.int64]
    codebook: Array

    @property
    def entries(self) -> int:
        """Entries of the largest group; smaller ones repeat their last."""
        return self.codebook.shape[-1]

    @property
    def num_groups(self) -> int:
        return prod(self.codebook.shape[:-1])

    def bits(self, code_width: int) -> int:
        """Bits of indices and codebooks together."""
        return self.indices.size * index_width(self.entries) + self.codebook.size * code_width


def decoded(indices: Array, codebook: Array) -> Array:
    """The codes that indices stand for. ValueError if the shapes do not fit, or an index has no entry."""
    groups = codebook.shape[:-1]
    fits = not groups or len(groups) == indices.ndim
    if not fits or any(size not in (1, axis) for size, axis in zip(groups, indices.shape, strict=False)):
        raise ValueError(
            f"a codebook of shape {list(codebook.shape)} does not fit {list(indices.shape)} indices; mend: give one "
            "list of codes, or one for each place along an axis: every other axis has size 1"
        )
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < codebook.shape[-1]:
        bad = int(indices.min()) if indices.min() < 0 else int(indices.max())
        raise ValueError(f"the index {bad} has no entry in a codebook of {codebook.shape[-1]}")
    shape = (groups or (1,) * indices.ndim) + codebook.shape[-1:]
    books = np.broadcast_to(codebook.reshape(shape), (*indices.shape, shape[-1]))
    return np.take_along_axis(books, indices.astype(np.int64)[..., None], axis=-1)[..., 0]


def codebook_of(codes: Array, entries: int) -> Codebook | None:
    """The codes with the fewest codebooks of at most `entries` entries; None if they need more.

    One codebook, else one for each place along some of the axes, as long as several codes share it.
    """
    for axes in _groupings(codes.shape):
        found = grouped(codes, axes, entries)
        if found is not None:
            return found
    return None


def grouped(codes: Array, axes: tuple[int, ...], entries: int | None = None) -> Codebook | None:
    """The codes with a codebook for each place along `axes`; None if a group needs more than `entries`."""
    others = tuple(axis for axis in range(codes.ndim) if axis not in axes)
    rows = codes.transpose(*axes, *others).reshape(prod(codes.shape[axis] for axis in axes), -1)
    ordered = np.sort(rows, axis=1)
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    counts = first.sum(axis=1)
    most = max(int(counts.max(initial=0)), 1)
    if entries is not None and most > entries:
        return None
    books = np.stack([np.pad(row[new], (0, most - new.sum()), "edge") for row, new in zip(ordered, first, strict=True)])
    indices = np.stack(
        [np.searchsorted(book[:count], row) for book, count, row in zip(books, counts, rows, strict=True)]
    )
    permuted = indices.reshape([codes.shape[axis] for axis in (*axes, *others)])
    places = permuted.transpose(np.argsort((*axes, *others)))
    sizes = tuple(codes.shape[axis] if axis in axes else 1 for axis in range(codes.ndim)) if axes else ()
    return Codebook(np.ascontiguousarray(places), books.reshape(*sizes, most))


def _groupings(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Sets of axes along which codebooks can differ, the one with the fewest groups first."""
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    found = [chosen for count in range(len(axes)) for chosen in combinations(axes, count)]
    return sorted(found, key=lambda chosen: (prod(shape[axis] for axis in chosen), chosen)) or [()]
