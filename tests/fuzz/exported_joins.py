# SPDX-License-Identifier: Apache-2.0
"""Random small networks as exporters write them, whose branches meet in differences, products and gates."""

from __future__ import annotations

import numpy as np

from .exported_cnn import ExportedCnn

GATES = ("Sigmoid", "HardSigmoid", "Relu", "")


class ExportedJoins(ExportedCnn):
    """As its base, with other blocks for residual sums and concatenations."""

    def residual(self) -> None:
        self.pick(self.difference, self.product)

    def branches(self) -> None:
        self.pick(self.squeeze_and_excite, self.squeeze_and_excite, self.pixel_gate, self.self_gate, self.mean_removed)

    def second_branch(self, quantised: bool = True) -> tuple[str, str]:
        """(the value, what a convolution makes of it), in random order."""
        before = self.value
        self.convolution(maps=self.shape[1], stride=1)
        if quantised:
            self.quantise(signed=True)
        return (before, self.value) if self.rng.random() < 0.5 else (self.value, before)

    def difference(self) -> None:
        self.features.append("difference")
        self.value = self.node("Sub", *self.second_branch(quantised=bool(self.rng.random() < 0.7)))
        rectified = bool(self.rng.random() < 0.5)
        if rectified:
            self.value = self.node("Relu", self.value)
        self.quantise(signed=not rectified, reach=3.0)

    def product(self) -> None:
        self.features.append("product")
        self.value = self.node("Mul", *self.second_branch())
        if self.rng.random() < 0.3:
            self.value = self.node("Relu", self.value)
        if self.rng.random() < 0.8:
            self.quantise(signed=True, reach=4.0)

    def squeeze_and_excite(self) -> None:
        """A pooled vector through two layers gives each channel its gate."""
        self.features.append("squeeze_and_excite")
        before, shape = self.value, self.shape
        self.value = self.node("GlobalAveragePool", self.value)
        self.shape = (*shape[:2], 1, 1)
        self.quantise(signed=True, reach=1.0)
        self.convolution(maps=2, stride=1)
        self.value = self.node("Relu", self.value)
        self.quantise(signed=False)
        self.convolution(maps=shape[1], stride=1)
        self.gate(before, shape, "Mul")

    def pixel_gate(self) -> None:
        """One number for each pixel."""
        self.features.append("pixel_gate")
        before, shape = self.value, self.shape
        self.convolution(maps=1, stride=1)
        self.gate(before, shape, str(self.rng.choice(["Mul", "Mul", "Add", "Sub"])))

    def gate(self, before: str, shape: tuple[int, ...], op_type: str) -> None:
        kind = str(self.rng.choice(GATES))
        if kind in ("Sigmoid", "HardSigmoid") and self.rng.random() < 0.7:
            self.quantise(signed=True)
        if kind:
            self.value = self.node(kind, self.value)
        self.quantise(signed=not kind, reach=1.0)
        pair = (before, self.value) if self.rng.random() < 0.7 else (self.value, before)
        self.value, self.shape = self.node(op_type, *pair), shape
        self.quantise(signed=True)

    def self_gate(self) -> None:
        """x * sigmoid(x) from two branches of one quantised value."""
        self.features.append("self_gate")
        self.convolution()
        self.quantise(signed=True)
        before = self.value
        self.value = self.node(str(self.rng.choice(["Sigmoid", "HardSigmoid"])), self.value)
        if self.rng.random() < 0.6:
            self.quantise(signed=False, reach=1.0)
        self.value = self.node("Mul", before, self.value)
        self.quantise(signed=True)

    def mean_removed(self) -> None:
        """Each channel without its mean."""
        self.features.append("mean_removed")
        before, shape = self.value, self.shape
        self.value = self.node("GlobalAveragePool", self.value)
        self.quantise(signed=True, reach=float(np.float32(1.5)))
        self.value, self.shape = self.node("Sub", before, self.value), shape
        self.quantise(signed=True)
