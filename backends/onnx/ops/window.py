# SPDX-License-Identifier: Apache-2.0
"""Windows and reductions: convolutions, pools, sums and extremes along axes.

A carrier that holds the result of an op holds all its partial sums, so an engine may add in any order. Engines convolve
in float32 alone; where float64 is needed, a convolution becomes slices of its input, one for each tap, and one MatMul.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from ....qdialect.q import (
    ConvOp,
    ConvTransposeOp,
    MatMulOp,
    MaxPoolOp,
    SumPoolOp,
)
from ....qdialect.q.pooling import PoolOp
from ....qdialect.q.reduction import ReduceOp
from ....qdialect.q.window import Window
from ....qdialect.types import shape_of
from ..context import Context
from ..graph import Tensor
from ..numbers import FLOAT32
from ..registry import exporter


@exporter(MatMulOp)
def export_matmul(op: MatMulOp, out: Context) -> Tensor:
    return out.node("MatMul", *out.operands(), shape=shape_of(op.result))


@exporter(ConvOp)
def export_conv(op: ConvOp, out: Context) -> Tensor:
    x, weights = out.operands()
    x, shape = _channels_first(out, x, op), _shape_channels_first(op)
    return _as_op(out, _convolved(out, x, weights, op.window, op.groups, shape), op)


def _channels_first(out: Context, x: Tensor, op: ConvOp | PoolOp) -> Tensor:
    """An image as ONNX has it."""
    return out.transpose(x, _first_from_last(len(x.shape))) if op.channels_last else x


def _as_op(out: Context, y: Tensor, op: ConvOp | PoolOp) -> Tensor:
    """A result with its channels first, as `op` has it."""
    return out.transpose(y, [0, *range(2, len(y.shape)), 1]) if op.channels_last else y


def _shape_channels_first(op: ConvOp | PoolOp) -> tuple[int, ...]:
    shape = shape_of(op.results[0])
    return tuple(shape[axis] for axis in _first_from_last(len(shape))) if op.channels_last else shape


def _first_from_last(rank: int) -> list[int]:
    return [0, rank - 1, *range(1, rank - 1)]


def _convolved(out: Context, x: Tensor, weights: Tensor, window: Window, groups: int, shape: Sequence[int]) -> Tensor:
    if x.dtype != FLOAT32:
        return _convolved_by_taps(out, x, weights, window, groups, shape)
    return out.node("Conv", x, weights, shape=shape, attributes={**_attributes(window), "group": groups})


def _attributes(window: Window) -> dict[str, list[int]]:
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.strides),
        "pads": list(window.pads),
        "dilations": list(window.dilations),
    }


def _convolved_by_taps(
    out: Context, x: Tensor, weights: Tensor, window: Window, groups: int, shape: Sequence[int]
) -> Tensor:
    """The elements under each tap side by side (im2col), times the weights."""
    (frames, channels), places = x.shape[:2], shape[2:]
    x = _bordered(out, x, window.low, window.high)
    axes, steps = out.integers(range(2, 2 + window.rank), "axes"), out.integers(window.strides, "steps")
    taps: list[Tensor] = []
    for tap in product(*map(range, window.kernel)):
        starts = [index * dilation for index, dilation in zip(tap, window.dilations, strict=True)]
        last = zip(starts, places, window.strides, strict=True)
        ends = out.integers([start + (count - 1) * step + 1 for start, count, step in last], "ends")
        part = out.node("Slice", x, out.integers(starts, "starts"), ends, axes, steps, shape=(*x.shape[:2], *places))
        taps.append(out.reshape(part, (frames, groups, channels // groups, 1, prod(places))))
    columns = out.node("Concat", *taps, shape=(*taps[0].shape[:3], len(taps), prod(places)), attributes={"axis": 3})
    columns = out.reshape(columns, (frames, groups, channels // groups * len(taps), prod(places)))
    matrix = out.reshape(weights, (groups, weights.shape[0] // groups, columns.shape[2]))
    result = out.node("MatMul", matrix, columns, shape=(frames, groups, matrix.shape[1], prod(places)))
    return out.reshape(result, shape)


@exporter(ConvTransposeOp)
def export_conv_transpose(op: ConvTransposeOp, out: Context) -> Tensor:
    """In float64: the convolution of the input, with zeros between its elements, and the weights mirrored."""
    (x, weights), window, shape = out.operands(), op.window, shape_of(op.result)
    if x.dtype == FLOAT32:
        options = {"group": op.groups, "output_padding": list(op.output_padding)}
        return out.node("ConvTranspose", x, weights, shape=shape, attributes={**_attributes(window), **options})
    spread = _spread(out, x, window.strides)
    before = [extent - 1 - low for extent, low in zip(window.extents, window.low, strict=True)]
    ends = zip(window.extents, window.high, op.output_padding, strict=True)
    behind = [extent - 1 - high + more for extent, high, more in ends]
    spread = _bordered(out, spread, before, behind)
    mirrored = _mirrored(out, weights, op.groups)
    ones, none = (1,) * window.rank, (0,) * 2 * window.rank
    return _convolved(out, spread, mirrored, Window(window.kernel, ones, none, window.dilations), op.groups, shape)


def _spread(out: Context, x: Tensor, strides: Sequence[int]) -> Tensor:
    """`x` with `stride - 1` zeros between neighbours on each spatial axis."""
    (frames, channels), sizes = x.shape[:2], x.shape[2:]
    if prod(strides) == 1:
        return x
    apart = out.reshape(x, (frames, channels, *(size for each in sizes for size in (each, 1))))
    behind = [more for stride in strides for more in (0, stride - 1)]
    shape = (frames, channels, *(size for pair in zip(sizes, strides, strict=True) for size in pair))
    apart = out.node("Pad", apart, out.integers([0] * len(shape) + [0, 0, *behind], "pads"), shape=shape)
    joined = out.reshape(apart, (frames, channels, *(a * b for a, b in zip(sizes, strides, strict=True))))
    return _bordered(out, joined, [0] * len(sizes), [1 - stride for stride in strides])


def _bordered(out: Context, x: Tensor, before: Sequence[int], behind: Sequence[int]) -> Tensor:
    """Zeros around the spatial axes; negative numbers cut off."""
    low, high = ([max(number, 0) for number in numbers] for numbers in (before, behind))
    if any((*low, *high)):
        sizes = [sum(three) for three in zip(low, x.shape[2:], high, strict=True)]
        pads = out.integers([0, 0, *low, 0, 0, *high], "pads")
        x = out.node("Pad", x, pads, shape=(*x.shape[:2], *sizes))
    if min(*before, *behind) >= 0:
        return x
    starts = [max(-number, 0) for number in before]
    ends = [size - max(-number, 0) for size, number in zip(x.shape[2:], behind, strict=True)]
    shape = (*x.shape[:2], *(end - start for start, end in zip(starts, ends, strict=True)))
    axes = out.integers(range(2, len(x.shape)), "axes")
    return out.node("Slice", x, out.integers(starts, "starts"), out.integers(ends, "ends"), axes, shape=shape)


def _mirrored(out: Context, weights: Tensor, groups: int) -> Tensor:
    """Weights [C, M / groups, *K] of a transposed convolution as those [M, C / groups, *K] of a convolution."""
    channels, outputs, *kernel = weights.shape
    split = out.reshape(weights, (groups, channels // groups, outputs, *kernel))
    axes = list(range(len(split.shape)))
    swapped = out.transpose(split, [0, 2, 1, *axes[3:]])
    joined = out.reshape(swapped, (groups * outputs, channels // groups, *kernel))
    spatial = range(2, 2 + len(kernel))
    numbers = {
        "starts": [size - 1 for size in kernel],
        "ends": [-(1 << 31)] * len(kernel),
        "axes": list(spatial),
        "steps": [-1] * len(kernel),
    }
    return out.node("Slice", joined, *(out.integers(each, name) for name, each in numbers.items()), shape=joined.shape)


@exporter(MaxPoolOp)
def export_max_pool(op: MaxPoolOp, out: Context) -> Tensor:
    x = _channels_first(out, out.tensor(op.input, out.work), op)
    pooled = out.node("MaxPool", x, shape=_shape_channels_first(op), attributes=_attributes(op.window))
    return _as_op(out, pooled, op)


@exporter(SumPoolOp)
def export_sum_pool(op: SumPoolOp, out: Context) -> Tensor:
    """A convolution of each channel with ones: AveragePool would divide, and round."""
    x, window = _channels_first(out, out.tensor(op.input, out.work), op), op.window
    ones = out.plain(np.ones((x.shape[1], 1, *window.kernel), x.dtype), "ones")
    return _as_op(out, _convolved(out, x, ones, window, x.shape[1], _shape_channels_first(op)), op)


@exporter(ReduceOp)
def export_reduction(op: ReduceOp, out: Context) -> Tensor:
    """`ReduceSumOp` is ONNX's ReduceSum."""
    axes, options = out.integers(op.axes, "axes"), {"keepdims": int(op.keep_dims)}
    name = type(op).__name__.removesuffix("Op")
    return out.node(name, *out.operands(), axes, shape=shape_of(op.results[0]), attributes=options)
