# SPDX-License-Identifier: Apache-2.0
"""Weights that share values: which of them share a codebook, what sharing costs in inertia, and the bits left.

Numbers and constants only; no IR changes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ..frontends.precision.specification import SharingGranularity
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.errors import QoptError
from ..qdialect.q.base import tensor
from ..qdialect.sharing import grouped, index_width
from ..qdialect.types import FixedType, SharedType, UFixedType, integer_format, unshared
from .clustering import Clustering, Grid, Points, best_clusterings, nearest
from .weighted_layers import WeightedLayer

FLOAT_BITS = 32


@dataclass(frozen=True)
class Weights:
    """Weights of a layer, in rows that share a codebook each.

    Attributes:
        axes: of the weights; each place along them is a row.
        sensitivity: what a squared error of each weight weighs; None: all alike.
        value_type: of the codebook; None: values stay float32.
    """

    weights: DenseAttr
    axes: tuple[int, ...]
    value_type: FixedType | UFixedType | None
    grid: Grid | None
    sensitivity: Array | None = None

    @cached_property
    def rows(self) -> Array:
        return _rows(self.weights.array, self.axes)

    @property
    def value_bits(self) -> int:
        return FLOAT_BITS if self.value_type is None else self.value_type.bitwidth

    @property
    def plain_bits(self) -> int:
        """Bits of the weights without sharing."""
        return self.rows.size * self.value_bits

    def points(self) -> list[Points]:
        weights = None if self.sensitivity is None else _rows(self.sensitivity, self.axes)
        return [Points(row, None if weights is None else weights[i], self.grid) for i, row in enumerate(self.rows)]

    def clusterings(self, most: int) -> list[list[Clustering]]:
        """For each row the best clusterings with 1, 2, ... centres."""
        return [best_clusterings(points, most) for points in self.points()]

    def shared(self, centres: Sequence[Array]) -> DenseAttr:
        """The weights with each at the nearest centre of its row (`centres`: one array a row, or one for all)."""
        books = list(centres) if len(centres) == len(self.rows) else list(centres) * len(self.rows)
        rows = np.stack([nearest(row, book) for row, book in zip(self.rows, books, strict=True)])
        values = _unrows(rows, self.axes, self.weights.array.shape)
        if self.value_type is None:
            return DenseAttr(values.astype(np.float32), self.weights.type)
        codes = np.rint(values).astype(np.int64) if values.dtype.kind == "f" else values
        found = grouped(codes, self.axes)
        assert found is not None
        return DenseAttr(codes, tensor(SharedType(found.entries, self.value_type), codes.shape))


def _rows(array: Array, axes: tuple[int, ...]) -> Array:
    others = [axis for axis in range(array.ndim) if axis not in axes]
    return array.transpose(*axes, *others).reshape(prod(array.shape[axis] for axis in axes), -1)


def _unrows(rows: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    order = (*axes, *(axis for axis in range(len(shape)) if axis not in axes))
    return rows.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


def shared_bits(weights: int, entries: int, groups: int, value_bits: int) -> int:
    """Bits of so many indices and codebooks, each of the codebooks with so many entries."""
    return weights * index_width(entries) + groups * entries * value_bits


def group_axes(layer: WeightedLayer, granularity: SharingGranularity) -> tuple[int, ...]:
    """The axes of the weights with a codebook for each place; kernels of one weight are taken with their channel."""
    if granularity in (SharingGranularity.NETWORK, SharingGranularity.LAYER):
        return ()
    shape = layer.weights.array.shape
    kernel = granularity is SharingGranularity.KERNEL and prod(shape[2:]) > 1
    axes = layer.kernel_axes if kernel and layer.kernel_axes else (layer.output_axis,)
    return tuple(axis for axis in axes if shape[axis] > 1)


def weights_of(
    layer: WeightedLayer,
    granularity: SharingGranularity,
    codebook: FixedType | UFixedType | None = None,
    sensitivity: Array | None = None,
) -> Weights:
    """The weights of a layer in rows. QoptError if the codebook's format does not suit them."""
    axes = group_axes(layer, granularity)
    if layer.is_float:
        return Weights(layer.weights, axes, None, None, sensitivity)
    own = unshared(layer.weights.type.element_type)
    assert isinstance(own, FixedType | UFixedType)
    value_type, grid = _grid(layer, own, codebook)
    return Weights(layer.weights, axes, value_type, grid, sensitivity)


def _grid(
    layer: WeightedLayer, own: FixedType | UFixedType, codebook: FixedType | UFixedType | None
) -> tuple[FixedType | UFixedType, Grid]:
    """The type of shared values, in quanta of the weights, and the codes they can have."""
    asked = own if codebook is None else codebook
    format_, finest = integer_format(asked), integer_format(own).fraction_bits
    coarser = finest - format_.fraction_bits
    if coarser < 0:
        raise QoptError(
            f"codebook values of {asked} have more fraction bits than the weights, which are {own}",
            layer.op,
            f"ask for at most {finest} fraction bits, as in fixed<{format_.word_length}, {finest}>",
        )
    codes, held = format_.code_range, integer_format(own).code_range
    low, high = max(codes.lo << coarser, held.lo), min(codes.hi << coarser, held.hi)
    return (asked if not coarser else own), Grid(1 << coarser, low, high)
