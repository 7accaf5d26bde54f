# SPDX-License-Identifier: Apache-2.0
"""Layer after layer: round the weights for the inputs that the layers before, already rounded, give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from ...qdialect.attrs import Array
from ...qdialect.reference import Plan, compile_function
from .applying import Quantizers
from .folding import bias_by_channel, set_bias, set_weights
from .layers import Linear, Network
from .quantizer import Quantizer
from .reconstruction import Moments, bias_change, compensated, rounded
from .rows import groups_of, has_rows, input_rows, rows_to_weights, weight_rows
from .scoring import numbers_of
from .statistics import observe

POSITIONS = 64  # output positions of each frame that count
SEED = 1


@dataclass(frozen=True)
class WeightRounding:
    """Which of the methods to use: both need frames; see `reconstruction`."""

    module: ModuleOp
    network: Network
    before: Plan  # the float network
    batches: Callable[[], Iterable[Array]]
    reconstruct: bool
    progress: Callable[[str], None]

    def run(self, quantizers: Quantizers, choose: Callable[[Linear, Array], Quantizer]) -> None:
        """Give each layer with a quantiser weights that lie on its grid, and a corrected bias.

        Args:
            choose: the quantiser of a layer for given float weights.
        """
        layers = [linear for linear in self.network.linears if linear.op in quantizers.weights and has_rows(linear)]
        for index, linear in enumerate(layers):
            self.progress(f"rounding weights: layer {index + 1} of {len(layers)}")
            self._round(linear, quantizers, choose)

    def _round(self, linear: Linear, quantizers: Quantizers, choose: Callable[[Linear, Array], Quantizer]) -> None:
        moments = self._moments(linear)
        weights = weight_rows(linear, linear.weights.array)
        if self.reconstruct:
            moved = np.stack([compensated(w, m) for w, m in zip(weights, moments, strict=True)])
            quantizers.weights[linear.op] = choose(linear, rows_to_weights(linear, moved).astype(np.float32))
            new = rounded_rows(moved, moments, quantizers.weights[linear.op])
        else:
            new = weight_rows(linear, quantizers.weights[linear.op].apply(linear.weights.array))
        change = np.concatenate([bias_change(*group) for group in zip(weights, new, moments, strict=True)])
        set_weights(linear, rows_to_weights(linear, new))
        if linear.bias is not None:
            set_bias(linear, bias_by_channel(linear) + change)

    def _moments(self, linear: Linear) -> list[Moments]:
        """Moments of the layer's input in the network as it is now, for each group."""
        now = compile_function(self.module)
        x = linear.op.operands[1 - linear.weight_index]
        terms = weight_rows(linear, linear.weights.array).shape[-1]
        moments = [Moments.of(terms, linear.bias is not None) for _ in range(groups_of(linear))]
        generator = np.random.default_rng(SEED)
        for batch in self.batches():
            positions = generator.integers(0, 1 << 30, POSITIONS)
            rows = self._rows(now, linear, x, batch, positions)
            targets = self._rows(self.before, linear, linear.x, batch, positions)
            for group, moment in enumerate(moments):
                moment.add(rows[group], targets[group])
        return moments

    def _rows(self, plan: Plan, linear: Linear, value: SSAValue, batch: Array, positions: Array) -> Array:
        parts: list[Array] = []

        def take(_: SSAValue, codes: Any) -> None:
            parts.append(numbers_of(value, codes))

        observe(plan, [value], [[batch]], take)
        return input_rows(linear, np.concatenate(parts), positions)


def rounded_rows(rows: Array, moments: Sequence[Moments], quantizer: Quantizer) -> Array:
    """Rows [groups, outputs, terms] on the grid of a quantiser with one scale, or one for each output."""
    scales = np.broadcast_to(quantizer.scale.reshape(-1), (rows.shape[0] * rows.shape[1],))
    scales = scales.reshape(rows.shape[:2])
    return np.stack(
        [
            rounded(group, moment, partial(_on_grid, replace(quantizer, scale=scale)))
            for group, moment, scale in zip(rows, moments, scales, strict=True)
        ]
    )


def _on_grid(quantizer: Quantizer, column: Array, _term: int) -> Array:
    return quantizer.apply(column)
