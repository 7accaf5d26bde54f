# SPDX-License-Identifier: Apache-2.0
"""Ops that pick the largest elements: ArgMax, TopK."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from ....qdialect.q import ArgMaxOp, TopKOp
from ..node import INT64, Node
from ..registry import importer


@importer("ArgMax")
def import_arg_max(node: Node) -> SSAValue:
    if node.integer("select_last_index", 0):
        raise node.error("select_last_index is not supported: ties take the lowest index", "export without it")
    axis = node.axis(node.integer("axis", 0), len(node.shape(0)))
    return node.emit_integer(ArgMaxOp(node.operand(0), axis, bool(node.integer("keepdims", 1))), INT64)


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
