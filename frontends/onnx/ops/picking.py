# SPDX-License-Identifier: Apache-2.0
"""Ops that pick single elements at constant places: GatherElements, GatherND, Scatter..., Trilu, ReverseSequence, ...

All are one `q.gather` of the flattened operand. Which place goes where is found by moving the numbers of the places.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.q import ConcatOp, GatherOp, ReshapeOp
from ....qdialect.types import integer_format, shape_of
from ..loader import evaluate
from ..model import Array
from ..node import Node
from ..registry import importer
from .movement import constant_indices, reshaped, zero_like


@importer("GatherElements")
def import_gather_elements(node: Node) -> SSAValue:
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", 0), len(shape))
    indices = constant_indices(node, 1, shape[axis])
    region = _beside(node, indices, axis, shape)
    return picked(node, node.operand(0), np.take_along_axis(_places(shape)[region], indices, axis))


@importer("ScatterElements", "Scatter")
def import_scatter_elements(node: Node) -> SSAValue:
    _refuse_reduction(node)
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", 0), len(shape))
    indices, places = constant_indices(node, 1, shape[axis]), _places(shape)
    if indices.shape != node.shape(2):
        raise node.error(f"updates of shape {list(node.shape(2))} do not fit the indices", "give one for each index")
    np.put_along_axis(places[_beside(node, indices, axis, shape)], indices, _places(indices.shape) + places.size, axis)
    return picked(node, _with_updates(node), places)


@importer("ScatterND")
def import_scatter_nd(node: Node) -> SSAValue:
    _refuse_reduction(node)
    shape, indices = node.shape(0), node.constant(1, "the indices")
    depth = indices.shape[-1] if indices.ndim else 0
    if not 1 <= depth <= len(shape) or node.shape(2) != (*indices.shape[:-1], *shape[depth:]):
        raise node.error(f"indices of shape {list(indices.shape)} do not fit data and updates", "correct the indices")
    columns = tuple(_checked(node, indices[..., axis], shape[axis]) for axis in range(depth))
    places = _places(shape)
    places[columns] = _places(node.shape(2)) + places.size
    return picked(node, _with_updates(node), places)


@importer("GatherND", "ReverseSequence", "Compress", "Trilu", "CenterCropPad")
def import_picked(node: Node) -> SSAValue:
    """The op itself, as onnx's reference knows it, says which place goes where; 0 stands for the number 0."""
    operand = node.operand(0)
    others = range(1, len(node.definition.inputs))
    parameters = [node.constant(index, f"input {index}") if node.has_input(index) else None for index in others]
    places = _places(shape_of(operand)) + 1
    return picked(node, operand, _evaluated(node, [places, *parameters]) - 1)


@importer("EyeLike")
def import_eye_like(node: Node) -> Array:
    """A constant: only the shape and the type of the operand count."""
    type_ = node.integer_type(0)
    dtype = "float32" if type_ is None else numpy_name(type_)
    return _evaluated(node, [np.zeros(node.shape(0), dtype)])


def _evaluated(node: Node, inputs: list[Array | None]) -> Array:
    """The result of the node of one result on these inputs."""
    try:
        (result,) = evaluate(node.definition, node.builder.model.opsets, inputs)
    except ValueError as fault:
        raise node.error(f"the node cannot be computed: {fault}", "export the model again") from None
    return result


def numpy_name(type_: Attribute) -> str:
    """What numpy calls an integer type of ONNX."""
    range_ = integer_format(type_).code_range
    bits = (range_.hi - range_.lo).bit_length()
    return "bool" if bits == 1 else f"{'int' if range_.signed else 'uint'}{bits}"


def picked(node: Node, operand: SSAValue, places: Array) -> SSAValue:
    """The elements of `operand` at places of its row-major order, in the shape of `places`; -1 stands for 0."""
    if not places.size:
        raise node.error("the result has no elements", "remove the node")
    count = prod(shape_of(operand))
    if places.min() < -1 or places.max() >= count:
        raise node.error("an index lies outside its axis", "correct the indices")
    flat = reshaped(node, operand, (count,))
    if places.min() < 0:
        zero = node.emit(ReshapeOp(zero_like(node, operand), (1,)))
        flat = node.emit_moved(ConcatOp([flat, zero], 0))
        places = np.where(places < 0, count, places)
    return reshaped(node, node.emit_moved(GatherOp(flat, places.reshape(-1), 0)), places.shape)


def _places(shape: tuple[int, ...]) -> Array:
    """The number of each place in row-major order."""
    return np.arange(prod(shape)).reshape(shape)


def _with_updates(node: Node) -> SSAValue:
    """Data and updates, flattened, one behind the other."""
    flat = [reshaped(node, operand, (prod(shape_of(operand)),)) for operand in (node.operand(0), node.operand(2))]
    return node.emit_moved(ConcatOp(flat, 0))


def _beside(node: Node, indices: Array, axis: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of the data that indices of this shape speak of."""
    fits = indices.ndim == len(shape) and all(
        size <= shape[other] for other, size in enumerate(indices.shape) if other != axis
    )
    if not fits:
        raise node.error(f"indices of shape {list(indices.shape)} do not fit {list(shape)}", "correct the indices")
    return tuple(slice(None) if other == axis else slice(size) for other, size in enumerate(indices.shape))


def _checked(node: Node, indices: Array, count: int) -> Array:
    if indices.dtype.kind not in "iu" or (indices.size and not -count <= indices.min() <= indices.max() < count):
        raise node.error(f"an index lies outside an axis of {count} elements", "correct the indices")
    return indices.astype(np.int64) % count


def _refuse_reduction(node: Node) -> None:
    if node.text("reduction", "none") != "none":
        raise node.error(f"reduction '{node.text('reduction')}' is not supported", "scatter without reduction")
