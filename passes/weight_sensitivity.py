# SPDX-License-Identifier: Apache-2.0
"""How much a squared error of each weight weighs in the output of its layer: the mean square of what it multiplies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.q import Convolution, ConvTransposeOp, MatMulOp
from ..qdialect.reference import ExactReal, compile_function
from ..qdialect.reference.executor import Codes
from ..qdialect.types import shape_of
from .weighted_layers import WeightedLayer


def sensitivities(module: ModuleOp, layers: Sequence[WeightedLayer], frames: Array) -> dict[WeightedLayer, Array]:
    """For each layer an array of the shape of its weights. `frames`: codes of the one input of @main."""
    inputs = {layer: _input(layer) for layer in layers}
    squares = {layer: _Squares(layer) for layer in layers}
    users: dict[Operation, list[WeightedLayer]] = {}
    for layer, value in inputs.items():
        if isinstance(value.owner, Operation):
            users.setdefault(value.owner, []).append(layer)
        else:
            squares[layer].add(frames.reshape(-1, *shape_of(value)))

    def observe(op: Operation, codes: Sequence[Codes]) -> None:
        for layer in users[op]:
            (array,) = codes
            squares[layer].add(array.to_float64() if isinstance(array, ExactReal) else array)

    compile_function(module).run_codes({0: frames}, observe, users)
    return {layer: found.mean() for layer, found in squares.items()}


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
