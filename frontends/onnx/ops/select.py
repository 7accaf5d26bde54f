# SPDX-License-Identifier: Apache-2.0
"""Ops that pick the largest elements: ArgMax, ArgMin, TopK; and OneHot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import AddOp, ArgMaxOp, CompareOp, MulOp, Predicate, ReshapeOp, SelectOp, SliceOp, SubOp, TopKOp
from ....qdialect.types import shape_of
from ..node import INT64, Node
from ..registry import importer


@importer("ArgMax", "ArgMin")
def import_arg_max(node: Node) -> SSAValue:
    """ArgMin is the ArgMax of the negated operand; the last index of several is the first one from behind."""
    axis, from_behind = node.axis(node.integer("axis", 0), len(node.shape(0))), node.integer("select_last_index", 0)
    operand = node.operand(0)
    if node.definition.op_type == "ArgMin":
        operand = node.emit(MulOp(operand, node.constant_beside(operand, np.asarray(-1, np.float32))))
    if from_behind:
        shape = shape_of(operand)
        starts = [size - 1 if place == axis else 0 for place, size in enumerate(shape)]
        steps = [-1 if place == axis else 1 for place in range(len(shape))]
        operand = node.emit(SliceOp(operand, starts, shape, steps))
    index = ArgMaxOp(operand, axis, bool(node.integer("keepdims", 1)))
    if not from_behind:
        return node.emit_integer(index, INT64)
    last = node.add_constant(np.asarray(shape_of(operand)[axis] - 1, np.int64))
    return node.emit_integer(SubOp(last, node.emit(index)), INT64)


@importer("OneHot")
def import_one_hot(node: Node) -> SSAValue:
    """values[1] where the index of a place along the new axis is that of the element, else values[0]."""
    depth, values = int(node.constant(1, "the depth").reshape(-1)[0]), node.operand(2)
    rank = len(node.shape(0)) + 1
    axis = node.axis(node.integer("axis", -1), rank)
    indices = node.operand(0)
    node.check_size((*shape_of(indices), depth))
    count, zero = (node.add_constant(np.asarray(number, np.int64)) for number in (depth, 0))
    below = node.emit(CompareOp(Predicate.LESS, indices, zero))
    places = node.emit(SelectOp(below, node.emit(AddOp(indices, count)), indices))
    shape = shape_of(indices)
    places = node.emit(ReshapeOp(places, (*shape[:axis], 1, *shape[axis:])))
    along = node.add_constant(np.arange(depth).reshape([-1 if place == axis else 1 for place in range(rank)]))
    off, on = (node.emit(ReshapeOp(node.emit(SliceOp(values, [i], [1])), ())) for i in (0, 1))
    chosen = node.emit(CompareOp(Predicate.EQUAL, places, along))
    return node.emit_exact(SelectOp(chosen, on, off), node.integer_type(2))


@importer("TopK")
def import_top_k(node: Node) -> Sequence[SSAValue]:
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", -1), len(shape))
    counts = node.constant_integers(1, "k") if node.has_input(1) else [node.integer("k")]
    if len(counts) != 1 or not 1 <= counts[0] <= shape[axis]:
        raise node.error(f"k is {counts}, axis {axis} has {shape[axis]} elements", "give one k of at most that size")
    operand = node.operand(0)
    top = node.add(TopKOp(operand, counts[0], axis, bool(node.integer("largest", 1))))
    values, indices = top.results
    node.builder.integers[indices] = INT64
    if operand in node.builder.integers:
        node.builder.integers[values] = node.builder.integers[operand]
    return values, indices
