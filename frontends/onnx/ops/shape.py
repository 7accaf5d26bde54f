# SPDX-License-Identifier: Apache-2.0
"""Ops that move elements: Reshape, Flatten, Squeeze, Unsqueeze, Transpose; and the constants Shape and Size."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import ReshapeOp
from ..model import Array
from ..node import Node
from ..registry import importer


@importer("Shape")
def import_shape(node: Node) -> Array:
    end = node.integer("end") if node.has("end") else None
    return np.asarray(node.shape(0)[node.integer("start", 0) : end], np.int64)


@importer("Size")
def import_size(node: Node) -> Array:
    return np.asarray(prod(node.shape(0)), np.int64)


@importer("Reshape")
def import_reshape(node: Node) -> SSAValue:
    """0 copies a dimension (unless `allowzero`), -1 is what is left."""
    shape = node.shape(0)
    target = node.new_shape(1, "the shape")
    if not node.integer("allowzero", 0):
        if any(size == 0 and axis >= len(shape) for axis, size in enumerate(target)):
            raise node.error(f"new shape {target} copies a dimension that {list(shape)} has not", "correct the shape")
        target = [shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    rest = prod(size for size in target if size != -1)
    if target.count(-1) == 1 and rest > 0:
        target = [prod(shape) // rest if size == -1 else size for size in target]
    if min(target, default=1) < 1 or prod(target) != prod(shape):
        mend = "reshape to the same number of elements; a shape fixed for a whole batch has to say -1 or 1 there"
        raise node.error(f"cannot reshape {list(shape)} to {target}", mend)
    return _reshaped(node, target)


@importer("Flatten")
def import_flatten(node: Node) -> SSAValue:
    shape, axis = node.shape(0), node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise node.error(f"axis {axis} does not exist in a tensor of {len(shape)} dimensions", "correct the axis")
    axis += len(shape) if axis < 0 else 0
    return _reshaped(node, (prod(shape[:axis]), prod(shape[axis:])))


@importer("Squeeze")
def import_squeeze(node: Node) -> SSAValue:
    shape, axes = node.shape(0), _axes(node)
    if axes is None:
        return _reshaped(node, [size for size in shape if size != 1])
    removed = {node.axis(axis, len(shape)) for axis in axes}
    if any(shape[axis] != 1 for axis in removed):
        raise node.error(f"axes {sorted(removed)} of shape {list(shape)} are not all of size 1", "correct the axes")
    return _reshaped(node, [size for axis, size in enumerate(shape) if axis not in removed])


@importer("Unsqueeze")
def import_unsqueeze(node: Node) -> SSAValue:
    shape, axes = node.shape(0), _axes(node) or []
    rank = len(shape) + len(axes)
    added = {node.axis(axis, rank) for axis in axes}
    if len(added) != len(axes):
        raise node.error(f"axes {axes} name one axis twice", "correct the axes")
    sizes = iter(shape)
    return _reshaped(node, [1 if axis in added else next(sizes) for axis in range(rank)])


@importer("Transpose")
def import_transpose(node: Node) -> SSAValue:
    rank = len(node.shape(0))
    permutation = node.integer_list("perm") or list(reversed(range(rank)))
    if sorted(permutation) != list(range(rank)):
        raise node.error(f"{permutation} is not a permutation of {rank} axes", "correct attribute 'perm'")
    operand = node.operand(0)
    return operand if permutation == list(range(rank)) else node.transposed(operand, permutation)


def _axes(node: Node) -> list[int] | None:
    """Axes from the attribute (before opset 13) or the second input."""
    return node.constant_integers(1, "the axes") if node.has_input(1) else node.integer_list("axes")


def _reshaped(node: Node, shape: Sequence[int]) -> SSAValue:
    operand = node.operand(0)
    return operand if tuple(shape) == node.shape(0) else node.emit_moved(ReshapeOp(operand, shape))
