# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.matrix_vector`."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ..attrs import Array
from ..dataflow.matrix_vector import MatrixVectorOp
from ..dataflow.weighted_sums import Memory, WeightedSumsOp
from ..formats import BipolarFormat, smallest_fixed
from ..q.inference import constant_of
from . import regrouped
from .latency import TABLE_INPUTS, ceil_log2, lanes_per_table, matrix_vector_latency
from .products import DIGIT_WEIGHT_WIDTH, lanes_of, sum_cost
from .sharing import indices_cost, kept_as_indices
from .sign_sums import SignSums, sign_sums
from .stages import Schedule, evenly
from .steps import steps_cost
from .unit import MemoryCost, UnitCost, bits_of, ceil_div, columns_cost, counter_lut, exact, table_cost


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
    latency, accumulator = _latency(op, pe, simd), op.result_type.format.word_length
    weights = weights_cost(op, steps, pe, simd)
    constants = (row_constants_cost if op.bias_runs is None else _place_constants_cost)(op, pe, accumulator)
    lut, ff, dsp = datapath(op, pe, simd, steps)
    fetch = steps_cost(op, pixels * simd, row_groups, column_groups)
    return UnitCost(
        cycles=op.vectors // pixels * steps,
        latency=latency,
        lut=pixels * (lut + accumulator_lut(pe, accumulator, steps)) + weights.lut + constants.lut + fetch.lut,
        ff=pixels * (ff + pe * accumulator) + weights.ff + constants.ff + fetch.ff + 2 * latency,
        dsp=pixels * dsp,
        bram18=weights.bram18 + constants.bram18 + fetch.bram18,
        memory_bits=weights.bits + constants.bits + fetch.bits,
    )


def accumulator_lut(pe: int, width: int, steps: int) -> int:
    """Adding up from the constant of a row; of one step, half of the bits of the constant are 0."""
    return pe * width if steps > 1 else pe * ceil_div(width, 2)


def _place_constants_cost(op: MatrixVectorOp, pe: int, accumulator: int) -> MemoryCost:
    """Of the table of what is added once a row, with a bias for each place of the image; and its counters."""
    rows = op.rows // pe * prod(op.bias_shape[:-1])
    counters = sum(counter_lut(sum(runs)) + len(runs) for runs in op.bias_runs or ())
    return table_cost(rows, pe * accumulator) + MemoryCost(counters, counters)


def row_constants_cost(op: WeightedSumsOp, pe: int, accumulator: int) -> MemoryCost:
    """Of the table of what is added once a row, as far as rows differ; and its counter."""
    groups, constant, bias = op.rows // pe, constant_of(op.weights), op.bias
    if groups == 1 or constant is None:
        return table_cost(groups, pe * accumulator)

    def compute() -> MemoryCost:
        codes = _row_constants(op)
        rows = bits_of(codes, accumulator).reshape(groups, -1)
        if (rows == rows[0]).all():
            return MemoryCost()
        table = columns_cost(rows[None])
        return replace(table, lut=table.lut + counter_lut(groups), ff=table.ff + ceil_log2(groups))

    added = None if bias is None else constant_of(bias)
    key = None if added is None else added.digest
    return constant.fact(("row constants", op.name, str(op.input_type.element_type), pe, accumulator, key), compute)


def _row_constants(op: WeightedSumsOp) -> Array:
    """What is added once a row, but for one number for all rows: bias, and what unsigned terms lack of products."""
    width, format_ = op.result_type.format.word_length, op.input_type.format
    weights = exact(op.weight_codes, width)
    bias = exact(np.zeros(op.rows, np.int64) if op.bias_codes is None else op.bias_codes, width)
    bipolar, stored = isinstance(format_, BipolarFormat), stored_width(op)
    if signs(op, 1, 1, op.columns) is not None:
        middle = 1 << (format_.word_length - 1) if format_.signed else 0
        positive, negative = (-1, -1) if bipolar else (-middle, middle + 1 - (1 << format_.word_length))
        return bias + (weights > 0).sum(axis=1) * positive + (weights < 0).sum(axis=1) * negative
    if format_.word_length + stored <= TABLE_INPUTS:
        return bias
    if bipolar:
        return bias - weights.sum(axis=1)
    if stored <= DIGIT_WEIGHT_WIDTH:  # a negative digit is inverted
        return bias + ((weights >> 1 & 1) + (weights >> 3 & 1) * 4 * (stored > 2)).sum(axis=1)
    return bias


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
        stored, width = stored_width(op), op.input_type.format.word_length
        lanes = lanes_of(op.input_type.format, op.weight_format, stored, _codes(op))
        cost = sum_cost(lanes, simd, width, stored if steps > 1 else 0)
        lut = cost.lut
        if steps == 1 and not cost.dsp:  # constant weights: an addition for each digit that is not zero
            lut = lut * _digits_used(op) // 100
        return pe * lut, pe * cost.ff + cost.shared_ff, pe * cost.dsp
    (lut, ff), (shared_lut, shared_ff) = own.row_cost, own.shared_cost
    return pe * lut + shared_lut, pe * ff + shared_ff, 0


def _codes(op: WeightedSumsOp) -> tuple[int, ...]:
    """The codes that weights have, rising; of weights that are no constant all."""
    constant = constant_of(op.weights)
    if constant is None:
        range_ = op.weight_format.code_range
        return tuple(range(range_.lo, range_.hi + 1))
    return constant.fact("codes", lambda: tuple(int(code) for code in np.unique(constant.array)))


def _digits_used(op: WeightedSumsOp) -> int:
    """Percent of the additions of digits that constant weights leave: a sum of n digits takes n - 1."""
    weights = exact(op.weight_codes, op.weight_format.word_length)
    places = ceil_div(stored_width(op), 2)
    used = sum(int(np.isin((weights << 1 >> 2 * place) & 7, (0, 7), invert=True).sum()) for place in range(places))
    return 100 * max(used - len(weights), 0) // (places * weights.size)
