# SPDX-License-Identifier: Apache-2.0
"""Normalisations that ONNX does not define by other ops: InstanceNormalization, LpNormalization, LRN, Hardmax, ..."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import (
    AddOp,
    ArgMaxOp,
    CompareOp,
    DivOp,
    ExpOp,
    LogOp,
    MaxOp,
    MulOp,
    PowOp,
    Predicate,
    ReduceMaxOp,
    ReduceSumOp,
    ReshapeOp,
    SelectOp,
    SqrtOp,
    SubOp,
    SumPoolOp,
)
from ....qdialect.q.logic import TRUTH
from ....qdialect.q.window import Window
from ....qdialect.types import shape_of
from ..node import Node
from ..registry import importer


def _number(node: Node, number: float) -> SSAValue:
    return node.add_constant(np.asarray(number, np.float32))


@importer("InstanceNormalization")
def import_instance_normalization(node: Node) -> SSAValue:
    """Each channel of each image less its mean, divided by its standard deviation."""
    x = node.float_operand(0)
    shape = shape_of(x)
    axes, count = range(2, len(shape)), _number(node, prod(shape[2:]))
    centred = node.emit(SubOp(x, node.emit(DivOp(node.emit(ReduceSumOp(x, axes, True)), count))))
    squares = node.emit(ReduceSumOp(node.emit(MulOp(centred, centred)), axes, True))
    variance = node.emit(AddOp(node.emit(DivOp(squares, count)), _number(node, node.number("epsilon", 1e-5))))
    normal = node.emit(DivOp(centred, node.emit(SqrtOp(variance))))
    scale, bias = (node.with_trailing_axes(node.float_operand(index), len(axes)) for index in (1, 2))
    return node.emit(AddOp(node.emit(MulOp(normal, scale)), bias))


@importer("LpNormalization")
def import_lp_normalization(node: Node) -> SSAValue:
    """Divided by the norm along the axis; what has the norm 0 stays 0."""
    x, order = node.float_operand(0), node.integer("p", 2)
    axis = node.axis(node.integer("axis", -1), len(shape_of(x)))
    if order == 2:
        norm = node.emit(SqrtOp(node.emit(ReduceSumOp(node.emit(MulOp(x, x)), [axis], True))))
    elif order == 1:
        norm = node.emit(ReduceSumOp(node.emit(MaxOp(x, node.emit(MulOp(x, _number(node, -1))))), [axis], True))
    else:
        raise node.error(f"the norm of order {order} is not supported", "use p = 1 or 2")
    zero = _number(node, 0)
    none = node.emit_integer(CompareOp(Predicate.EQUAL, norm, zero), TRUTH)
    return node.emit(SelectOp(none, zero, node.emit(DivOp(x, norm))))


@importer("LRN")
def import_lrn(node: Node) -> SSAValue:
    """Divided by a power of the sum of the squares in the channels around."""
    x, size = node.float_operand(0), node.integer("size")
    shape = shape_of(x)
    if len(shape) < 2 or size < 1:
        raise node.error(f"{size} channels of a tensor of shape {list(shape)}", "give it channels and a positive size")
    window = Window((size, 1), (1, 1), ((size - 1) // 2, 0, size // 2, 0), (1, 1))
    rows = (shape[0], 1, shape[1], prod(shape[2:]))
    squares = node.emit(SumPoolOp(node.emit(ReshapeOp(node.emit(MulOp(x, x)), rows)), window))
    scaled = node.emit(MulOp(node.emit(ReshapeOp(squares, shape)), _number(node, node.number("alpha", 1e-4) / size)))
    power = PowOp(
        node.emit(AddOp(scaled, _number(node, node.number("bias", 1.0)))), _number(node, node.number("beta", 0.75))
    )
    return node.emit(DivOp(x, node.emit(power)))


@importer("LogSoftmax")
def import_log_softmax(node: Node) -> SSAValue:
    return along_axis(node, node.float_operand(0), lambda x, axis: _log_softmax(node, x, axis))


def _log_softmax(node: Node, x: SSAValue, axis: int) -> SSAValue:
    low = node.emit(SubOp(x, node.emit(ReduceMaxOp(x, [axis], True))))
    total = node.emit(ReduceSumOp(node.emit(ExpOp(low)), [axis], True))
    return node.emit(SubOp(low, node.emit(LogOp(total))))


@importer("Hardmax")
def import_hardmax(node: Node) -> SSAValue:
    """1 at the largest element along the axis (the first of them), else 0."""
    return along_axis(node, node.float_operand(0), lambda x, axis: _hardmax(node, x, axis))


def _hardmax(node: Node, x: SSAValue, axis: int) -> SSAValue:
    shape = shape_of(x)
    place = node.emit(ArgMaxOp(x, axis, True))
    places = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    chosen = node.emit(CompareOp(Predicate.EQUAL, place, node.add_constant(places)))
    return node.emit(SelectOp(chosen, _number(node, 1), _number(node, 0)))


def along_axis(node: Node, x: SSAValue, function: Callable[[SSAValue, int], SSAValue]) -> SSAValue:
    """`function` of x along attribute `axis`. Before opset 13 the axes from `axis` on count as one."""
    shape = shape_of(x)
    axis = node.axis(node.integer("axis", 1 if node.opset < 13 else -1), len(shape))
    if node.opset >= 13 or axis == len(shape) - 1:
        return function(x, axis)
    flat = node.emit(ReshapeOp(x, (prod(shape[:axis]), prod(shape[axis:]))))
    return node.emit(ReshapeOp(function(flat, 1), shape))
