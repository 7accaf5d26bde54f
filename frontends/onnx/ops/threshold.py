# SPDX-License-Identifier: Apache-2.0
"""FINN's MultiThreshold: `out_scale * #{k : x >= T[c][k]} + out_bias`, one q.threshold and an affine function."""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import AddOp, MulOp, QuantizeOp, ThresholdOp
from ....qdialect.rounding import least_codes
from ....qdialect.types import (
    BipolarType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
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
    type_, base, scale, bias = _codes(node, thresholds.shape[1], scale, bias)
    if not is_f32(element_type(x)) and not is_integer_type(element_type(x)):
        x = node.emit(QuantizeOp(x, Float32Type()))  # ONNX compares float32 numbers
    if is_integer_type(element_type(x)):
        constant = _code_thresholds(node, x, thresholds)
    else:
        constant = node.add_constant(np.sort(thresholds, axis=1), None, node.input_name(1))
    codes = node.emit(ThresholdOp(x, constant, type_, base, axis=axis if len(thresholds) > 1 else None))
    return _affine(node, codes, scale, bias)


def _channel_axis(node: Node) -> int:
    rank = len(node.shape(0))
    layout = node.text("data_layout", "") or _LAYOUT_OF_RANK.get(rank, "NC")
    return node.axis(layout.index("C") if "C" in layout else 1, rank)


def _codes(node: Node, count: int, scale: float, bias: float) -> tuple[Attribute, int, float, float]:
    """Type of the codes and the lowest code; scale and bias that are left behind them."""
    if (count, scale, bias) == (1, 2, -1):
        return BipolarType(), -1, 1.0, 0.0
    if scale == 1 and bias.is_integer():
        return _result_type(node, IntRange(int(bias), int(bias) + count)), int(bias), 1.0, 0.0
    return fixed_type(IntRange(0, count)), 0, scale, bias


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


def _code_thresholds(node: Node, x: SSAValue, thresholds: Array) -> SSAValue:
    """Rising integer thresholds on the codes of `x`: x >= T iff code >= ceil(T / quantum)."""
    format_ = integer_format(element_type(x))
    codes = np.sort(least_codes(thresholds, format_), axis=1)
    range_ = IntRange(int(codes.min()), int(codes.max()))
    return node.add_constant(codes, fixed_type(range_, format_.fraction_bits))


def _affine(node: Node, x: SSAValue, scale: float, bias: float) -> SSAValue:
    for class_, number, neutral in ((MulOp, scale, 1), (AddOp, bias, 0)):
        if number != neutral:
            x = node.emit(class_(x, node.add_constant(np.asarray(number, np.float32))))
    return x
