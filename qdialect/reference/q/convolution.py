# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.conv` and `q.conv_transpose`: products of matrices that BLAS computes.

A convolution copies the elements under each tap of the window into a row of a matrix (im2col) and multiplies the
weights with it; a transposed one multiplies first and adds each tap's row at its place (col2im). No zero between
strides is ever multiplied. Both work on blocks of frames or rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product as combinations
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...formats import IntRange
from ...q import Convolution, ConvOp, ConvTransposeOp
from ...q.convolution import conv_rows, conv_transpose_rows
from ...q.window import Window
from ...types import element_type, is_f32, shape_of
from ..operands import Operand, exact, float32
from ..products import weighted_range
from ..registry import Compiled, Kernel, meaning
from ..values import FLOAT32, Array, Numbers, carrier, hull, product
from .channels_last import convolve_channels_last

BLOCK_BYTES = 1 << 21  # of a matrix: it stays in the caches until it is multiplied

# positions that may be computed for one that is needed, if they then are one piece of memory; more where the product
# of few output channels costs less than the copy
MOST_WASTE, FEW_CHANNELS_WASTE, FEW_CHANNELS = 1.2, 3.0, 4

Convolve: TypeAlias = Callable[[Array, Array], Array]  # images [F, C, *S] and weights as the op has them


@meaning(ConvOp, ConvTransposeOp)
def convolution(op: Convolution, operands: Sequence[Numbers]) -> Compiled:
    result, shape = element_type(op.result), shape_of(op.result)
    convolve = _in_layout(op, _conv_transpose(op) if isinstance(op, ConvTransposeOp) else _conv(op))
    if is_f32(result):
        x, weights = (float32(numbers) for numbers in operands)
        return [Numbers(result, shape, FLOAT32)], _kernel(x, weights, convolve, shape)
    x, weights = (exact(numbers) for numbers in operands)
    range_ = _partial_sums(op, x, weights)
    dtype = carrier(x.range, weights.range, range_)  # holds every partial sum: BLAS may add in any order
    x, weights = x.as_dtype(dtype), weights.as_dtype(dtype)
    kernel = _channels_last(op, x, weights) or _kernel(x, weights, convolve, shape)
    return [Numbers(result, shape, dtype, x.scale * weights.scale, range_)], kernel


def _channels_last(op: Convolution, x: Operand, weights: Operand) -> Kernel | None:
    """A kernel without a copy into the other layout, for integers and constant weights."""
    if not op.channels_last or not isinstance(op, ConvOp) or weights.constant is None:
        return None
    convolve, before = convolve_channels_last(op, weights.constant, x.range), x.convert or _same
    image, shape = x.numbers.shape[1:], shape_of(op.result)
    return convolve and (lambda x: convolve(before(x).reshape(-1, *image)).reshape(-1, *shape))


def _partial_sums(op: Convolution, x: Operand, weights: Operand) -> IntRange:
    if weights.constant is None:
        term = product(x.range, weights.range)
        return IntRange(min(0, op.num_terms * term.lo), max(0, op.num_terms * term.hi))
    if isinstance(op, ConvOp):
        return weighted_range(conv_rows(weights.constant), -1, x.range)
    matrices = conv_transpose_rows(weights.constant, op.window, op.groups)
    return hull(*(weighted_range(rows, -1, x.range) for rows in matrices))


def _kernel(x: Operand, weights: Operand, convolve: Convolve, shape: tuple[int, ...]) -> Kernel:
    """A kernel for images [frames, N, C, *S]; weights that are no constant are another set in every frame."""
    image, constant = x.numbers.shape[1:], weights.constant
    before, after = x.convert or _same, weights.convert or _same
    if constant is not None:
        return lambda x: convolve(before(x).reshape(-1, *image), constant).reshape(-1, *shape)
    fixed = x.constant
    if fixed is not None:
        return lambda w: np.stack([convolve(fixed, each).reshape(shape) for each in after(w)])
    return lambda x, w: np.stack([convolve(*pair).reshape(shape) for pair in zip(before(x), after(w), strict=True)])


def _same(x: Array) -> Array:
    return x


def _in_layout(op: Convolution, convolve: Convolve) -> Convolve:
    """`convolve`, whose channels are first, on arrays as the op has them."""
    if not op.channels_last:
        return convolve
    return lambda x, weights: np.moveaxis(convolve(np.moveaxis(x, -1, 1), weights), 1, -1)


