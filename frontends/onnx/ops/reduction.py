# SPDX-License-Identifier: Apache-2.0
"""Reductions along axes: ReduceSum, ReduceMean, ReduceMax, ReduceMin and what is made of them."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import DivOp, ReduceMaxOp, ReduceMinOp, ReduceSumOp
from ..node import Node
from ..registry import importer

EXTREMES = {"ReduceMax": ReduceMaxOp, "ReduceMin": ReduceMinOp}


@importer(*EXTREMES)
def import_reduce_extreme(node: Node) -> SSAValue:
    operand, axes = node.operand(0), reduced_axes(node)
    if not axes:
        return operand
    return node.emit_moved(EXTREMES[node.definition.op_type](operand, axes, keeps_dims(node)))


@importer("ReduceSum")
def import_reduce_sum(node: Node) -> SSAValue:
    return reduced_sum(node, node.number_operand(0))


@importer("ReduceMean")
def import_reduce_mean(node: Node) -> SSAValue:
    operand, axes = node.number_operand(0), reduced_axes(node)
    if not axes:
        return operand
    sums = ReduceSumOp(operand, axes, keeps_dims(node))
    return node.emit(DivOp(node.emit(sums), node.add_constant(np.asarray(sums.count, np.float32))))


def reduced_sum(node: Node, operand: SSAValue) -> SSAValue:
    """The sum of `operand` along the node's axes."""
    axes = reduced_axes(node)
    return node.emit(ReduceSumOp(operand, axes, keeps_dims(node))) if axes else operand


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
