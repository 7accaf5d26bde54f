# SPDX-License-Identifier: Apache-2.0
"""Convolution of integers whose channels are last, in any order of summation.

Dense: rows with the elements under the window, pixels whole, times matrices of the weights, in blocks that stay in the
caches. Where the window's rows are long and move by one row, the rows of the image serve all rows of the window.
Depthwise: all products of a row of pixels in one sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...formats import IntRange
from ...q import ConvOp
from ...q.window import Window
from ...types import shape_of
from ..products import Product
from ..values import OBJECT, Array

BLOCK_BYTES = 1 << 19  # of what a step makes: it stays in the caches for the next
LEAST_RUN, LEAST_ROWS = 32, 64  # elements under a row of the window, and positions, for products of single rows
RUN = 1 << 13  # elements of a row of pixels for which the weights of each tap are repeated

Convolve: TypeAlias = Callable[[Array], Array]  # images [F, *S, C] to [F, *positions, M]


def convolve_channels_last(op: ConvOp, weights: Array, x: IntRange) -> Convolve | None:
    """The convolution with constant weights [M, C / groups, *kernel] of images of integers in `x`.

    None for grouped ones that are not depthwise.
    """
    positions = tuple(shape_of(op.result)[axis] for axis in op.spatial_axes)
    if op.groups == op.in_channels == len(weights) > 1:
        return _depthwise(op.window, weights, positions)
    if op.groups > 1:
        return None
    window, taps = op.window, np.moveaxis(weights, (0, 1), (-1, -2))  # [*kernel, C, M]
    long = prod(taps.shape[1:-1]) >= LEAST_RUN and prod(positions) >= LEAST_ROWS
    if window.kernel[0] > 1 == window.strides[0] and long:
        return _dense_by_rows(window, taps, positions, x)
    return _dense(window, taps, positions, x)


def padded(x: Array, window: Window) -> Array:
    """Contiguous images with the zeros of the window's pads around them."""
    if not any(window.pads):
        return np.ascontiguousarray(x)
    ends = list(zip(window.low, x.shape[1:-1], window.high, strict=True))
    result = np.zeros((len(x), *(low + size + high for low, size, high in ends), x.shape[-1]), x.dtype)
    result[(slice(None), *(slice(low, low + size) for low, size, _ in ends))] = x
    return result


def _dense(window: Window, taps: Array, positions: tuple[int, ...], x: IntRange) -> Convolve:
    channels, matrix = taps.shape[-1], taps.reshape(-1, taps.shape[-1])
    depth, product = len(matrix), Product([matrix], x)
    of_pixels = window.num_taps == 1 and max(window.strides) == 1 and not any(window.pads)

    def convolve(x: Array) -> Array:
        result = np.empty((len(x), *positions, channels), x.dtype)
        if of_pixels:
            product([x.reshape(-1, depth)], result.reshape(-1, channels))
            return result
        under = _under(padded(x, window), window, positions)
        for block in _blocks(len(x), positions[0], prod(positions[1:]) * depth * x.itemsize):
            rows = under[block].reshape(-1, depth)  # copies
            product([rows], result[block].reshape(-1, channels))
        return result

    return convolve


def _dense_by_rows(window: Window, taps: Array, positions: tuple[int, ...], x: IntRange) -> Convolve:
    """The sum over the first axis of the kernel of products of what lies under the others, which is copied once."""
    channels, width, depth = taps.shape[-1], prod(positions[1:]), prod(taps.shape[1:-1])
    product = Product([part.reshape(depth, channels) for part in taps], x)
    starts = [row * window.dilations[0] for row in range(window.kernel[0])]

    def convolve(x: Array) -> Array:
        x = padded(x, window)
        step = max(1, BLOCK_BYTES // (width * depth * x.itemsize))
        under = _under(x, window, positions, rows=x.shape[1])
        result = np.empty((len(x), *positions, channels), x.dtype)
        for frame in range(len(x)):
            for first in range(0, positions[0], step):
                out = result[frame, first : first + step].reshape(-1, channels)
                rows = under[frame, first : first + len(out) // width + starts[-1]].reshape(-1, depth)
                product([rows[start * width : start * width + len(out)] for start in starts], out)
        return result

    return convolve


def _under(x: Array, window: Window, positions: tuple[int, ...], rows: int | None = None) -> Array:
    """A view of contiguous images: [F, *positions, *kernel, C], what lies under the window.

    `rows`: without the first axis of the kernel, and so many positions along the first of the images.
    """
    steps = x.strides[1:-1]
    places = [s * step if n > 1 else step for s, step, n in zip(window.strides, steps, positions, strict=True)]
    taps = [d * step if n > 1 else step for d, step, n in zip(window.dilations, steps, window.kernel, strict=True)]
    first, kernel = (positions[0], window.kernel) if rows is None else (rows, window.kernel[1:])
    strides = (x.strides[0], *places, *taps[len(taps) - len(kernel) :], x.itemsize)
    return _view(x, (len(x), first, *positions[1:], *kernel, x.shape[-1]), strides)


def _view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view of contiguous memory; `as_strided` takes ten times as long to make one, but takes Python integers."""
    if x.dtype == OBJECT:
        return as_strided(x, shape, strides, writeable=False)
    return np.ndarray(shape, x.dtype, x, strides=strides)


def _blocks(frames: int, rows: int, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Several frames at once with all rows, or rows of one frame at once: contiguous parts of about `BLOCK_BYTES`."""
    at_once = BLOCK_BYTES // max(rows * row_bytes, 1)
    if at_once:
        for start in range(0, frames, at_once):
            yield slice(start, start + at_once), slice(None)
        return
    step = max(1, BLOCK_BYTES // row_bytes)
    for frame in range(frames):
        for start in range(0, rows, step):
            yield slice(frame, frame + 1), slice(start, start + step)


def _depthwise(window: Window, weights: Array, positions: tuple[int, ...]) -> Convolve:
    """Along the last axis all positions are computed, strides or not: rows of pixels are long runs of memory."""
    channels, rank, stride = len(weights), window.rank, window.strides[-1]
    width, unit = (positions[-1] - 1) * stride + 1, replace(window, strides=(*window.strides[:-1], 1))
    run = min(width, max(1, RUN // channels))
    taps = np.moveaxis(weights[:, 0], 0, -1)[..., None, :]  # [*kernel, 1, C]
    factors = np.repeat(taps, run, axis=-2).reshape(*window.kernel, run * channels)
    outer, kernel, inner = [*range(rank)], [*range(rank, 2 * rank)], 2 * rank
    axes = [[*outer, *kernel, inner], [*kernel, inner], [*outer, inner]]

    def convolve(x: Array) -> Array:
        x = padded(x, window)
        under = _under(x, unit, (*positions[:-1], width))
        strides = (*under.strides[:rank], *under.strides[rank + 1 :])
        under = _view(x, (*under.shape[:rank], *window.kernel, width * channels), strides)
        result = np.empty((len(x), *positions[:-1], width * channels), x.dtype)
        for start in range(0, width * channels, run * channels):
            part = result[..., start : start + run * channels]
            used = factors[..., : part.shape[-1]]
            np.einsum(under[..., start : start + run * channels], axes[0], used, axes[1], axes[2], out=part)
        result = result.reshape(len(x), *positions[:-1], width, channels)
        return result if stride == 1 else np.ascontiguousarray(result[..., ::stride, :])

    return convolve