def _conv(op: Convolution) -> Convolve:
    window, groups = op.window, op.groups
    positions = tuple(shape_of(op.result)[axis] for axis in op.spatial_axes)

    def convolve(x: Array, weights: Array) -> Array:
        matrices = weights.reshape(groups, len(weights) // groups, -1)
        waste = MOST_WASTE if matrices.shape[1] > FEW_CHANNELS else FEW_CHANNELS_WASTE
        under, whole = _under_taps(np.ascontiguousarray(_padded(x, window)), window, positions, waste)
        result = np.empty((len(x), *matrices.shape[:2], prod(whole)), x.dtype)
        _multiply(under, window.rank, matrices, result)
        result = result.reshape(len(x), len(weights), *whole)
        return result[(..., *(slice(size) for size in positions))]

    return convolve


def _apart(steps: Sequence[int], factors: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Bytes from one to the next of `counts` places along each axis; where there is one, any: factors may be huge."""
    parts = zip(steps, factors, counts, strict=True)
    return [step * factor if count > 1 else step for step, factor, count in parts]


def _under_taps(
    x: Array, window: Window, positions: tuple[int, ...], most_waste: float
) -> tuple[Array, tuple[int, ...]]:
    """A view of padded images, [F, C, *kernel, *positions]: what lies under each tap; and the shape of the result.

    With strides of one the positions may be [count] instead, those of all rows in one piece of memory, which is much
    quicker to copy. Then there are useless ones, across the ends of rows: the result is to be cropped to `positions`.
    """
    steps = x.strides[2:]
    taps = _apart(steps, window.dilations, window.kernel)
    whole = (positions[0], *x.shape[3:])
    count = sum((size - 1) * step for size, step in zip(positions, steps, strict=True)) // x.itemsize + 1
    grid, places = (count,), [x.itemsize]  # the last stride of an image one wide may be anything
    if max(window.strides) > 1 or count > most_waste * prod(positions):
        whole = grid = positions
        places = _apart(steps, window.strides, positions)
    shape, strides = (*x.shape[:2], *window.kernel, *grid), (*x.strides[:2], *taps, *places)
    return as_strided(x, shape, strides, writeable=False), whole


def _multiply(under: Array, rank: int, matrices: Array, result: Array) -> None:
    """Products of the weights and matrices of what lies under the taps (im2col), block by block."""
    frames, first, (groups, _, depth) = len(under), 2 + rank, matrices.shape
    width = prod(under.shape[first + 1 :])
    for part, rows in _blocks(frames, under.shape[first], groups * depth * width * result.itemsize):
        columns = under[(part, *(slice(None),) * (first - 1), rows)]
        columns = columns.reshape(len(columns), groups, depth, -1)  # copies
        np.matmul(matrices, columns, out=result[part, ..., rows.start * width : rows.stop * width])


def _taps(window: Window, starts: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """For each tap, the elements that it meets in `counts` steps of the window, which stands at `starts` first."""
    for tap in combinations(*(range(size) for size in window.kernel)):
        firsts = [start + k * d for start, k, d in zip(starts, tap, window.dilations, strict=True)]
        yield tuple(
            slice(first, first + (count - 1) * stride + 1, stride)
            for first, count, stride in zip(firsts, counts, window.strides, strict=True)
        )


def _padded(x: Array, window: Window) -> Array:
    """Images with the zeros of the window's pads around them."""
    if not any(window.pads):
        return x
    sizes = [low + size + high for low, size, high in zip(window.low, x.shape[2:], window.high, strict=True)]
    padded = np.zeros((*x.shape[:2], *sizes), x.dtype)
    inner = [slice(low, low + size) for low, size in zip(window.low, x.shape[2:], strict=True)]
    padded[(..., *inner)] = x
    return padded


def _blocks(frames: int, rows: int, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Several frames at once with all rows, or rows of one frame at once: about `BLOCK_BYTES` each."""
    at_once = BLOCK_BYTES // max(rows * row_bytes, 1)
    if at_once:
        for start in range(0, frames, at_once):
            yield slice(start, min(start + at_once, frames)), slice(0, rows)
        return
    step = max(1, BLOCK_BYTES // row_bytes)
    for frame in range(frames):
        for start in range(0, rows, step):
            yield slice(frame, frame + 1), slice(start, min(start + step, rows))


def _conv_transpose(op: ConvTransposeOp) -> Convolve:
    window, groups, positions = op.window, op.groups, shape_of(op.result)[2:]
    sizes = shape_of(op.input)[2:]
    spans = [s * (size - 1) + extent for s, size, extent in zip(window.strides, sizes, window.extents, strict=True)]
    whole = [max(span, low + size) for span, low, size in zip(spans, window.low, positions, strict=True)]
    kept = [slice(low, low + size) for low, size in zip(window.low, positions, strict=True)]

    def convolve(x: Array, weights: Array) -> Array:
        per_group = len(weights) // groups
        matrix = weights.reshape(groups, per_group, -1).swapaxes(1, 2)
        channels = weights.shape[1]
        x = x.reshape(len(x), groups, per_group, *sizes)
        result = np.zeros((len(x), groups, channels, *whole), x.dtype)
        width = prod(sizes[1:])
        for frames, rows in _blocks(len(x), sizes[0], groups * matrix.shape[1] * width * x.itemsize):
            counts = (rows.stop - rows.start, *sizes[1:])
            part = x[frames, :, :, rows].reshape(-1, groups, per_group, prod(counts))
            products = np.matmul(matrix, part).reshape(-1, groups, channels, window.num_taps, *counts)
            starts = (rows.start * window.strides[0],) + (0,) * (window.rank - 1)
            for index, place in enumerate(_taps(window, starts, counts)):
                result[(frames, ..., *place)] += products[:, :, :, index]
        return result[(..., *kept)].reshape(len(x), -1, *positions)

    return convolve
