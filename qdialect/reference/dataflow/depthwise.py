# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.depthwise`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import DepthwiseOp
from ...formats import IntRange
from ...q.inference import signed_sums, sums_range
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import Array, Numbers, carrier, cast
from .streams import regrouped, stream_numbers


@meaning(DepthwiseOp)
def depthwise(op: DepthwiseOp, operands: Sequence[Numbers]) -> Compiled:
    weights, x = op.weight_codes, exact(operands[0])
    sums = sums_range(*signed_sums(weights, 1), x.range)
    bias = np.zeros(op.rows, np.int64) if op.bias_codes is None else op.bias_codes
    range_ = IntRange(sums.lo + int(bias.min()), sums.hi + int(bias.max()))
    extremes = (IntRange(int(array.min()), int(array.max())) for array in (weights, bias))
    result = stream_numbers(op.result_type, carrier(x.range, *extremes, sums, range_), range_)
    lanes, taps = op.input_lanes, op.columns
    rounds = op.result_type.elements // op.rows
    windows = regrouped(x.as_dtype(result.dtype), rounds, op.rows // lanes, taps, lanes)
    factors = cast(weights.reshape(-1, lanes, taps).swapaxes(1, 2).copy(), result.dtype)
    addend, convert = cast(bias.reshape(-1, lanes), result.dtype), windows.convert or (lambda x: x)

    def kernel(x: Array) -> Array:
        return ((convert(x) * factors).sum(axis=3, dtype=result.dtype) + addend).reshape(len(x), *result.shape)

    return [result], kernel
