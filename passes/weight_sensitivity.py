# SPDX-License-Identifier: Apache-2.0
"""What the inputs of a layer say of its weights: how much an error of each weighs, and how errors make up for others.

A squared error of a weight weighs the mean square of what it multiplies. Errors of several weights of one sum add up
by the second moments of their inputs, so that one can make up for another (GPTQ, see calibration/reconstruction.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.q import Convolution, ConvOp, ConvTransposeOp, MatMulOp
from ..qdialect.reference import ExactReal, compile_function
from ..qdialect.reference.executor import Codes
from ..qdialect.types import shape_of
from .calibration.layers import Linear, layer_kind
from .calibration.reconstruction import Moments, rounded
from .calibration.rows import input_rows, rows_to_weights, weight_rows
from .weighted_layers import WeightedLayer

POSITIONS = 64  # output positions of each frame that count for moments
SEED = 1


def sensitivities(module: ModuleOp, layers: Sequence[WeightedLayer], frames: Array) -> dict[WeightedLayer, Array]:
    """For each layer an array of the shape of its weights. `frames`: codes of the one input of @main."""
    squares = {layer: _Squares(layer) for layer in layers}
    _observe(module, layers, frames, lambda layer, x: squares[layer].add(x))
    return {layer: found.mean() for layer, found in squares.items()}


def products(module: ModuleOp, layers: Sequence[WeightedLayer], frames: Array) -> dict[WeightedLayer, Products]:
    """What the layers multiply; of those that are a product with a matrix: not transposed convolutions."""
    found = {layer: Products.of(layer) for layer in layers if isinstance(layer.op, ConvOp | MatMulOp)}
    positions = np.random.default_rng(SEED).integers(0, 1 << 30, POSITIONS)
    _observe(module, list(found), frames, lambda layer, x: found[layer].add(x, positions))
    return found


@dataclass(frozen=True)
class Products:
    """A layer as products of its weights with rows of inputs, and the second moments of these for each group.

    Their means are left in: the bias stays as it is.
    """

    linear: Linear
    shape: tuple[int, ...]  # of the weights
    moments: list[Moments]

    @staticmethod
    def of(layer: WeightedLayer) -> Products:
        """Without any frames yet."""
        weight_index = 0 if isinstance(layer.op, MatMulOp) and layer.output_axis == 0 else 1
        linear = Linear(layer.op, (), layer_kind(layer.op), _input(layer), weight_index, None, None)
        groups, _, terms = weight_rows(linear, layer.weights.array).shape
        return Products(linear, layer.weights.array.shape, [Moments.of(terms) for _ in range(groups)])

    def add(self, x: Array, positions: Array) -> None:
        """Take in inputs with an axis of frames in front."""
        for moments, rows in zip(self.moments, input_rows(self.linear, x, positions), strict=True):
            exact = rows.astype(np.float64)
            moments.square += exact.T @ exact
            moments.rows += len(rows)

    def sensitivity(self) -> Array:
        """Mean squares, in the shape of the weights."""
        rows = weight_rows(self.linear, np.empty(self.shape))
        means = np.stack([np.diag(moments.square) / max(moments.rows, 1) for moments in self.moments])
        return rows_to_weights(self.linear, np.broadcast_to(means[:, None], rows.shape))

    def error(self, change: Array) -> float:
        """Mean over rows of the squares by which sums change, added up over the outputs."""
        rows = weight_rows(self.linear, change.astype(np.float64))
        groups = zip(rows, self.moments, strict=True)
        return float(sum(((r @ m.square) * r).sum() / max(m.rows, 1) for r, m in groups))

    def chosen(self, weights: Array, books: Array, places: Array) -> Array:
        """The weights with values of codebooks such that the sums change least.

        Args:
            books: [codebooks, entries], entries rising.
            places: the number of the codebook of each weight.
        """
        rows, numbers = weight_rows(self.linear, weights), weight_rows(self.linear, places)

        def group(index: int) -> Array:
            def apply(column: Array, term: int) -> Array:
                return _nearest(books[numbers[index, :, term]], column)

            return rounded(rows[index].astype(np.float64), self.moments[index], apply)

        return rows_to_weights(self.linear, np.stack([group(index) for index in range(len(rows))]))


def _nearest(books: Array, values: Array) -> Array:
    """Of each row of entries the one nearest to its value; the lower one of two."""
    return np.take_along_axis(books, np.abs(books - values[:, None]).argmin(axis=1)[:, None], axis=1)[:, 0]


def _observe(
    module: ModuleOp, layers: Sequence[WeightedLayer], frames: Array, take: Callable[[WeightedLayer, Array], None]
) -> None:
    """Run the frames and give the input of each layer to `take`, some frames at a time."""
    users: dict[Operation, list[WeightedLayer]] = {}
    for layer in layers:
        value = _input(layer)
        if isinstance(value.owner, Operation):
            users.setdefault(value.owner, []).append(layer)
        else:
            take(layer, frames.reshape(-1, *shape_of(value)))

    def observe(op: Operation, codes: Sequence[Codes]) -> None:
        (array,) = codes
        numbers = array.to_float64() if isinstance(array, ExactReal) else array
        for layer in users[op]:
            take(layer, numbers)

    compile_function(module).run_codes({0: frames}, observe, users)


def _input(layer: WeightedLayer) -> SSAValue:
    op = layer.op
    if isinstance(op, MatMulOp):
        return op.lhs if layer.output_axis == 1 else op.rhs
    return op.input


class _Squares:
    """Mean squares of the input of a layer, one for each input channel, spread to the shape of the weights."""

    def __init__(self, layer: WeightedLayer):
        self.layer, self.count = layer, 0
        self.total: Array = np.zeros(())
        self.axis = layer.op.channel_axis if isinstance(layer.op, Convolution) else _contracted(layer)

    def add(self, frames: Array) -> None:
        """Arrays with an axis of frames in front."""
        axes = tuple(axis for axis in range(frames.ndim) if axis != self.axis + 1)
        self.total = self.total + (frames.astype(np.float64) ** 2).sum(axis=axes)
        self.count += frames.size // frames.shape[self.axis + 1]

    def mean(self) -> Array:
        op, shape = self.layer.op, self.layer.weights.array.shape
        means = self.total / max(self.count, 1)
        if isinstance(op, MatMulOp):
            return np.broadcast_to(means[:, None] if self.layer.output_axis == 1 else means, shape)
        if isinstance(op, ConvTransposeOp):
            return np.broadcast_to(means.reshape(-1, *(1,) * (len(shape) - 1)), shape)
        groups = means.reshape(op.groups, 1, shape[1]).repeat(shape[0] // op.groups, axis=1)
        return np.broadcast_to(groups.reshape(*shape[:2], *(1,) * (len(shape) - 2)), shape)


def _contracted(layer: WeightedLayer) -> int:
    """The axis of the other operand of a product that is summed over."""
    rank = len(shape_of(_input(layer)))
    return rank - 1 if layer.output_axis == 1 or rank == 1 else rank - 2
