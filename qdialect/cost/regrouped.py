# SPDX-License-Identifier: Apache-2.0
"""Cost of `dataflow.matrix_vector ... regrouped`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataflow.matrix_vector import MatrixVectorOp
from ..formats import IntRange
from ..sharing import index_width
from .latency import regrouped_latency
from .steps import steps_cost
from .unit import UnitCost, adder_tree, table_cost


def regrouped_cost(op: MatrixVectorOp, simd: int, pe: int, block: bool | None) -> UnitCost:
    """Cost with this SIMD and PE instead of the op's own; `block`: whether weights lie in block memories."""
    values = np.unique(op.weight_codes)
    factors = multiplied(values)
    row_groups, column_groups = op.rows // pe, op.columns // simd
    steps = row_groups * column_groups
    fetch = steps_cost(op, simd, row_groups, column_groups)
    weights = table_cost(steps, pe * simd * index_width(len(values)), block)
    constants = table_cost(row_groups, pe * op.result_type.format.word_length if op.bias is not None else 0)
    lut, ff = _datapath(op, simd, factors)
    latency_ = latency(op, pe, simd)
    return UnitCost(
        cycles=op.vectors * steps,
        latency=latency_,
        lut=pe * lut + weights.lut + constants.lut + fetch.lut,
        ff=pe * ff + weights.ff + constants.ff + fetch.ff + 2 * latency_,
        bram18=weights.bram18 + constants.bram18 + fetch.bram18,
        memory_bits=weights.bits + constants.bits + fetch.bits,
    )


def _datapath(op: MatrixVectorOp, simd: int, factors: list[int]) -> tuple[int, int]:
    """(LUT, FF) of a row: masked inputs summed for each factor, the sums accumulated, multiplied and joined."""
    width, result = op.input_type.format.word_length, op.result_type.format.word_length
    tree_lut, tree_ff = adder_tree(simd, width)
    total = _total_width(op, factors)
    widths = [total + abs(factor).bit_length() for factor in factors]
    lut = len(factors) * (simd + tree_lut + total)  # a mask is the reset of a register
    lut += sum((len(signed_digits(factor)) - 1) * (total + 1) for factor in factors)
    ff = len(factors) * (tree_ff + total) + sum(widths) + result
    while len(widths) > 1:
        pairs = list(zip(widths[0::2], widths[1::2], strict=False))
        lut += sum(min(pair) for pair in pairs)
        widths = [*(min(max(pair) + 1, result) for pair in pairs), *widths[len(pairs) * 2 :]]
        ff += sum(widths)
    return lut, ff


def _total_width(op: MatrixVectorOp, factors: list[int]) -> int:
    """Bits of the sum of the inputs of a row that have one factor."""
    most = max(1, *(int((op.weight_codes == factor).sum(axis=1).max()) for factor in factors))
    x = op.input_type.format.code_range
    return IntRange(min(most * x.lo, 0), max(most * x.hi, 0)).word_length


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
