# SPDX-License-Identifier: Apache-2.0
"""Convolutions of signs with a border of zeros, on one bit: the border is made of -1, and what that takes is added.

A zero is no code of `!q.bipolar`. With -1 in place of the zeros an output near the border of the image lacks the sum of
the weights that meet them. That is a constant for each output channel and each set of taps outside, so it is a bias by
runs of rows and columns (border constants; Fraser et al., 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from xdsl.ir import SSAValue

from ..qdialect.attrs import Array
from ..qdialect.dataflow import MatrixVectorOp
from ..qdialect.formats import IntRange
from ..qdialect.q import ConvOp, ThresholdOp
from ..qdialect.q.window import Window
from ..qdialect.types import element_type, fixed_type, integer_format
from .hardware_units import UnitBuilder, bias_behind

BORDER_CODE = -1


def sign_layer(
    build: UnitBuilder, op: ConvOp, stream: SSAValue, matrix: Array, sizes: Sequence[int], window: Window
) -> None:
    """The product of windows with -1 outside and `matrix`, with the bias behind `op` and what the border lacks.

    `sizes`, `window`: rows and columns. The unit's type also holds what other codes in place of the border give.
    """
    taps = np.asarray(matrix.reshape(len(matrix), *window.kernel, -1).sum(axis=-1), np.int64)
    (rows, row_runs), (columns, column_runs) = (_taps_inside(window, axis, size) for axis, size in enumerate(sizes))
    sums = taps.sum(axis=(1, 2)) - np.einsum("ri,mij,cj->rcm", rows, taps, columns)
    result, bias = bias_behind(op.result, len(matrix))
    if bias is not None:
        build.done.add(result.owner)  # pyright: ignore[reportArgumentType]
        sums = sums.astype(object) + bias
    type_ = element_type(result)
    fraction_bits, largest = integer_format(type_).fraction_bits, np.abs(matrix).sum(axis=1)
    reached = IntRange(int((sums - largest).min()), int((sums + largest).max()))
    wide = type_ if reached in integer_format(type_).code_range else fixed_type(reached, fraction_bits)
    weights = build.constant(matrix, element_type(op.weights), op.weights.name_hint)
    added = build.integers(sums, "bias", fraction_bits)
    unit = MatrixVectorOp(stream, weights, wide, bias=added, bias_runs=(row_runs, column_runs))
    build.emit(unit, op, result)
    if not all(isinstance(use.operation, ThresholdOp) for use in result.uses):
        build.streams[result] = build.retyped(unit.result, type_)


def _taps_inside(window: Window, axis: int, size: int) -> tuple[Array, list[int]]:
    """(for each run of positions which taps meet the image, [runs, taps] of 0 and 1; how long the runs are)."""
    taps = np.arange(window.kernel[axis]) * window.dilations[axis]
    last = size + window.high[axis] - window.extents[axis]
    places = np.arange(-window.low[axis], last + 1, window.strides[axis])[:, None] + taps
    inside = ((places >= 0) & (places < size)).astype(np.int64).tolist()
    runs = [(taps, len(list(same))) for taps, same in groupby(inside)]
    return np.array([taps for taps, _ in runs]), [length for _, length in runs]
