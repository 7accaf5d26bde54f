# SPDX-License-Identifier: Apache-2.0
"""What it costs a matrix-vector unit to count its steps and to fetch the inputs of each."""

from __future__ import annotations

from ..dataflow.matrix_vector import MatrixVectorOp
from .unit import MemoryCost, buffer_cost, ceil_log2, counter_lut

CONTROL_LUT = 8  # enables of the pipeline and of its input, and when a row begins and ends


def steps_cost(op: MatrixVectorOp, simd: int, row_groups: int, column_groups: int) -> MemoryCost:
    """Counting steps and fetching the input of each: from a memory if it comes again and is more than a beat."""
    width, steps = simd * op.input_type.format.word_length, row_groups * column_groups
    lut, ff = counter_lut(column_groups) + CONTROL_LUT, width + ceil_log2(column_groups) + 2
    if row_groups > 1:
        lut, ff = lut + counter_lut(steps), ff + ceil_log2(steps)
    if row_groups == 1 or column_groups == 1:
        return MemoryCost(lut, ff)
    kept = buffer_cost(column_groups, width)
    ff += ceil_log2(column_groups) + ceil_log2(steps) - (width if kept.bram18 else 0)
    return MemoryCost(lut + kept.lut, ff, kept.bram18, kept.bits)
