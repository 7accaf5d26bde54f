# SPDX-License-Identifier: Apache-2.0
"""Random convolutional networks of the dataflow level: windows, pools, depthwise units, tables, residual sums."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
from networks import random_codes
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.dataflow import (
    AddOp,
    DepthwiseOp,
    MatrixVectorOp,
    MaxPoolOp,
    RequantizeOp,
    SlidingWindowOp,
    SumPoolOp,
    TableOp,
    UpsampleOp,
    stream_type,
)
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import FixedType, fixed_type
from units import constant, module_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

ELEMENT = FixedType(4, 0)  # of every image


@dataclass(frozen=True)
class Image:
    """A stream of images of codes of 4 bits."""

    stream: SSAValue
    shape: tuple[int, int, int]


class RandomImages:
    """Builds a module with @hardware and @main; streams have as many users as come, no forks, all lanes are 1."""

    def __init__(self, rnd: random.Random):
        self.rnd, self.numpy = rnd, np.random.default_rng(rnd.randrange(1 << 30))
        self.shape = (rnd.randint(2, 5), rnd.randint(2, 5), rnd.choice([1, 2, 4]))

    def module(self) -> ModuleOp:
        return module_of(ELEMENT, self.shape, lambda x: self._body(Image(x, self.shape)))

    def inputs(self, frames: int) -> np.ndarray:
        return random_codes(self.numpy, ELEMENT, (frames, *self.shape))

    def _body(self, image: Image) -> SSAValue:
        layers = [self._convolution, self._depthwise, self._max_pool, self._upsample, self._table, self._residual]
        for layer in self.rnd.sample(layers, self.rnd.randint(2, 3)):
            if image.shape[0] * image.shape[1] <= 36:
                image = layer(image)
        return self._global_sum(image).stream if self.rnd.random() < 0.5 else image.stream

    def _windows(self, image: Image, *, same: bool = False, depthwise: bool = False) -> tuple[SSAValue, Image, int]:
        """(windows, the image that one element a window makes, taps)."""
        size = [self.rnd.choice([1, 3] if same else [1, 2, 3]) for _ in range(2)]
        pads = (size[0] // 2, size[1] // 2) * 2
        strides = (1, 1) if same else (self.rnd.choice([1, 2]), self.rnd.choice([1, 2]))
        window = Window((size[0], size[1]), strides, pads, (1, 1))
        op = SlidingWindowOp(image.stream, image.shape, window, pad_value=self.rnd.choice([0, -8]), depthwise=depthwise)
        rows, columns = op.positions
        return op.result, replace(image, shape=(rows, columns, image.shape[2])), window.num_taps

    def _convolution(self, image: Image, *, same: bool = False) -> Image:
        windows, made, taps = self._windows(image, same=same)
        channels = image.shape[2] if same else self.rnd.choice([1, 2, 4, 6])
        weights = self.numpy.integers(-2, 2, (channels, taps * image.shape[2]))
        most = 16 * weights.shape[1]
        op = MatrixVectorOp(windows, constant(weights, FixedType(2, 0)), fixed_type(IntRange(-most, most), 0))
        return self._narrow(Image(op.result, (*made.shape[:2], channels)))

    def _depthwise(self, image: Image) -> Image:
        windows, made, taps = self._windows(image, depthwise=True)
        weights, bias = self.numpy.integers(-2, 2, (image.shape[2], taps)), self.numpy.integers(-3, 4, image.shape[2])
        accumulator = fixed_type(IntRange(-16 * taps - 4, 16 * taps + 4), 0)
        factors, addend = constant(weights, FixedType(2, 0)), constant(bias, FixedType(3, 0))
        op = DepthwiseOp(windows, factors, accumulator, bias=addend)
        return self._narrow(replace(made, stream=op.result))

    def _max_pool(self, image: Image) -> Image:
        depthwise = self.rnd.random() < 0.6
        windows, made, taps = self._windows(image, depthwise=depthwise)
        op = MaxPoolOp(windows, ELEMENT, taps=taps, channels=None if depthwise else image.shape[2])
        return replace(made, stream=op.result)

    def _upsample(self, image: Image) -> Image:
        factors = (self.rnd.choice([1, 2]), self.rnd.choice([1, 2]))
        rows, columns, channels = image.shape
        op = UpsampleOp(image.stream, image.shape, factors)
        return Image(op.result, (rows * factors[0], columns * factors[1], channels))

    def _table(self, image: Image) -> Image:
        entries = random_codes(self.numpy, ELEMENT, (self.rnd.choice([1, image.shape[2]]), 16))
        return replace(image, stream=TableOp(image.stream, constant(entries, ELEMENT)).result)

    def _residual(self, image: Image) -> Image:
        branch = self._convolution(image, same=True)
        return self._narrow(replace(image, stream=AddOp(image.stream, branch.stream, FixedType(5, 0)).result))

    def _global_sum(self, image: Image) -> Image:
        rows, columns, channels = image.shape
        taps = rows * columns
        op = SumPoolOp(image.stream, fixed_type(IntRange(-8 * taps, 7 * taps), 0), taps=taps, channels=channels)
        return self._narrow(Image(op.result, (1, 1, channels)))

    def _narrow(self, image: Image) -> Image:
        channels, wide = image.shape[2], stream_type(image.stream).format.word_length
        factor = constant(self.numpy.integers(1, 4, channels), FixedType(3, 0))
        addend = constant(self.numpy.integers(-3, 4, channels), FixedType(3, 0))
        shift, clip = max(wide - 3, 1), RangeAttr(-8, 7)
        op = RequantizeOp(image.stream, factor, addend, ELEMENT, shift=shift, clip=clip, rounding=Rounding.HALF_EVEN)
        return replace(image, stream=op.result)
