# SPDX-License-Identifier: Apache-2.0
"""Thresholds of numbers behind scales, offsets and activations, as thresholds of the integer codes before these."""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.formats import IntRange
from ..qdialect.q import ConvOp, MatMulOp, QOp, ReshapeOp, ThresholdOp, TransposeOp
from ..qdialect.types import (
    BipolarType,
    FixedType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
from .lower_tails import replace_tail
from .range_analysis import Ranges, RangesOnDemand
from .remarks import remark
from .rewriting import constant, exact_values, is_constant
from .tail import Clipped, NoTail, TailSource, compose
from .threshold_math import Thresholds, trimmed


def one_row(found: Thresholds) -> Thresholds:
    """The same thresholds, as one row if all channels agree."""
    table, falls = found.table, found.descending
    if bool((table == table[:1]).all()) and bool((falls == falls[0]).all()):
        return Thresholds(table[:1], falls[:1], found.base)
    return found


def threshold_ops(op: QOp, tail: TailSource, thresholds: Thresholds) -> list[Operation]:
    """The ops that replace an op and its tail; the last gives its result.

    A result that is never but -1 or +1 becomes `!q.bipolar` where layers alone take it, which then compute on one bit.
    """
    result = element_type(op.results[0])
    if _is_sign(thresholds, result) and _feeds_layers(op.results[0]):
        thresholds, result = Thresholds(thresholds.table[:, :1], thresholds.descending, -1), BipolarType()
    highest = 0 if isinstance(result, BipolarType) else integer_format(result).code_range.hi  # bipolar counts from -1
    if thresholds.base == highest:  # a constant; the one threshold must not count beyond the type
        thresholds = Thresholds(np.array([[tail.amin.min()]], dtype=object), np.array([False]), highest - 1)
    type_, table = element_type(tail.source), thresholds.table
    needed = IntRange(int(table.min()), int(table.max()))
    if isinstance(type_, BipolarType) or needed not in integer_format(type_).code_range:
        format_ = integer_format(type_)
        type_ = fixed_type(needed.hull(format_.code_range), format_.fraction_bits)
    rows, flags = constant(table, type_), constant(thresholds.descending.astype(np.int64), UFixedType(1))
    rows.result.name_hint, flags.result.name_hint = "thresholds", "descending"
    falls = bool(thresholds.descending.any())
    descending = flags.result if falls else None
    axis = tail.axis if len(table) > 1 else None
    new = ThresholdOp(tail.source, rows.result, result, thresholds.base, descending, axis)
    return [rows, flags, new] if falls else [rows, new]


def _is_sign(thresholds: Thresholds, result: Attribute) -> bool:
    """Whether the codes are -1 and +1 alone: both thresholds of each row are reached at once, or neither is."""
    table = thresholds.table
    whole = isinstance(result, FixedType) and result.format.fraction_bits == 0
    return whole and thresholds.base == -1 and table.shape[1] == 2 and bool((table[:, 0] == table[:, 1]).all())


def _feeds_layers(value: SSAValue) -> bool:
    """Whether all that use a value, perhaps moved about, are layers that take signs."""
    uses = [(use.operation, use.index) for use in value.uses]
    return bool(uses) and all(
        index == 0 and (_feeds_layers(user.result) if isinstance(user, ReshapeOp | TransposeOp) else _takes_signs(user))
        for user, index in uses
    )


def _takes_signs(op: Operation) -> bool:
    """Whether `op` is a product with constant weights; zeros around an image are no signs, and depthwise left so."""
    if isinstance(op, ConvOp) and op.groups == op.in_channels and any(op.window.pads):
        return False
    return isinstance(op, ConvOp | MatMulOp) and is_constant(op.operands[1])


def lower_threshold_tails(module: ModuleOp) -> None:
    """Let each q.threshold compare the integer codes furthest up. What cannot be is left, with a remark."""
    ranges = RangesOnDemand(module)
    for op in reversed([op for op in module.walk() if isinstance(op, ThresholdOp)]):
        if not is_f32(element_type(op.input)):
            _lower(op, ranges)


def _lower(op: ThresholdOp, ranges: Ranges) -> None:
    rows = exact_values(op.thresholds)
    try:
        if op.descending is not None and not is_integer_type(element_type(op.input)):
            raise NoTail("its thresholds fall")
        tail, function = compose(op.input, ranges, op.axis if len(rows) > 1 else None)
    except NoTail as reason:
        if not is_integer_type(element_type(op.input)):
            remark(op, f"thresholds of real numbers are left as they are: {reason}")
        return
    if tail.source is op.input or op.descending is not None:
        return
    falls = np.array([slope < 0 for slope in function.slope], dtype=bool)
    levels = _pulled_back(function, np.broadcast_to(rows, (len(falls), shape_of(op.thresholds)[1])), tail)
    found = trimmed(levels, falls, op.base, tail.amin, tail.amax)
    replace_tail(op, threshold_ops(op, tail, one_row(found)))


def _pulled_back(function: Clipped, rows: Array, tail: TailSource) -> Array:
    """[C, B]: the least code a with f(a) >= T (rising) or f(a) < T (falling), in [amin, amax + 1]."""
    table = np.empty(rows.shape, dtype=object)
    for (channel, level), threshold in np.ndenumerate(rows):
        slope, offset = function.slope[channel], function.offset[channel]
        first, beyond = tail.amin[channel], tail.amax[channel] + 1
        if threshold <= function.low[channel]:  # reached by every code
            code = beyond if slope < 0 else first
        elif threshold > function.high[channel]:  # by none
            code = first if slope < 0 else beyond
        else:
            crossing = (threshold - offset) / slope
            code = math.floor(crossing) + 1 if slope < 0 else math.ceil(crossing)
        table[channel, level] = min(max(code, first), beyond)
    return table
