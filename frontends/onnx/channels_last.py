# SPDX-License-Identifier: Apache-2.0
"""Ops of QONNX's channels-last domain: the standard op between transpositions; [N, *S, C] outside, [N, C, *S] in."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ...qdialect.types import shape_of
from .model import STANDARD_DOMAIN
from .node import Node, Value
from .registry import Importer

CHANNELS_LAST_DOMAINS = ("qonnx.custom_op.channels_last",)


class _ChannelsFirst(Node):
    """A node whose first inputs are transposed to channels first; the standard op it names is of a recent opset."""

    def __init__(self, node: Node, num_transposed: int):
        super().__init__(node.definition, node.builder)
        self._values: dict[int, Value] = {}
        self._num_transposed = num_transposed

    @property
    def opset(self) -> int:
        return self.builder.model.opsets[STANDARD_DOMAIN]

    def value(self, index: int) -> Value:
        if index >= self._num_transposed:
            return super().value(index)
        if index not in self._values:
            value = super().value(index)
            rank = len(shape_of(value) if isinstance(value, SSAValue) else value.shape)
            if rank < 3:
                raise self.error(f"input {index} of {rank} dimensions has no spatial axes", "export the model again")
            order = (0, rank - 1, *range(1, rank - 1))
            if isinstance(value, np.ndarray):
                self._values[index] = value.transpose(order)
            else:
                self._values[index] = self.transposed(self.as_operand(value), order)
        return self._values[index]


def channels_last(import_standard: Importer, num_transposed: int) -> Importer:
    """The importer of a channels-last op, from that of the standard op; so many of its inputs have channels last."""

    def import_channels_last(node: Node) -> Value:
        inner = _ChannelsFirst(node, num_transposed)
        result = import_standard(inner)
        assert isinstance(result, SSAValue)
        rank = len(shape_of(result))
        return inner.transposed(result, (0, *range(2, rank), 1))

    return import_channels_last
