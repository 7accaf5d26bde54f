# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.matrix_vector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import MatrixVectorOp
from ...formats import IntRange
from ..operands import Operand, exact
from ..q.linear import dot_range
from ..registry import Compiled, meaning
from ..values import Array, Numbers, carrier, cast
from .streams import stream_numbers


@meaning(MatrixVectorOp)
def matrix_vector(op: MatrixVectorOp, operands: Sequence[Numbers]) -> Compiled:
    x, weights = exact(operands[0]), operands[1]
    assert weights.constant is not None, "the verifier asks for constant weights"
    columns = replace(weights, constant=weights.constant.T, shape=weights.shape[::-1])
    sums = dot_range(x, Operand(columns))
    bias = operands[2] if len(operands) > 2 else None
    range_ = sums if bias is None else IntRange(sums.lo + bias.exact[1].lo, sums.hi + bias.exact[1].hi)
    dtype = carrier(x.range, weights.exact[1], sums, range_)
    result = stream_numbers(op.result_type, dtype, range_)
    matrix = cast(weights.constant, dtype).T.copy()
    vectors, shape = (-1, op.columns), result.shape
    offset: Array | None = None if op.frame_bias is None else cast(op.frame_bias, dtype)
    convert = x.as_dtype(dtype).convert or (lambda x: x)
    if offset is None:
        return [result], lambda x: (convert(x).reshape(vectors) @ matrix).reshape(len(x), *shape)
    pixels = (-1, len(offset), op.rows)
    return [result], lambda x: ((convert(x).reshape(vectors) @ matrix).reshape(pixels) + offset).reshape(len(x), *shape)
