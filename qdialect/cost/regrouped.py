# SPDX-License-Identifier: Apache-2.0
"""Cost of `dataflow.matrix_vector ... regrouped`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataflow.matrix_vector import MatrixVectorOp
from ..sharing import index_width
from .latency import regrouped_latency
from .unit import UnitCost, adder_tree, buffer_cost, counter_lut, table_cost


def regrouped_cost(op: MatrixVectorOp, simd: int, pe: int, block: bool | None) -> UnitCost:
    """Cost with this SIMD and PE instead of the op's own; `block`: whether weights lie in block memories."""
    values = np.unique(op.weight_codes)
    factors = multiplied(values)
    row_groups, column_groups = op.rows // pe, op.columns // simd
    steps, width = row_groups * column_groups, op.input_type.format.word_length
    accumulator = op.result_type.format.word_length
    weights = table_cost(steps, pe * simd * index_width(len(values)), block)
    constants = table_cost(row_groups, pe * accumulator)
    kept = buffer_cost(column_groups, simd * width) if row_groups > 1 and column_groups > 1 else buffer_cost(0, 0)
    tree_lut, tree_ff = adder_tree(simd, width)
    bucket = width + op.columns.bit_length()
    joined_lut, joined_ff = adder_tree(len(factors), accumulator)
    adders = sum(len(signed_digits(factor)) - 1 for factor in factors)
    masks = (simd + 1) // 2 * width  # the other half is masked in the first adders
    lut = len(factors) * (tree_lut + masks + bucket) + adders * accumulator + joined_lut + accumulator
    ff = len(factors) * (tree_ff + bucket) + joined_ff + accumulator
    return UnitCost(
        cycles=op.vectors * steps,
        latency=latency(op, pe, simd),
        lut=pe * lut + weights.lut + constants.lut + kept.lut + counter_lut(steps) + 10,
        ff=pe * ff + simd * width + weights.ff + constants.ff + 2 * counter_lut(steps) + 10,
        bram18=weights.bram18 + constants.bram18 + kept.bram18,
        memory_bits=weights.bits + constants.bits + kept.bits,
    )


def multiplied(values: NDArray[Any]) -> list[int]:
    """The values of a codebook whose inputs are summed: all but 0, and that one if there is no other."""
    return [int(value) for value in values if value] or [0]


def signed_digits(factor: int) -> list[tuple[int, int]]:
    """(sign, shift) of the fewest powers of two that add up to the factor: its canonical signed digits; of 0: none."""
    digits: list[tuple[int, int]] = []
    shift = 0
    while factor:
        if factor & 1:
            sign = 2 - (factor & 3)  # 1 where the next bit is 0, else -1
            digits.append((sign, shift))
            factor -= sign
        factor >>= 1
        shift += 1
    return digits or [(0, 0)]


def latency(op: MatrixVectorOp, pe: int, simd: int) -> int:
    """Latency with this SIMD and PE."""
    factors = len(multiplied(np.unique(op.weight_codes)))
    return regrouped_latency(mh=op.rows, mw=op.columns, pe=pe, simd=simd, factors=factors)
