# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.matrix_vector`."""

from __future__ import annotations

from ..dataflow.matrix_vector import MatrixVectorOp
from ..dataflow.weighted_sums import Memory, WeightedSumsOp
from ..formats import BipolarFormat, FixedFormat, smallest_fixed
from ..q.inference import constant_of
from .latency import TABLE_INPUTS, lanes_per_table, matrix_vector_latency
from .stages import Schedule, evenly
from .unit import MemoryCost, UnitCost, adder_tree, buffer_cost, ceil_div, counter_lut, product_cost, table_cost

DIGIT_WEIGHT_WIDTH = 4  # weights of up to this word length are multiplied digit by digit, two bits a digit


def stages(op: MatrixVectorOp) -> tuple[Schedule, ...]:
    inputs, outputs = op.columns // op.simd, op.rows // op.pe
    return (evenly(inputs, outputs, _latency(op, op.pe, op.simd)),)


def cost(op: MatrixVectorOp, simd: int, pe: int) -> UnitCost:
    """Cost with this SIMD and PE instead of the op's own."""
    row_groups, column_groups = op.rows // pe, op.columns // simd
    steps = row_groups * column_groups
    input_width, accumulator = op.input_type.format.word_length, op.result_type.format.word_length
    stored = stored_width(op)
    weights = weights_cost(op, steps, pe * simd)
    constants = table_cost(row_groups, pe * accumulator)
    kept = buffer_cost(column_groups, simd * input_width) if row_groups > 1 and column_groups > 1 else buffer_cost(0, 0)
    lut, ff, dsp = datapath(op, simd, stored)
    return UnitCost(
        cycles=op.vectors * steps,
        latency=_latency(op, pe, simd),
        lut=pe * (lut + accumulator) + weights.lut + constants.lut + kept.lut + counter_lut(steps) + 10,
        ff=pe * (ff + accumulator) + simd * input_width + weights.ff + constants.ff + 2 * counter_lut(steps) + 10,
        dsp=pe * dsp,
        bram18=weights.bram18 + constants.bram18 + kept.bram18,
        memory_bits=weights.bits + constants.bits + kept.bits,
    )


def weights_cost(op: WeightedSumsOp, steps: int, weights: int) -> MemoryCost:
    """Of a table of weights with a row of so many for each step."""
    block = None if op.memory is None else op.memory is Memory.BLOCK
    return table_cost(steps, weights * stored_width(op), block)


def stored_width(op: WeightedSumsOp) -> int:
    """Bits in which a weight is stored: the narrowest format for the actual weights."""
    format_ = op.weight_format
    constant = constant_of(op.weights)
    if constant is None or isinstance(format_, BipolarFormat):
        return format_.word_length
    return smallest_fixed(constant.extremes).word_length


def _latency(op: MatrixVectorOp, pe: int, simd: int) -> int:
    return matrix_vector_latency(
        mh=op.rows,
        mw=op.columns,
        pe=pe,
        simd=simd,
        input_width=op.input_type.format.word_length,
        weight_width=op.weight_format.word_length,
    )


def datapath(op: WeightedSumsOp, simd: int, stored: int) -> tuple[int, int, int]:
    """(LUT, FF, DSP) of the products and the adder tree of one PE."""
    input_format = op.input_type.format
    width = input_format.word_length
    if width + stored <= TABLE_INPUTS:
        group = lanes_per_table(width, op.weight_format.word_length)
        bits = group.bit_length() if width == stored == 1 else width + stored - 1 + (group - 1).bit_length()
        terms = ceil_div(simd, group)
        lut, ff = adder_tree(terms, bits)
        return lut + terms * bits, ff, 0
    if isinstance(input_format, BipolarFormat):
        lut, ff = adder_tree(simd, stored)
        return lut + simd * stored, ff, 0
    lut, ff = adder_tree(simd, width + stored)
    if stored <= DIGIT_WEIGHT_WIDTH and isinstance(input_format, FixedFormat):
        digits = ceil_div(stored, 2)
        return lut + simd * digits * (width + 1), ff, 0
    product_lut, product_dsp = product_cost(width, stored)
    return lut + simd * product_lut, ff, simd * product_dsp
