# SPDX-License-Identifier: Apache-2.0
"""Weights that share values: which of them share a codebook, what sharing costs in inertia, and the bits left.

Numbers and constants only; no IR changes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ..frontends.precision.specification import SharingGranularity
from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.q.base import tensor
from ..qdialect.sharing import grouped, index_width
from ..qdialect.types import (
    FixedType,
    SharedType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    is_integer_type,
    unshared,
)
from .clustering import Clustering, Grid, Points, best_clusterings, nearest
from .weight_sensitivity import Products
from .weighted_layers import WeightedLayer

FLOAT_BITS = 32


@dataclass(frozen=True)
class Weights:
    """Weights of a layer, in rows that share a codebook each.

    Attributes:
        own_bits: word length of the weights as they are.
        axes: of the weights; each place along them is a row.
        value_type: of the codebook's values in quanta of the weights; None: values stay float32.
        stored_type: of the codebook as it is stored: of coarser quanta if its format asks for them, and none but real
            numbers are made of the weights.
        sensitivity: what a squared error of each weight weighs; None: all alike.
        products: what the weights are multiplied with; None: each weight takes the value nearest to it.
    """

    weights: DenseAttr
    own_bits: int
    axes: tuple[int, ...]
    value_type: FixedType | UFixedType | None
    stored_type: FixedType | UFixedType | None
    grid: Grid | None
    sensitivity: Array | None = None
    products: Products | None = None

    @cached_property
    def rows(self) -> Array:
        return _rows(self.weights.array, self.axes)

    @property
    def value_bits(self) -> int:
        return FLOAT_BITS if self.stored_type is None else self.stored_type.bitwidth

    @property
    def plain_bits(self) -> int:
        """Bits of the weights without sharing."""
        return self.rows.size * self.own_bits

    def points(self) -> list[Points]:
        weights = None if self.sensitivity is None else _rows(self.sensitivity, self.axes)
        return [Points(row, None if weights is None else weights[i], self.grid) for i, row in enumerate(self.rows)]

    def clusterings(self, most: int) -> list[list[Clustering]]:
        """For each row the best clusterings with 1, 2, ... centres."""
        return [best_clusterings(points, most) for points in self.points()]

    def shared(self, centres: Sequence[Array]) -> DenseAttr:
        """The weights with values from their row's centres (`centres`: one rising array a row, or one for all)."""
        books = list(centres) if len(centres) == len(self.rows) else list(centres) * len(self.rows)
        values = self._nearest(books) if self.products is None else self._chosen(books, self.products)
        if self.value_type is None:
            return DenseAttr(values.astype(np.float32), self.weights.type)
        codes = np.rint(values).astype(np.int64) if values.dtype.kind == "f" else values
        found = grouped(codes, self.axes)
        assert found is not None
        return DenseAttr(codes, tensor(SharedType(found.entries, self.value_type), codes.shape))

    def stored(self, value: DenseAttr) -> DenseAttr:
        """A constant that shares its weights, in the format of the codebook."""
        if self.stored_type is None or self.grid is None or self.stored_type == self.value_type:
            return value
        assert isinstance(value.type.element_type, SharedType)
        type_ = SharedType(value.type.element_type.entries.data, self.stored_type)
        return DenseAttr(value.array // self.grid.quantum, tensor(type_, value.array.shape))

    def error(self, value: DenseAttr) -> float:
        """The sum of the squared changes of the weights, or of what these are multiplied to."""
        change = value.array.astype(np.float64) - self.weights.array
        return float((change**2).sum()) if self.products is None else self.products.error(change)

    def entries(self, value: DenseAttr) -> int:
        """The most different values that a row of a constant has."""
        return max(len(np.unique(row)) for row in _rows(value.array, self.axes))

    def bits(self, value: DenseAttr) -> int:
        """Bits of indices and codebooks of a constant that shares its weights so."""
        return shared_bits(value.array.size, self.entries(value), len(self.rows), self.value_bits)

    def _nearest(self, books: Sequence[Array]) -> Array:
        rows = np.stack([nearest(row, book) for row, book in zip(self.rows, books, strict=True)])
        return _unrows(rows, self.axes, self.weights.array.shape)

    def _chosen(self, books: Sequence[Array], products: Products) -> Array:
        most = max(map(len, books))
        padded = np.stack([np.pad(book, (0, most - len(book)), "edge") for book in books]).astype(np.float64)
        numbers = np.broadcast_to(np.arange(len(books))[:, None], self.rows.shape)
        return products.chosen(self.weights.array, padded, _unrows(numbers, self.axes, self.weights.array.shape))


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


def grouped_weights(
    layers: Sequence[WeightedLayer],
    granularity: SharingGranularity,
    codebook: FixedType | UFixedType | None = None,
    *,
    sensitivities: Mapping[WeightedLayer, Array] | None = None,
    products: Mapping[WeightedLayer, Products] | None = None,
) -> dict[WeightedLayer, Weights]:
    """The weights of the layers in rows; for one codebook of all they take one type that holds all of them.

    Args:
        codebook: type of shared values; None: that of the weights.
        sensitivities: what errors weigh, of layers without `products`: see `Weights`.

    QoptError if a codebook's format does not suit them, or their fraction bits differ.
    """
    sensitivities, products = sensitivities or {}, products or {}
    common = common_type(layers) if granularity is SharingGranularity.NETWORK and layers else None
    found: dict[WeightedLayer, Weights] = {}
    for layer in layers:
        axes = group_axes(layer, granularity)
        known = products.get(layer)
        heavy = sensitivities.get(layer) if known is None else known.sensitivity(), known
        if layer.is_float:
            found[layer] = Weights(layer.weights, FLOAT_BITS, axes, None, None, None, *heavy)
            continue
        own = _own_type(layer)
        value_type, stored_type, grid = _grid(layer, common or own, codebook)
        found[layer] = Weights(layer.weights, own.bitwidth, axes, value_type, stored_type, grid, *heavy)
    return found


def _own_type(layer: WeightedLayer) -> FixedType | UFixedType:
    own = unshared(layer.weights.type.element_type)
    assert isinstance(own, FixedType | UFixedType)
    return own


def common_type(layers: Sequence[WeightedLayer]) -> FixedType | UFixedType | None:
    """The narrowest type that holds the weights of all layers; None if they are float32.

    QoptError if their fraction bits differ.
    """
    types = {layer: None if layer.is_float else _own_type(layer) for layer in layers}
    quanta = {layer: None if own is None else integer_format(own).fraction_bits for layer, own in types.items()}
    first = layers[0]
    for other in layers:
        if quanta[other] != quanta[first]:
            kinds = [types[layer] or "f32" for layer in (first, other)]
            what = f"weights of {kinds[0]} ('{first.name}') and of {kinds[1]} cannot share one codebook"
            raise QoptError(what, other.op, "share per layer, or per network among layers with the same fraction bits")
    known = [own for own in types.values() if own is not None]
    if not known:
        return None
    ranges = [integer_format(own).code_range for own in known]
    return fixed_type(
        IntRange(min(r.lo for r in ranges), max(r.hi for r in ranges)), integer_format(known[0]).fraction_bits
    )


def _grid(
    layer: WeightedLayer, own: FixedType | UFixedType, codebook: FixedType | UFixedType | None
) -> tuple[FixedType | UFixedType, FixedType | UFixedType, Grid]:
    """The type of shared values in quanta of the weights, that of the codebook, and the codes they can have."""
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
    value_type = own if coarser else asked
    return value_type, value_type if _makes_integers(layer) else asked, Grid(1 << coarser, low, high)


def _makes_integers(layer: WeightedLayer) -> bool:
    """Whether the weights feed integer arithmetic, whose types hold the quanta of the weights."""
    users = [use.operation for use in layer.constant.result.uses]
    return any(is_integer_type(element_type(result)) for user in users for result in user.results)


def shared_weights(
    groups: Mapping[WeightedLayer, Weights], granularity: SharingGranularity, counts: Sequence[int]
) -> list[dict[WeightedLayer, DenseAttr]]:
    """New weights of the layers for each count: at most so many values a group."""
    most = max(counts)
    if granularity is SharingGranularity.NETWORK and groups:
        joint = [best_clusterings(_joint_points(list(groups.values())), most)]
        found = dict.fromkeys(groups, joint)
    else:
        found = {layer: weights.clusterings(most) for layer, weights in groups.items()}
    return [
        {
            layer: weights.shared([row[min(count, len(row)) - 1].centres for row in found[layer]])
            for layer, weights in groups.items()
        }
        for count in counts
    ]


def unit_bits(
    groups: Mapping[WeightedLayer, Weights], values: Mapping[WeightedLayer, DenseAttr], granularity: SharingGranularity
) -> int:
    """Bits of indices and codebooks; a codebook of the whole network counts once."""
    if granularity is not SharingGranularity.NETWORK:
        return sum(weights.bits(values[layer]) for layer, weights in groups.items())
    different = {value for dense in values.values() for value in np.unique(dense.array).tolist()}
    size, width = sum(dense.array.size for dense in values.values()), max(w.value_bits for w in groups.values())
    return shared_bits(size, len(different), 1, width)


def _joint_points(members: Sequence[Weights]) -> Points:
    values = np.concatenate([w.rows.reshape(-1) for w in members])
    heavy = [np.ones(w.rows.size) if w.sensitivity is None else w.sensitivity.reshape(-1) for w in members]
    return Points(values, np.concatenate(heavy), members[0].grid)
