# SPDX-License-Identifier: Apache-2.0
"""Which units are weighted sums of elements of their streams: the rules of `affine_rules.py` for the dataflow level."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from xdsl.ir import Operation, OpResult, SSAValue

from ..qdialect.dataflow import (
    AddOp,
    ConcatOp,
    DepthToSpaceOp,
    DepthwiseOp,
    FifoOp,
    ForkOp,
    FromStreamOp,
    InterleaveOp,
    MatrixVectorOp,
    RequantizeOp,
    SliceOp,
    SlidingWindowOp,
    SubOp,
    SumOp,
    ThresholdOp,
    ToStreamOp,
    UpsampleOp,
    WidthConverterOp,
    stream_type,
)
from ..qdialect.formats import IntRange
from ..qdialect.types import BipolarType
from . import interval
from .affine_forms import known
from .affine_rules import Linear, Part, Ranges, each, in_quanta, moves, rule, sloped
from .affine_steps import counted, in_steps, rounded
from .interval import Array, Interval
from .stream_ranges import stream_interval

ONE = Fraction(1)
TRANSPORTS: tuple[type[Operation], ...] = (ToStreamOp, FromStreamOp, FifoOp, WidthConverterOp, ForkOp)


def carried_by(stream: SSAValue) -> SSAValue | None:
    """The value in front of a FIFO, fork, width converter or transfer, which is the same; None for other values."""
    if isinstance(stream, OpResult) and isinstance(stream.op, TRANSPORTS):
        return stream.op.operands[0]
    return None


@rule(AddOp, SubOp)
def _sum(op: SumOp, ranges: Ranges) -> Linear:
    shape = np.broadcast_shapes(op.runs(0), op.runs(1))
    parts = list[Part]()
    for number, (operand, sign) in enumerate(zip(op.operands, (1, op.SIGN), strict=True)):
        ids = np.arange(stream_type(operand).elements).reshape(op.runs(number))
        parts.append(Part(operand, np.broadcast_to(ids, shape).reshape(-1, 1), known(sign)))
    return Linear(parts)


@rule(ConcatOp, SliceOp, UpsampleOp, InterleaveOp, DepthToSpaceOp)
def _moved(op: ConcatOp | SliceOp | UpsampleOp | InterleaveOp | DepthToSpaceOp, ranges: Ranges) -> Linear:
    """Elements are moved like their bounds: numbers of elements as bounds tell from where."""
    starts = np.cumsum([0, *(stream_type(value).elements for value in op.operands)])
    ids = [interval.points(np.arange(*ends), ONE) for ends in pairwise(starts)]
    moved = stream_interval(op, ids)
    assert moved is not None
    return moves(op.operands, np.broadcast_to(moved.lo, op.result_type.elements))


@rule(SlidingWindowOp)
def _sliding_window(op: SlidingWindowOp, ranges: Ranges) -> Linear:
    rows, columns, channels = op.image
    ids = np.arange(op.input_type.elements).reshape(1, rows * columns, channels) + op.pad_value + 1
    taps = op.gather()(ids).reshape(-1) - op.pad_value - 1  # what lies outside becomes -1
    pads = np.where(taps < 0, op.pad_value, 0)
    return Linear([Part(op.input, taps[:, None], known(1))], Interval(pads, pads, ranges[op.input].scale))


@rule(MatrixVectorOp)
def _matrix_vector(op: MatrixVectorOp, ranges: Ranges) -> Linear:
    ids = np.arange(op.input_type.elements).reshape(op.vectors, 1, op.columns)
    pair = np.broadcast_arrays(ids, op.weight_codes)
    return _layer(op, pair[0], pair[1], op.columns)


@rule(DepthwiseOp)
def _depthwise(op: DepthwiseOp, ranges: Ranges) -> Linear:
    lanes, taps = op.input_lanes, op.columns
    ids = np.arange(op.input_type.elements).reshape(-1, op.rows // lanes, taps, lanes).swapaxes(2, 3)
    pair = np.broadcast_arrays(ids, op.weight_codes.reshape(-1, lanes, taps))
    return _layer(op, pair[0], pair[1], taps)


def _layer(op: MatrixVectorOp | DepthwiseOp, ids: Array, weights: Array, columns: int) -> Linear:
    scale = Fraction(2) ** -op.weight_format.fraction_bits
    part = Part(op.input, ids.reshape(-1, columns), interval.points(weights.reshape(-1, columns), scale))
    if op.frame_bias is None:
        return Linear([part])
    bias = np.tile(op.frame_bias.reshape(-1), op.result_type.elements // op.frame_bias.size)
    return Linear([part], interval.points(bias, Fraction(2) ** -op.fraction_bits))


@rule(ThresholdOp)
def _threshold(op: ThresholdOp, ranges: Ranges) -> Linear:
    x, rows = ranges[op.input], op.channels
    lo, hi = (
        np.broadcast_to(bound if bound.size == 1 else end(bound.reshape(-1, rows), axis=0), rows)
        for bound, end in ((x.lo, np.min), (x.hi, np.max))
    )
    falls = np.zeros(rows, bool) if op.descending_flags is None else op.descending_flags.astype(bool)
    step = 2 if isinstance(op.result_type.element_type, BipolarType) else 1
    thresholds = op.threshold_codes
    found = counted(lo, hi, thresholds, np.broadcast_to(falls, rows), op.base, step)
    each_row = in_quanta(found, x.scale, op.result_type.element_type, (1, rows))
    spread = (_tiled(part, op.input_type.elements) for part in (each_row.slope, each_row.error))
    return sloped(op.input, replace(each_row, **dict(zip(("slope", "error"), spread, strict=True))))


@rule(RequantizeOp)
def _requantize(op: RequantizeOp, ranges: Ranges) -> Linear:
    x = ranges[op.input]
    multiplier, addend, total = _before_shift(op, x)
    unit = total.scale
    low, high = (interval.whole(IntRange(end, end), ONE) for end in (op.clip.range.lo, op.clip.range.hi))
    found = rounded(total, low, high, ONE, op.rounding)
    quantum = Fraction(2) ** -op.result_type.format.fraction_bits
    slope = interval.multiply(found.slope, multiplier)
    error = interval.add(found.error, replace(interval.multiply(found.slope, addend), scale=found.slope.scale * unit))
    slope = replace(slope, scale=slope.scale * unit * quantum / x.scale)
    return Linear([each(op.input, slope)], replace(error, scale=error.scale * quantum))


def _before_shift(op: RequantizeOp, x: Interval) -> tuple[Interval, Interval, Interval]:
    """Multiplier and addend of each element, and their result, in codes of the result of `op`."""
    elements = op.input_type.elements
    multiplier, addend = (_tiled(interval.points(c, ONE), elements) for c in (op.multiplier_codes, op.addend_codes))
    total = interval.add(interval.multiply(replace(x, scale=ONE), multiplier), addend)
    return multiplier, addend, replace(total, scale=Fraction(1, 1 << op.shift))


def clips(op: RequantizeOp, ranges: Ranges) -> bool:
    """Whether a number may lie beyond the codes that the unit clips to."""
    _, _, total = _before_shift(op, ranges[op.input])
    return in_steps(total, ONE, op.rounding).hull not in op.clip.range


def _tiled(x: Interval, elements: int) -> Interval:
    """Bounds that repeat along a frame, one for each element; one bound stays one."""
    return x.map(lambda bound: np.resize(bound.reshape(-1), elements) if bound.size > 1 else bound.reshape(1))
