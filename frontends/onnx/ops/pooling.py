# SPDX-License-Identifier: Apache-2.0
"""Pooling: MaxPool, AveragePool, LpPool, and the same over whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import DivOp, MaxPoolOp, MulOp, PowOp, ReduceMaxOp, ReduceSumOp, SqrtOp, SumPoolOp
from ....qdialect.q.pooling import taps_of
from ....qdialect.q.window import Window
from ....qdialect.types import shape_of
from ..node import Node
from ..quantizer import short
from ..registry import importer
from ..window import window_of
from .reduction import absolute


@importer("MaxPool")
def import_max_pool(node: Node) -> SSAValue:
    if node.integer("storage_order", 0):
        raise node.error("storage_order 1 is not supported", "export with storage_order 0")
    operand = node.operand(0)
    window, _ = pool_window(node, shape_of(operand))
    return node.emit_moved(MaxPoolOp(operand, window))


@importer("AveragePool")
def import_average_pool(node: Node) -> SSAValue:
    return average_pool(node, node.number_operand(0))


def average_pool(node: Node, operand: SSAValue) -> SSAValue:
    """The sum of each window divided by the number of its elements (`count_include_pad`: and stated pads)."""
    sizes = shape_of(operand)[2:]
    window, stated = pool_window(node, shape_of(operand))
    sums = node.emit(SumPoolOp(operand, window))
    if node.integer("count_include_pad", 0):
        sizes = [low + size + high for low, size, high in zip(stated.low, sizes, stated.high, strict=True)]
        more = [end - high for end, high in zip(window.high, stated.high, strict=True)]
        window = replace(window, pads=(*(0,) * window.rank, *more))
    counts = [taps.counts() for taps in taps_of(window, sizes)]
    elements = reduce(np.multiply.outer, counts, np.ones((1, 1), np.int64))
    if not elements.all():
        raise node.error("a window lies wholly in the padding", "pad less than the size of a window")
    return node.emit(DivOp(sums, node.constant_beside(sums, short(elements.astype(np.float32)))))


def pool_window(node: Node, shape: Sequence[int]) -> tuple[Window, Window]:
    """The windows of a pool over an input of this shape; and as they are stated, without what ceil_mode adds."""
    kernel, sizes = node.integer_list("kernel_shape"), shape[2:]
    if kernel is None:
        raise node.error("attribute 'kernel_shape' is missing", "export the model again with 'kernel_shape'")
    stated = window_of(node, kernel, sizes)
    if not node.integer("ceil_mode", 0):
        return stated, stated
    high = list[int]()
    for size, low, end, extent, step in zip(
        sizes, stated.low, stated.high, stated.extents, stated.strides, strict=True
    ):
        last = -(-(size + low + end - extent) // step) * step
        last -= step if last >= size + low else 0  # the last window starts inside the input, or in front of it
        high.append(max(last + extent - size - low, 0))
    return replace(stated, pads=(*stated.low, *high)), stated


@importer("LpPool", "GlobalLpPool")
def import_lp_pool(node: Node) -> SSAValue:
    """The p-norm of each window, or of the whole image."""
    operand, p = node.float_operand(0), node.integer("p", 2)
    if p < 1:
        raise node.error(f"p is {p}", "give a p of at least 1")
    powers = node.emit(MulOp(operand, operand)) if p == 2 else absolute(node, operand)
    if p > 2:
        powers = node.emit(PowOp(powers, node.add_constant(np.asarray(p, np.float32))))
    if node.definition.op_type == "LpPool":
        sums = node.emit(SumPoolOp(powers, pool_window(node, shape_of(operand))[0]))
    else:
        sums = node.emit(ReduceSumOp(powers, _spatial(node), keep_dims=True))
    if p <= 2:
        return sums if p == 1 else node.emit(SqrtOp(sums))
    return node.emit(PowOp(sums, node.add_constant(np.asarray(1 / p, np.float32))))


@importer("GlobalAveragePool")
def import_global_average_pool(node: Node) -> SSAValue:
    operand = node.number_operand(0)
    sums = ReduceSumOp(operand, _spatial(node), keep_dims=True)
    result = node.emit(sums)
    return node.emit(DivOp(result, node.constant_beside(result, np.asarray(sums.count, np.float32))))


@importer("GlobalMaxPool")
def import_global_max_pool(node: Node) -> SSAValue:
    return node.emit_moved(ReduceMaxOp(node.operand(0), _spatial(node), keep_dims=True))


def _spatial(node: Node) -> range:
    rank = len(node.shape(0))
    if rank < 3:
        raise node.error("the operand has no spatial axes", "give it the shape [batch, channels, sizes...]")
    return range(2, rank)
