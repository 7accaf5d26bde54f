# SPDX-License-Identifier: Apache-2.0
"""Resize and Upsample: axis by axis, a `q.gather` (nearest) or a product with a constant matrix (linear, cubic)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, isclose

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import AddOp, GatherOp, MatMulOp
from ....qdialect.types import fixed_type, shape_of
from ..model import Array
from ..node import Node
from ..registry import importer

MAX_FRACTION_BITS = 16  # matrices of such short numbers are fixed-point, so that integers meet integers

NEAREST_MODES = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Axis:
    """How one axis is resized: sizes before and after, scale, the region of interest (fractions of the axis)."""

    size: int
    result: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)

    @property
    def is_unchanged(self) -> bool:
        return self.size == self.result and isclose(self.scale, 1.0) and self.roi == (0.0, 1.0)


@importer("Resize", "Upsample")
def import_resize(node: Node) -> SSAValue:
    mode = node.text("mode", "nearest")
    if mode not in ("nearest", "linear", "cubic"):
        raise node.error(f"mode '{mode}' is not supported", "use nearest, linear or cubic")
    operand = node.operand(0) if mode == "nearest" else node.number_operand(0)
    for place, axis in enumerate(_axes(node, shape_of(operand))):
        if axis.is_unchanged:
            continue
        points = _coordinates(node, axis)
        outside = (points < 0) | (points > axis.size - 1)
        if _transformation(node) != "tf_crop_and_resize":
            outside = np.zeros_like(outside)
        if mode == "nearest" and not outside.any():
            nearest = np.clip(_nearest(node, points, axis), 0, axis.size - 1)
            operand = node.emit_moved(GatherOp(operand, nearest, place))
        else:
            operand = _interpolated(node, operand, place, _matrix(node, mode, points, axis), outside)
    return operand


# sizes and scales


def _axes(node: Node, shape: tuple[int, ...]) -> list[Axis]:
    rank = len(shape)
    named = node.integer_list("axes")
    axes = list(range(rank)) if named is None else [node.axis(axis, rank) for axis in named]
    scales, sizes, roi = _parameters(node, len(axes))
    result = [Axis(size, size, 1.0) for size in shape]
    for place, axis in enumerate(axes):
        region = (roi[place], roi[len(axes) + place]) if roi else (0.0, 1.0)
        if scales is not None:
            length = floor(shape[axis] * scales[place] * (region[1] - region[0]))
            result[axis] = Axis(shape[axis], length, scales[place], region)
        else:
            assert sizes is not None
            result[axis] = Axis(shape[axis], sizes[place], sizes[place] / shape[axis], region)
    if sizes is not None:
        _keep_aspect_ratio(node, result, axes)
    if any(axis.result < 1 for axis in result):
        raise node.error(f"the result has the shape {[axis.result for axis in result]}", "correct scales or sizes")
    return result


def _parameters(node: Node, count: int) -> tuple[list[float] | None, list[int] | None, list[float]]:
    """Scales or sizes, and the regions of interest of all axes: starts, then ends."""
    old = node.definition.op_type == "Upsample" or node.opset < 11
    scales = _numbers(node, 1 if old else 2, "the scales")
    if node.definition.op_type == "Upsample" and node.has("scales"):
        attribute = node.definition.attributes["scales"]
        scales = [float(scale) for scale in attribute] if isinstance(attribute, list) else None
    read = node.constant_integers if node.has("axes") else node.new_shape
    sizes = None if old or not node.has_input(3) else read(3, "the sizes")
    roi = (_numbers(node, 1, "the regions") or []) if _transformation(node) == "tf_crop_and_resize" else []
    if (scales is None) == (not sizes):
        raise node.error("there have to be scales or sizes", "give one of the two")
    if len(scales or sizes or []) != count or (roi and len(roi) != 2 * count):
        raise node.error(f"scales, sizes and regions do not fit {count} axes", "give one for each axis")
    if scales is not None and not all(0 < scale < float("inf") for scale in scales):
        raise node.error(f"the scales are {scales}", "correct the scales")
    return scales, sizes or None, roi


def _numbers(node: Node, index: int, what: str) -> list[float] | None:
    if not node.has_input(index):
        return None
    numbers = [float(number) for number in node.constant(index, what).reshape(-1)]
    return numbers or None


def _keep_aspect_ratio(node: Node, result: list[Axis], axes: Sequence[int]) -> None:
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return
    if policy not in ("not_larger", "not_smaller"):
        raise node.error(f"keep_aspect_ratio_policy is '{policy}'", "use stretch, not_larger or not_smaller")
    scales = [result[axis].scale for axis in axes]
    scale = min(scales) if policy == "not_larger" else max(scales)
    for axis in axes:
        result[axis] = replace(result[axis], result=floor(scale * result[axis].size + 0.5), scale=scale)


# coordinates


def _transformation(node: Node) -> str:
    old = node.definition.op_type == "Upsample" or node.opset < 11
    return "asymmetric" if old else node.text("coordinate_transformation_mode", "half_pixel")


def _coordinates(node: Node, axis: Axis) -> Array:
    """Where each element of the result lies on the axis before, as the standard's formulas say."""
    y, length = np.arange(axis.result, dtype=np.float64), axis.scale * axis.size
    match _transformation(node):
        case "half_pixel":
            return (y + 0.5) / axis.scale - 0.5
        case "pytorch_half_pixel":
            return (y + 0.5) / axis.scale - 0.5 if axis.result > 1 else np.zeros(1)
        case "half_pixel_symmetric":
            return axis.size / 2 * (1 - axis.result / length) + (y + 0.5) / axis.scale - 0.5
        case "asymmetric":
            return y / axis.scale
        case "tf_half_pixel_for_nn":
            return (y + 0.5) / axis.scale
        case "align_corners":
            return y * (axis.size - 1) / (length - 1) if length != 1 else np.zeros(axis.result)
        case "tf_crop_and_resize":
            start, end = axis.roi
            if axis.result == 1:
                return np.full(1, (start + end) / 2 * (axis.size - 1))
            return start * (axis.size - 1) + y * (end - start) * (axis.size - 1) / (axis.result - 1)
        case mode:
            what = f"coordinate_transformation_mode '{mode}' is not supported"
            raise node.error(what, "use half_pixel, asymmetric or align_corners")


