# SPDX-License-Identifier: Apache-2.0
"""Convolution of integers whose channels are last, in any order of summation.

Dense: a row for each position with the elements under the window, pixels whole, times a matrix of the weights.
Depthwise: tap after tap, images as they lie. Both in blocks that stay in the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product as combinations
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...q import ConvOp
from ...q.window import Window
from ...types import shape_of
from ..values import Array, tiled

BLOCK_BYTES = 1 << 19  # of what a step makes: it stays in the caches for the next

Convolve: TypeAlias = Callable[[Array], Array]  # images [F, *S, C] to [F, *positions, M]


def convolve_channels_last(op: ConvOp, weights: Array) -> Convolve | None:
    """The convolution with constant weights [M, C / groups, *kernel]; None for grouped ones that are not depthwise."""
    positions = tuple(shape_of(op.result)[axis] for axis in op.spatial_axes)
    if op.groups == 1:
        return _dense(op.window, weights, positions)
    if op.groups == op.in_channels == len(weights):
        return _depthwise(op.window, weights, positions)
    return None


def padded(x: Array, window: Window) -> Array:
    """Contiguous images with the zeros of the window's pads around them."""
    if not any(window.pads):
        return np.ascontiguousarray(x)
    ends = list(zip(window.low, x.shape[1:-1], window.high, strict=True))
    result = np.zeros((len(x), *(low + size + high for low, size, high in ends), x.shape[-1]), x.dtype)
    result[(slice(None), *(slice(low, low + size) for low, size, _ in ends))] = x
    return result


def _dense(window: Window, weights: Array, positions: tuple[int, ...]) -> Convolve:
    matrix = np.ascontiguousarray(np.moveaxis(weights, 1, -1).reshape(len(weights), -1).T)
    depth, channels = matrix.shape
    of_pixels = window.num_taps == 1 and max(window.strides) == 1 and not any(window.pads)

    def convolve(x: Array) -> Array:
        if of_pixels:
            return x.reshape(-1, depth).dot(matrix).reshape(len(x), *positions, channels)
        under = _under(padded(x, window), window, positions)
        result = np.empty((len(x), *positions, channels), x.dtype)
        for block in _blocks(len(x), positions[0], prod(positions[1:]) * depth * x.itemsize):
            rows = under[block].reshape(-1, depth)  # copies
            np.dot(rows, matrix, out=result[block].reshape(-1, channels))
        return result

    return convolve


def _under(x: Array, window: Window, positions: tuple[int, ...]) -> Array:
    """A view of contiguous images: [F, *positions, *kernel, C], what lies under the window."""
    steps = x.strides[1:-1]
    places = [s * step if n > 1 else step for s, step, n in zip(window.strides, steps, positions, strict=True)]
    taps = [d * step if n > 1 else step for d, step, n in zip(window.dilations, steps, window.kernel, strict=True)]
    shape = (len(x), *positions, *window.kernel, x.shape[-1])
    return as_strided(x, shape, (x.strides[0], *places, *taps, x.itemsize), writeable=False)


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
    shape = (*positions, len(weights))
    factors = [tiled(weights[(slice(None), 0, *tap)], shape) for tap in combinations(*map(range, window.kernel))]

    def convolve(x: Array) -> Array:
        x = padded(x, window)
        result = np.empty((len(x), *shape), x.dtype)
        at_once = max(1, BLOCK_BYTES // max(prod(shape) * x.itemsize, 1))
        product = np.empty((min(at_once, len(x)), *shape), x.dtype)
        for start in range(0, len(x), at_once):
            part = result[start : start + at_once]
            first, *rest = (x[(slice(start, start + at_once), *tap)] for tap in _taps(window, positions))
            np.multiply(first, factors[0], out=part)
            for under, factor in zip(rest, factors[1:], strict=True):
                np.add(part, np.multiply(under, factor, out=product[: len(part)]), out=part)
        return result

    return convolve


def _taps(window: Window, positions: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """For each tap of the window, the elements that it meets."""
    for tap in combinations(*map(range, window.kernel)):
        yield tuple(
            slice(k * d, k * d + (count - 1) * stride + 1, stride)
            for k, d, count, stride in zip(tap, window.dilations, positions, window.strides, strict=True)
        )
