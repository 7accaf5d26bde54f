# SPDX-License-Identifier: Apache-2.0
"""Ops that select, join and repeat elements: Slice, Split, Gather, Concat, Pad, Expand, Tile, ..."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import ConcatOp, ExpandOp, GatherOp, PadOp, ReshapeOp, SliceOp
from ....qdialect.types import element_type, is_integer_type, shape_of
from ..model import Array, scalar_of
from ..node import Node, Value
from ..registry import importer


@importer("Slice")
def import_slice(node: Node) -> SSAValue:
    """Bounds count from the end if negative, and are clamped; before opset 10 they are attributes."""
    shape = node.shape(0)
    starts, ends, axes, steps = _slice_parameters(node, len(shape))
    first, size, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0:
            raise node.error("a step is 0", "correct the steps")
        elements = range(shape[axis])[start:end:step]
        if not elements:
            raise node.error(f"the slice {start}:{end}:{step} of axis {axis} is empty", "correct starts and ends")
        first[axis], size[axis], stride[axis] = elements.start, len(elements), step
    return sliced(node, node.operand(0), first, size, stride)


def sliced(
    node: Node, operand: SSAValue, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int] | None = None
) -> SSAValue:
    """A part of `operand`, or itself if the part is all of it."""
    if tuple(sizes) == shape_of(operand) and (steps is None or min(steps) > 0):
        return operand
    return node.emit_moved(SliceOp(operand, starts, sizes, steps))


def _slice_parameters(node: Node, rank: int) -> tuple[list[int], list[int], list[int], list[int]]:
    if node.opset < 10:
        starts, ends, axes = (node.integer_list(name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends = node.constant_integers(1, "the starts"), node.constant_integers(2, "the ends")
        axes = node.constant_integers(3, "the axes") if node.has_input(3) else None
        steps = node.constant_integers(4, "the steps") if node.has_input(4) else None
    starts, ends = starts or [], ends or []
    axes = list(range(len(starts))) if axes is None else [node.axis(axis, rank) for axis in axes]
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(set(axes)) != len(axes) or len(axes) > rank:
        raise node.error("starts, ends, axes and steps do not fit together", "give one of each for every axis")
    return starts, ends, axes, steps


@importer("Concat")
def import_concat(node: Node) -> SSAValue:
    """Before opset 4 the axis was 1 by default."""
    given = [index for index in range(len(node.definition.inputs)) if node.has_input(index)]
    full = [index for index in given if 0 not in node.shape(index)]
    operands = [node.operand(index) for index in full or given]
    axis = node.axis(node.integer("axis", 1 if node.opset < 4 else None), len(shape_of(operands[0])))
    return operands[0] if len(operands) == 1 else node.emit_moved(ConcatOp(operands, axis))


@importer("Gather")
def import_gather(node: Node) -> SSAValue:
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", 0), len(shape))
    indices = constant_indices(node, 1, shape[axis])
    gathered = node.emit_moved(GatherOp(node.operand(0), indices.reshape(-1), axis))
    return reshaped(node, gathered, (*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def constant_indices(node: Node, index: int, count: int) -> Array:
    """Input `index`, places from 0 to count - 1; negative ones count from the end."""
    indices = node.constant(index, "the indices")
    if indices.dtype.kind not in "iu" or not indices.size:
        raise node.error("the indices are no integers, or there are none", "export the model again")
    low, high = int(indices.min()), int(indices.max())
    if low < -count or high >= count:
        raise node.error(f"index {low if low < -count else high} does not exist among {count}", "correct the indices")
    return indices.astype(np.int64) % count


def reshaped(node: Node, operand: SSAValue, shape: Sequence[int]) -> SSAValue:
    return operand if tuple(shape) == shape_of(operand) else node.emit_moved(ReshapeOp(operand, shape))


@importer("Pad")
def import_pad(node: Node) -> SSAValue:
    """Negative pads cut off; modes reflect, edge and wrap repeat elements of the operand."""
    shape, mode = node.shape(0), node.text("mode", "constant")
    low, high = _pads(node, len(shape))
    if any(min(a, 0) + min(b, 0) + size < 1 for a, b, size in zip(low, high, shape, strict=True)):
        raise node.error(f"pads {low} and {high} leave nothing of shape {list(shape)}", "correct the pads")
    starts = [max(-pad, 0) for pad in low]
    sizes = [size + min(a, 0) + min(b, 0) for a, b, size in zip(low, high, shape, strict=True)]
    operand = sliced(node, node.operand(0), starts, sizes)
    low, high = [max(pad, 0) for pad in low], [max(pad, 0) for pad in high]
    if mode == "constant":
        return padded(node, operand, _pad_value(node, operand), low, high)
    if mode not in ("reflect", "edge", "wrap"):
        raise node.error(f"mode '{mode}' is not supported", "use constant, reflect, edge or wrap")
    for axis, (before, behind) in enumerate(zip(low, high, strict=True)):
        if before or behind:
            if mode == "reflect" and max(before, behind) and sizes[axis] == 1:
                raise node.error(f"axis {axis} has no second element to reflect", "pad with mode 'edge'")
            indices = np.pad(np.arange(sizes[axis]), (before, behind), mode)
            operand = node.emit_moved(GatherOp(operand, indices, axis))
    return operand


def padded(node: Node, operand: SSAValue, value: SSAValue, low: Sequence[int], high: Sequence[int]) -> SSAValue:
    return node.emit_moved(PadOp(operand, value, low, high)) if any((*low, *high)) else operand


def zero_like(node: Node, operand: SSAValue) -> SSAValue:
    """The constant 0: an integer among integers, so that no type changes."""
    is_integer = is_integer_type(element_type(operand))
    return node.add_constant(np.zeros((), np.uint8 if is_integer else np.float32))


def _pads(node: Node, rank: int) -> tuple[list[int], list[int]]:
    """Elements in front and behind, for every axis."""
    attribute = "pads" if node.opset >= 2 else "paddings"
    pads = node.constant_integers(1, "the pads") if node.has_input(1) else node.integer_list(attribute) or []
    axes = list(range(rank))
    if node.has_input(3):
        axes = [node.axis(axis, rank) for axis in node.constant_integers(3, "the axes")]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise node.error(f"{len(pads)} pads do not fit {len(axes)} axes", "give one in front and one behind each axis")
    low, high = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        low[axis], high[axis] = pads[place], pads[len(axes) + place]
    return low, high


def _pad_value(node: Node, operand: SSAValue) -> SSAValue:
    if not node.has_input(2):
        value = node.number("value", 0.0)
        return node.add_constant(np.asarray(value, np.float32)) if value else zero_like(node, operand)
    known = node.value(2)
    if isinstance(known, np.ndarray) and scalar_of(known) == 0:
        return zero_like(node, operand)
    return reshaped(node, node.operand(2), ())


@importer("Expand")
def import_expand(node: Node) -> SSAValue:
    target = node.new_shape(1, "the shape")
    try:
        shape = np.broadcast_shapes(node.shape(0), tuple(target))
    except ValueError:
        raise node.error(f"cannot broadcast {list(node.shape(0))} to {target}", "correct the shape") from None
    return expanded(node, node.operand(0), shape)


def expanded(node: Node, operand: SSAValue, shape: Sequence[int]) -> SSAValue:
    return operand if tuple(shape) == shape_of(operand) else node.emit_moved(ExpandOp(operand, shape))


@importer("Tile")
def import_tile(node: Node) -> SSAValue:
    shape, repeats = node.shape(0), node.constant_integers(1, "the repeats")
    if len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise node.error(f"repeats {repeats} do not fit shape {list(shape)}", "give one of at least 1 for each axis")
    pairs = list(zip(repeats, shape, strict=True))
    operand = node.operand(0)
    if all(count == 1 for count in repeats):
        return operand
    spread = reshaped(node, operand, [size for _, length in pairs for size in (1, length)])
    repeated = expanded(node, spread, [size for pair in pairs for size in pair])
    return reshaped(node, repeated, [prod(pair) for pair in pairs])


@importer("Split")
def import_split(node: Node) -> list[Value]:
    """Sizes from the attribute or the second input; else equal parts, the last one what is left.

    A part of size 0 is an empty constant, which Concat leaves out.
    """
    shape, count = node.shape(0), len(node.definition.outputs)
    axis = node.axis(node.integer("axis", 0), len(shape))
    sizes = node.constant_integers(1, "the sizes") if node.has_input(1) else node.integer_list("split")
    if sizes is None:
        length = -(-shape[axis] // node.integer("num_outputs", count))
        sizes = [min(length, shape[axis] - length * index) for index in range(count)]
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 0:
        what = f"axis {axis} of {shape[axis]} elements cannot be split into {count} parts of sizes {sizes}"
        raise node.error(what, "give one size for each output")
    operand, parts, start = node.operand(0), list[Value](), 0
    for size in sizes:
        if not size:
            parts.append(np.empty((*shape[:axis], 0, *shape[axis + 1 :]), np.float32))
            continue
        starts = [start if index == axis else 0 for index in range(len(shape))]
        parts.append(sliced(node, operand, starts, [*shape[:axis], size, *shape[axis + 1 :]]))
        start += size
    return parts


@importer("DepthToSpace")
def import_depth_to_space(node: Node) -> SSAValue:
    """Blocks of channels become blocks of pixels: mode DCR counts the block's pixels first, CRD the channels."""
    (batch, channels, height, width), size = _image(node), node.integer("blocksize")
    if size < 1 or channels % (size * size):
        raise node.error(f"blocksize {size} does not divide {channels} channels", "correct the blocksize")
    mode, left = _block_mode(node), channels // (size * size)
    blocks = (batch, size, size, left, height, width) if mode == "DCR" else (batch, left, size, size, height, width)
    order = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    moved = node.transposed(reshaped(node, node.operand(0), blocks), order)
    return reshaped(node, moved, (batch, left, height * size, width * size))


@importer("SpaceToDepth")
def import_space_to_depth(node: Node) -> SSAValue:
    (batch, channels, height, width), size = _image(node), node.integer("blocksize")
    if size < 1 or height % size or width % size:
        raise node.error(f"blocksize {size} does not divide an image of {height} x {width}", "correct the blocksize")
    blocks = reshaped(node, node.operand(0), (batch, channels, height // size, size, width // size, size))
    order = (0, 3, 5, 1, 2, 4) if _block_mode(node) == "DCR" else (0, 1, 3, 5, 2, 4)
    moved = node.transposed(blocks, order)
    return reshaped(node, moved, (batch, channels * size * size, height // size, width // size))


def _block_mode(node: Node) -> str:
    mode = node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise node.error(f"mode '{mode}' is not supported", "use DCR or CRD")
    return mode


def _image(node: Node) -> tuple[int, ...]:
    if len(node.shape(0)) != 4:
        raise node.error(f"the operand of shape {list(node.shape(0))} is no image", "give it four dimensions")
    return node.shape(0)
