# SPDX-License-Identifier: Apache-2.0
"""Random small quantised convolutional networks in QONNX and QCDQ."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from .generator import Generator


class ConvolutionGenerator(Generator):
    """As its base, behind feature maps: convolutions, pools, residual sums, concatenations, perhaps a dense layer."""

    def model(self) -> onnx.ModelProto:
        self.shape = self.rnd.choice(((1, 1, 5, 5), (1, 2, 4, 4), (1, 3, 6, 5), (1, 2, 7), (1, 4, 3, 3)))
        self.input_shape = self.shape
        self.activation_quantizer(first=True)
        for _ in range(self.rnd.randint(1, 3)):
            self.pick(self.convolution, self.convolution, self.convolution, self.residual, self.pool, self.joined)
            if self.rnd.random() < 0.8:
                self.activation_quantizer()
        if self.rnd.random() < 0.5:
            self.flat()
            self.layer()
        self.tail()
        return self.finished()

    def batch_is_free(self) -> bool:
        return False

    def activation_quantizer(self, first: bool = False) -> None:
        """Codes of one scale: a scale for each element of the last axis has no unit here."""
        kinds = [self.map_quant] * 6 + [self.bipolar, self.qcdq, self.relu_map_quant]
        self.rnd.choice(kinds[:8] if first else kinds)()

    def map_quant(self, signed: int | None = None) -> None:
        per_channel = (1, self.shape[1], *[1] * (len(self.shape) - 2))
        shape = per_channel if self.rnd.random() < 0.2 else ()
        self.value = self.quantized(self.value, shape, signed)

    def relu_map_quant(self) -> None:
        self.relu()
        self.map_quant(signed=0)

    def channel_shape(self, shape: Sequence[int] | None = None) -> tuple[int, ...]:
        if len(self.shape) == 2:
            return super().channel_shape(shape)
        return self.rnd.choice(((), (1,), (self.shape[1], *[1] * (len(self.shape) - 2))))

    def convolution(self) -> None:
        channels, spatial = self.shape[1], self.shape[2:]
        groups = self.rnd.choice([1, 1, channels])
        maps = groups * self.rnd.choice([1, 2, 3])
        kernel = [self.rnd.randint(1, min(3, size)) for size in spatial]
        strides = [self.rnd.choice([1, 1, 2]) for _ in spatial]
        pads = [self.rnd.randint(0, kernel[i % len(spatial)] - 1) for i in range(2 * len(spatial))]
        weights = self.kernels((maps, channels // groups, *kernel))
        bias = [self.addend((maps,))] if self.rnd.random() < 0.4 else []
        attributes = {"strides": strides, "pads": pads, "group": groups, "kernel_shape": kernel}
        self.value = self.node("Conv", self.value, weights, *bias, **attributes)
        self.shape = (1, maps, *self.windows(kernel, strides, pads))
        for _ in range(self.rnd.choice([0, 1, 2])):
            self.pick(self.bias, self.map_batch_norm, self.relu, self.arithmetic, self.identity)

    def kernels(self, shape: tuple[int, ...]) -> str:
        values = self.constant(self.numbers(shape))
        scale_shape = (shape[0], *[1] * (len(shape) - 1)) if self.rnd.random() < 0.4 else ()
        return self.quantized(values, scale_shape)

    def windows(self, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]) -> tuple[int, ...]:
        spatial = self.shape[2:]
        padded = [size + pads[i] + pads[i + len(spatial)] for i, size in enumerate(spatial)]
        return tuple((size - k) // step + 1 for size, k, step in zip(padded, kernel, strides, strict=True))

    def map_batch_norm(self) -> None:
        shape, self.shape = self.shape, self.shape[:2]
        self.batch_norm()
        self.shape = shape

    def pool(self) -> None:
        kernel = [self.rnd.randint(1, min(2, size)) for size in self.shape[2:]]
        op_type = self.rnd.choice(["MaxPool", "AveragePool", "GlobalAveragePool"])
        if op_type == "GlobalAveragePool":
            self.value = self.node(op_type, self.value)
            self.shape = (*self.shape[:2], *[1] * len(kernel))
            return
        self.value = self.node(op_type, self.value, kernel_shape=kernel, strides=kernel)
        self.shape = (*self.shape[:2], *self.windows(kernel, kernel, [0] * (2 * len(kernel))))

    def residual(self) -> None:
        """What a convolution makes of the value, beside the value."""
        before, spatial = self.value, self.shape[2:]
        self.value = self.node("Conv", before, self.kernels((self.shape[1], self.shape[1], *[1] * len(spatial))))
        if self.rnd.random() < 0.5:
            self.map_quant()
        self.value = self.node(self.rnd.choice(["Add", "Add", "Sub"]), before, self.value)

    def joined(self) -> None:
        before = self.value
        self.pick(self.relu, self.arithmetic, self.map_quant)
        self.value = self.node("Concat", before, self.value, axis=1)
        self.shape = (1, 2 * self.shape[1], *self.shape[2:])
