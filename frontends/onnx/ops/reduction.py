# SPDX-License-Identifier: Apache-2.0
"""Reductions along axes: ReduceSum, ReduceMean, ReduceMax, ReduceMin and what is made of them; CumSum."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.q import (
    AddOp,
    ConcatOp,
    DivOp,
    ExpOp,
    LogOp,
    MaxOp,
    MulOp,
    ReduceMaxOp,
    ReduceMinOp,
    ReduceSumOp,
    SqrtOp,
    SubOp,
)
from ....qdialect.types import shape_of
from ..model import scalar_of
from ..node import Node
from ..registry import importer
from .movement import reshaped, sliced
from .resize import weighted

EXTREMES = {"ReduceMax": ReduceMaxOp, "ReduceMin": ReduceMinOp}
LARGEST_PRODUCT = 1 << 10  # elements


@importer(*EXTREMES)
def import_reduce_extreme(node: Node) -> SSAValue:
    operand, axes = node.operand(0), reduced_axes(node)
    if not axes:
        return operand
    return node.emit_moved(EXTREMES[node.definition.op_type](operand, axes, keeps_dims(node)))


@importer("ReduceSum", "ReduceSumSquare", "ReduceL1")
def import_reduce_sum(node: Node) -> SSAValue:
    (operand,), type_ = node.exact_operands(0)
    if node.definition.op_type == "ReduceSumSquare":
        operand = node.emit_exact(MulOp(operand, operand), type_)
    if node.definition.op_type == "ReduceL1":
        operand = absolute(node, operand, type_)
    return reduced_sum(node, operand, type_)


def absolute(node: Node, operand: SSAValue, type_: Attribute | None = None) -> SSAValue:
    """max(x, -x)."""
    minus_one = node.add_constant(np.asarray(-1, np.int8))
    return node.emit_exact(MaxOp(operand, node.emit(MulOp(operand, minus_one))), type_)


def reduced_sum(node: Node, operand: SSAValue, type_: Attribute | None = None) -> SSAValue:
    """The sum of `operand` along the node's axes."""
    axes = reduced_axes(node)
    return node.emit_exact(ReduceSumOp(operand, axes, keeps_dims(node)), type_) if axes else operand


@importer("ReduceMean")
def import_reduce_mean(node: Node) -> SSAValue:
    operand, axes = node.number_operand(0), reduced_axes(node)
    if not axes:
        return operand
    sums = ReduceSumOp(operand, axes, keeps_dims(node))
    result = node.emit(sums)
    return node.emit(DivOp(result, node.constant_beside(result, np.asarray(sums.count, np.float32))))


@importer("ReduceL2")
def import_reduce_l2(node: Node) -> SSAValue:
    operand = node.float_operand(0)
    return node.emit(SqrtOp(reduced_sum(node, node.emit(MulOp(operand, operand)))))


@importer("ReduceLogSum")
def import_reduce_log_sum(node: Node) -> SSAValue:
    return node.emit(LogOp(reduced_sum(node, node.float_operand(0))))


@importer("ReduceLogSumExp")
def import_reduce_log_sum_exp(node: Node) -> SSAValue:
    """log(sum(exp(x - max))) + max, which does not overflow."""
    operand, axes = node.float_operand(0), reduced_axes(node)
    if not axes:
        return operand
    largest = node.emit(ReduceMaxOp(operand, axes, keep_dims=True))
    powers = node.emit(ExpOp(node.emit(SubOp(operand, largest))))
    logarithm = node.emit(LogOp(node.emit(ReduceSumOp(powers, axes, keeps_dims(node)))))
    return node.emit(AddOp(logarithm, reshaped(node, largest, shape_of(logarithm))))


@importer("ReduceProd")
def import_reduce_prod(node: Node) -> SSAValue:
    """Halves of each axis multiplied until one element is left."""
    (operand,), type_ = node.exact_operands(0)
    shape, axes = shape_of(operand), reduced_axes(node)
    if int(np.prod([shape[axis] for axis in axes], dtype=object)) > LARGEST_PRODUCT:
        raise node.error("the product of so many elements is not supported", f"multiply at most {LARGEST_PRODUCT}")
    for axis in axes:
        while (count := shape_of(operand)[axis]) > 1:
            first, second = (_part(node, operand, axis, start, count // 2) for start in (0, count // 2))
            product = node.emit_exact(MulOp(first, second), type_)
            if count % 2:
                product = node.emit_moved(ConcatOp([product, _part(node, operand, axis, count - 1, 1)], axis))
            operand = product
    kept = [size for axis, size in enumerate(shape_of(operand)) if keeps_dims(node) or axis not in axes]
    return reshaped(node, operand, kept)


def _part(node: Node, operand: SSAValue, axis: int, start: int, size: int) -> SSAValue:
    shape = shape_of(operand)
    starts = [start if place == axis else 0 for place in range(len(shape))]
    return sliced(node, operand, starts, [*shape[:axis], size, *shape[axis + 1 :]])


@importer("Sum", "Mean")
def import_sum(node: Node) -> SSAValue:
    """The sum (mean) of all inputs, elementwise with broadcasting, in their order."""
    count = len(node.definition.inputs)
    operands, type_ = node.exact_operands(*range(count))
    total = operands[0]
    for operand in operands[1:]:
        total = node.emit_exact(AddOp(total, operand), type_)
    if node.definition.op_type == "Sum" or count == 1:
        return total
    return node.emit(DivOp(total, node.add_constant(np.asarray(count, np.float32))))


@importer("CumSum")
def import_cum_sum(node: Node) -> SSAValue:
    """A product with a triangular matrix of ones."""
    (operand,), type_ = node.exact_operands(0)
    shape = shape_of(operand)
    given = node.constant(1, "the axis")
    axis = node.axis(int(scalar_of(given)) if given.size == 1 else len(shape), len(shape))
    ones = np.triu(np.ones((shape[axis], shape[axis])), node.integer("exclusive", 0))
    return weighted(node, operand, axis, ones.T if node.integer("reverse", 0) else ones, type_)


def keeps_dims(node: Node) -> bool:
    return bool(node.integer("keepdims", 1))


def reduced_axes(node: Node) -> list[int]:
    """Axes from the attribute or the second input; none given: all, or none with `noop_with_empty_axes`."""
    rank = len(node.shape(0))
    given = node.constant_integers(1, "the axes") if node.has_input(1) else node.integer_list("axes")
    if not given:
        return [] if node.integer("noop_with_empty_axes", 0) else list(range(rank))
    axes = sorted(node.axis(axis, rank) for axis in given)
    if len(set(axes)) != len(axes):
        raise node.error(f"axes {given} name one axis twice", "correct the axes")
    return axes
