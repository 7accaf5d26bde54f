# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.matrix_vector`."""

from __future__ import annotations

from math import prod

import numpy as np

from ..dataflow.matrix_vector import MatrixVectorOp
from ..dataflow.weighted_sums import Memory, WeightedSumsOp
from ..formats import BipolarFormat, FixedFormat, smallest_fixed
from ..q.inference import constant_of
from . import regrouped
from .latency import TABLE_INPUTS, ceil_log2, lanes_per_table, matrix_vector_latency
from .sharing import indices_cost, kept_as_indices
from .sign_sums import SignSums, sign_sums
from .stages import Schedule, evenly
from .unit import MemoryCost, UnitCost, adder_tree, buffer_cost, ceil_div, counter_lut, product_cost, table_cost

DIGIT_WEIGHT_WIDTH = 4  # weights of up to this word length are multiplied digit by digit, two bits a digit


def stages(op: MatrixVectorOp) -> tuple[Schedule, ...]:
    inputs, outputs = op.columns // op.simd, op.rows // op.pe
    return (evenly(inputs, outputs, _latency(op, op.pe, op.simd)),)


def cost(op: MatrixVectorOp, taken: int, made: int) -> UnitCost:
    """Cost of the folding that takes and makes so many lanes, instead of the op's own."""
    pe, simd, pixels = op.fold_of(taken, made)
    if op.regrouped:
        return regrouped.regrouped_cost(op, simd, pe, _in_blocks(op))
    row_groups, column_groups = op.rows // pe, op.columns // simd
    steps = row_groups * column_groups
    input_width, accumulator = op.input_type.format.word_length, op.result_type.format.word_length
    weights = weights_cost(op, steps, pe, simd)
    places = prod(op.bias_shape[:-1])
    constants = table_cost(row_groups * places, pe * accumulator)
    counters = 0 if op.bias_runs is None else sum(counter_lut(sum(runs)) + len(runs) for runs in op.bias_runs)
    kept = buffer_cost(column_groups, simd * input_width) if row_groups > 1 and column_groups > 1 else buffer_cost(0, 0)
    lut, ff, dsp = datapath(op, pe, simd, steps)
    return UnitCost(
        cycles=op.vectors // pixels * steps,
        latency=_latency(op, pe, simd),
        lut=pixels * (lut + pe * accumulator)
        + weights.lut
        + constants.lut
        + kept.lut
        + counter_lut(steps)
        + counters
        + 10,
        ff=pixels * (ff + pe * accumulator + simd * input_width)
        + weights.ff
        + constants.ff
        + 2 * counter_lut(steps)
        + counters // 2
        + 10,
        dsp=pixels * dsp,
        bram18=weights.bram18 + constants.bram18 + kept.bram18,
        memory_bits=weights.bits + constants.bits + kept.bits,
    )


def signs(op: WeightedSumsOp, pe: int, simd: int, steps: int) -> SignSums | None:
    """How the unit adds up with weights of -1, 0 and 1; None if it has others."""
    constant = constant_of(op.weights)
    if constant is None:
        return None
    has_zero = constant.fact("has zero", lambda: bool((constant.array == 0).any()))
    planes = op.input_type.format.word_length
    return sign_sums(constant.extremes, has_zero, simd=simd, planes=planes, pe=pe, steps=steps, block=_in_blocks(op))


def _in_blocks(op: WeightedSumsOp) -> bool | None:
    return None if op.memory is None else op.memory is Memory.BLOCK


def weights_cost(op: WeightedSumsOp, steps: int, pe: int, simd: int) -> MemoryCost:
    """Of the table of weights: a row for each step."""
    own, entries = signs(op, pe, simd, steps), _entries(op)
    if own is None and entries is not None:
        shared = (entries, stored_width(op), pe * simd, steps, _in_blocks(op))
        if kept_as_indices(*shared):
            return indices_cost(*shared)
    width = simd * stored_width(op) if own is None else own.word_width
    return table_cost(steps, pe * width, _in_blocks(op))


def _entries(op: WeightedSumsOp) -> int | None:
    """Values that the weights share; None if they share none."""
    constant = constant_of(op.weights)
    if constant is None or not op.shares_values:
        return None
    return constant.fact("entries", lambda: len(np.unique(constant.array)))


def stored_width(op: WeightedSumsOp) -> int:
    """Bits in which a weight is stored unless all are -1, 0 or 1: the narrowest format for the actual weights."""
    format_ = op.weight_format
    constant = constant_of(op.weights)
    if constant is None or isinstance(format_, BipolarFormat):
        return format_.word_length
    return smallest_fixed(constant.extremes).word_length


def _latency(op: MatrixVectorOp, pe: int, simd: int) -> int:
    if op.regrouped:
        return regrouped.latency(op, pe, simd)
    steps = op.rows // pe * (op.columns // simd)
    widths = op.input_type.format.word_length, op.weight_format.word_length
    sum_stages = summing_stages(signs(op, pe, simd, steps), simd, *widths)
    return matrix_vector_latency(mh=op.rows, mw=op.columns, pe=pe, simd=simd, sum_stages=sum_stages)


def summing_stages(signs: SignSums | None, simd: int, input_width: int, weight_width: int) -> int:
    """Registers from inputs and weights to the sum of the products of a step.

    One for the products, one for each level of the adder tree. The widths are those of the declared formats.
    """
    if signs is not None:
        return signs.preparation + signs.levels
    return 1 + ceil_log2(ceil_div(simd, lanes_per_table(input_width, weight_width)))


def datapath(op: WeightedSumsOp, pe: int, simd: int, steps: int) -> tuple[int, int, int]:
    """(LUT, FF, DSP) of the products and their sums."""
    own = signs(op, pe, simd, steps)
    if own is None:
        lut, ff, dsp = _products(op, simd, stored_width(op))
        return pe * lut, pe * ff, pe * dsp
    (lut, ff), (shared_lut, shared_ff) = own.row_cost, own.shared_cost
    return pe * lut + shared_lut, pe * ff + shared_ff, 0


def _products(op: WeightedSumsOp, simd: int, stored: int) -> tuple[int, int, int]:
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
