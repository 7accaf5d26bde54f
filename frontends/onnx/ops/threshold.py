# SPDX-License-Identifier: Apache-2.0
"""FINN's MultiThreshold: `out_scale * #{k : x >= T[c][k]} + out_bias`.

On integers it is one q.threshold. On real numbers each step is a quantisation to bipolar, and the steps are added up.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import AddOp, MatMulOp, MulOp, QuantizeOp, ReshapeOp, SubOp, ThresholdOp
from ....qdialect.types import BipolarType, element_type, fixed_type, integer_format, is_integer_type, shape_of
from ..datatypes import finn_type
from ..model import Array
from ..node import Node
from ..registry import QONNX_DOMAINS, importer

_LAYOUT_OF_RANK = {2: "NC", 3: "NWC", 4: "NCHW"}


@importer("MultiThreshold", domains=QONNX_DOMAINS)
def import_multi_threshold(node: Node) -> SSAValue:
    x, axis = node.number_operand(0), _channel_axis(node)
    thresholds = node.constant_numbers(1, "the thresholds")
    if thresholds.ndim != 2 or len(thresholds) not in (1, shape_of(x)[axis]) or not thresholds.size:
        mend = f"give one row, or one for each of {shape_of(x)[axis]} channels"
        raise node.error(f"the thresholds have shape {list(thresholds.shape)}", mend)
    scale, bias = node.number("out_scale", 1.0), node.number("out_bias", 0.0)
    if not (math.isfinite(scale) and math.isfinite(bias)):
        raise node.error("out_scale or out_bias is not finite", "export the model again")
    if is_integer_type(element_type(x)):
        return _integer_threshold(node, x, thresholds, axis, scale, bias)
    count = thresholds.shape[1]
    steps = _sum_of_steps(node, x, thresholds, axis)
    return _affine(node, steps, scale / 2, bias + count * scale / 2)


def _channel_axis(node: Node) -> int:
    rank = len(node.shape(0))
    layout = node.text("data_layout", "") or _LAYOUT_OF_RANK.get(rank, "NC")
    return node.axis(layout.index("C") if "C" in layout else 1, rank)


def _integer_threshold(node: Node, x: SSAValue, thresholds: Array, axis: int, scale: float, bias: float) -> SSAValue:
    count = thresholds.shape[1]
    if (count, scale, bias) == (1, 2, -1):
        type_, base, scale, bias = BipolarType(), -1, 1.0, 0.0
    elif scale == 1 and bias.is_integer():
        type_, base, bias = _result_type(node, IntRange(int(bias), int(bias) + count)), int(bias), 0.0
    else:
        type_, base = fixed_type(IntRange(0, count)), 0
    codes = _code_thresholds(x, thresholds)
    range_ = IntRange(int(codes.min()), int(codes.max()))
    constant = node.add_constant(codes, fixed_type(range_, integer_format(element_type(x)).fraction_bits))
    axis = axis if len(thresholds) > 1 else len(shape_of(x)) - 1
    return _affine(node, node.emit(ThresholdOp(x, constant, type_, base, axis=axis)), scale, bias)


def _result_type(node: Node, range_: IntRange) -> Attribute:
    """The type named by `out_dtype`, or the narrowest one if that is no integer type."""
    name = node.text("out_dtype", "")
    type_ = finn_type(name)
    if type_ is None or isinstance(type_, BipolarType):
        return fixed_type(range_)
    if range_ not in integer_format(type_).code_range:
        mend = "correct out_dtype, out_bias or the thresholds"
        raise node.error(f"{name} does not hold the results {range_.lo} to {range_.hi}", mend)
    return type_


def _code_thresholds(x: SSAValue, thresholds: Array) -> Array:
    """Rising integer thresholds on the codes of `x`: x >= T iff code >= ceil(T / quantum)."""
    format_ = integer_format(element_type(x))
    quanta = Fraction(2) ** format_.fraction_bits
    low, high = format_.code_range.lo, format_.code_range.hi + 1
    codes = [min(max(math.ceil(Fraction(float(t)) * quanta), low), high) for t in thresholds.reshape(-1)]
    return np.sort(np.array(codes, dtype=object).reshape(thresholds.shape), axis=1)


def _sum_of_steps(node: Node, x: SSAValue, thresholds: Array, axis: int) -> SSAValue:
    """Sum over k of +1 where x >= T[c][k], else -1."""
    shape, count = shape_of(x), thresholds.shape[1]
    spread = thresholds if len(thresholds) == 1 else thresholds.reshape(-1, *(1,) * (len(shape) - axis - 1), count)
    if count == 1:
        spread = spread.reshape(spread.shape[:-1] if spread.size > 1 else ())
    else:
        x = node.emit(ReshapeOp(x, (*shape, 1)))
        spread = spread.reshape(count) if len(thresholds) == 1 else spread
    difference = node.emit(SubOp(x, node.add_constant(spread))) if count > 1 or spread.any() else x
    steps = node.emit(QuantizeOp(difference, BipolarType()))
    if count == 1:
        return steps
    ones = node.add_constant(np.ones((count, 1)), BipolarType())
    return node.emit(ReshapeOp(node.emit(MatMulOp(steps, ones)), shape))


def _affine(node: Node, x: SSAValue, scale: float, bias: float) -> SSAValue:
    if scale != 1:
        x = node.emit(MulOp(x, node.add_constant(np.asarray(scale, np.float32))))
    if bias != 0:
        x = node.emit(AddOp(x, node.add_constant(np.asarray(bias, np.float32))))
    return x