def _nearest(node: Node, points: Array, axis: Axis) -> Array:
    """The element nearest to each point; before opset 11 the one below it, or above it where the axis shrinks."""
    if _transformation(node) == "asymmetric" and (node.definition.op_type == "Upsample" or node.opset < 11):
        mode = "ceil" if axis.scale < 1 else "floor"
    else:
        mode = node.text("nearest_mode", "round_prefer_floor")
    match mode:
        case "round_prefer_floor":
            nearest = np.ceil(points - 0.5)
        case "round_prefer_ceil":
            nearest = np.floor(points + 0.5)
        case "floor":
            nearest = np.floor(points)
        case "ceil":
            nearest = np.ceil(points)
        case _:
            raise node.error(f"nearest_mode '{mode}' is not supported", f"use one of {', '.join(NEAREST_MODES)}")
    return nearest.astype(np.int64)


# interpolation


def _matrix(node: Node, mode: str, points: Array, axis: Axis) -> Array:
    """[size, result]: how much each element contributes to each element of the result."""
    places = np.arange(axis.result)
    matrix = np.zeros((axis.size, axis.result))
    if mode == "nearest":
        matrix[np.clip(_nearest(node, points, axis), 0, axis.size - 1), places] = 1
        return matrix
    shrink = min(axis.scale, 1.0) if node.integer("antialias", 0) else 1.0
    reach = int(np.ceil((2 if mode == "cubic" else 1) / shrink))
    below = np.ceil(points) - 1  # the point lies in (below, below + 1]
    neighbours = below[:, None] + np.arange(1 - reach, reach + 1)
    distances = np.abs(neighbours - points[:, None]) * shrink
    weights = _cubic(node, distances) if mode == "cubic" else np.clip(1 - distances, 0, 1)
    if node.integer("exclude_outside", 0):
        weights = np.where((neighbours < 0) | (neighbours >= axis.size), 0, weights)
    total = weights.sum(axis=1, keepdims=True)
    if node.integer("exclude_outside", 0) or shrink < 1:
        weights = weights / np.where(total == 0, 1, total)
    inside = np.clip(neighbours, 0, axis.size - 1).astype(np.int64)
    np.add.at(matrix, (inside, places[:, None]), weights)
    return matrix


def _cubic(node: Node, distance: Array) -> Array:
    """Keys' kernel."""
    a = node.number("cubic_coeff_a", -0.75)
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def _interpolated(node: Node, operand: SSAValue, axis: int, matrix: Array, outside: Array) -> SSAValue:
    """`operand` times the matrix along an axis; results outside the axis are extrapolation_value."""
    result = weighted(node, operand, axis, np.where(outside, 0, matrix))
    value = node.number("extrapolation_value", 0.0)
    if not value or not outside.any():
        return result
    shape = [-1 if place == axis else 1 for place in range(len(shape_of(result)))]
    added = np.where(outside, value, 0).astype(np.float32).reshape(shape)
    return node.emit(AddOp(result, node.add_constant(added)))


def weighted(
    node: Node, operand: SSAValue, axis: int, matrix: Array, integer_type: Attribute | None = None
) -> SSAValue:
    """The product of `operand`, in ONNX of `integer_type` or a real number, with a constant matrix along one axis."""
    rank = len(shape_of(operand))
    if axis == rank - 2:
        return node.emit_exact(MatMulOp(matrix_constant(node, matrix.T), operand), integer_type)
    if axis == rank - 1:
        return node.emit_exact(MatMulOp(operand, matrix_constant(node, matrix)), integer_type)
    swapped = list(range(rank))
    swapped[axis], swapped[-1] = rank - 1, axis
    product = MatMulOp(node.transposed(operand, swapped), matrix_constant(node, matrix))
    return node.transposed(node.emit_exact(product, integer_type), swapped)


def matrix_constant(node: Node, matrix: Array) -> SSAValue:
    """Fixed-point where few fraction bits hold the matrix exactly, else float32."""
    for fraction_bits in range(MAX_FRACTION_BITS + 1):
        codes = np.ldexp(matrix, fraction_bits)
        if np.array_equal(codes, np.rint(codes)):
            integers = codes.astype(np.int64)
            range_ = IntRange(int(integers.min()), int(integers.max()))
            return node.add_constant(integers, fixed_type(range_, fraction_bits))
    return node.add_constant(np.ascontiguousarray(matrix, np.float32))
