# SPDX-License-Identifier: Apache-2.0
"""Split convolutions and matrix products whose input has several scales, as a concatenation gives them: one for each.

Before:
    %0 = q.concat %a, %b axis 1 : tensor<1x2x!q.ufixed<4, 0>>, tensor<1x3x!q.fixed<4, 0>> -> ...
    %1 = q.mul %0, %s : ..., tensor<5x!q.real> -> tensor<1x5x!q.real>         s = 1/3, 1/3, 1/5, 1/5, 1/5
    %2 = q.matmul %1, %w : ..., tensor<5x4x!q.fixed<3, 0>> -> tensor<1x4x!q.real>
After:
    %0 = q.matmul %a, %v : tensor<1x2x!q.ufixed<4, 0>>, tensor<2x4x!q.fixed<3, 0>> -> ...
    %1 = q.matmul %b, %u : tensor<1x3x!q.fixed<4, 0>>, tensor<3x4x!q.fixed<3, 0>> -> ...
    %2 = q.mul %0, 5 : ...
    %3 = q.mul %1, 3 : ...
    %4 = q.add %2, %3 : ...
    %5 = q.mul %4, 1/15 : ... -> tensor<1x4x!q.real>

Of a flattened image each part is flattened by itself, with its weights in the order of the image in front of a
transposition.
What was split lets scales move on, as q-move-affine-past-linear does, to the next layer that may need it.

Exact: rational scales are multiples of one number, their greatest common divisor; the sum of integers has it as scale.
Needs: constant integer weights; scales and zero points that are the same within a channel; up to 8 different ones.
Keeps: output type and every output bit.
Leaves: groups that mix scales in different ways, a border that is no code, offsets before a transposed convolution,
scales within the channels of a flattened image, more than 8 scales, ratios of more than 64 bits (remark).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm, prod
from typing import ClassVar, TypeAlias, TypeGuard

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ..qdialect.attrs import Array
from ..qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    Convolution,
    ConvOp,
    ConvTransposeOp,
    GatherOp,
    MatMulOp,
    MulOp,
    QOp,
    ReshapeOp,
    TransposeOp,
)
from ..qdialect.types import RealType, element_type, integer_format, is_integer_type, shape_of
from .affine_past_convolution import offset_of_convolution, padded
from .move_affine_past_linear import moves
from .remarks import remark
from .rewriting import affine, at, constant, matmul_with, replace, rewrite, times_integer, with_constant

MAX_PARTS = 8  # more would be a layer for each channel
MAX_FACTOR_BITS = 64  # of an integer that stands for a scale; float32 scales of near size take 24

Layer: TypeAlias = ConvOp | ConvTransposeOp | MatMulOp


@dataclass(frozen=True)
class _Mixed:
    """An input `scale * source + offset`; object arrays of Fractions, one for each channel along `axis`."""

    source: SSAValue
    axis: int
    scale: Array
    offset: Array

    def holds(self, number: Fraction) -> bool:
        """Whether a border of this number is a code of every part."""
        maker = self.source.owner
        values = [self.source, *(maker.inputs if isinstance(maker, ConcatOp) else ())]
        bits = min(integer_format(element_type(value)).fraction_bits for value in values)
        return (number * Fraction(2) ** bits).denominator == 1

    def channels_by_scale(self) -> dict[tuple[Fraction, Fraction], list[int]]:
        """The channels of each scale and offset, in the order of the first of each."""
        found: dict[tuple[Fraction, Fraction], list[int]] = {}
        for index, key in enumerate(zip(self.scale, self.offset, strict=True)):
            found.setdefault(key, []).append(index)
        return found


class SplitMixedScales(RewritePattern):
    """conv(concat(a * s, b * t), w)   =>   (conv(a, v) * p + conv(b, u) * q) * g, integers p = s / g, q = t / g."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, MatMulOp | ConvOp | ConvTransposeOp):
            return
        mixed = _mixed(op)
        if mixed is None:
            return
        parts = mixed.channels_by_scale()
        if len(parts) < 2:
            return
        reason = _obstacle(op, mixed, parts)
        if reason:
            remark(op, f"not split by the scales of its input: {reason}")
            return
        unit = _common_divisor([scale for scale, _ in parts])
        ops = _sum_of_parts(op, mixed, parts, unit)
        ops += with_constant(MulOp, ops[-1].results[0], np.array(unit, dtype=object), op.result, op)
        if mixed.offset.any():
            ops += with_constant(AddOp, ops[-1].results[0], _offset_of_result(op, mixed.offset), op.result, op)
        replace(rewriter, op, ops)


def _mixed(op: Layer) -> _Mixed | None:
    """The input of a layer with constant integer weights, if it is scaled integers with offsets, channel by channel."""
    value, weights = op.operands
    if (isinstance(op, ConvOp) and op.channels_last) or not isinstance(weights.owner, ConstantOp):
        return None
    if not isinstance(element_type(value), RealType) or not is_integer_type(element_type(weights)):
        return None
    axis = op.channel_axis if isinstance(op, Convolution) else len(shape_of(value)) - 1
    if isinstance(op, MatMulOp) and len(shape_of(weights)) != 2:
        return None
    scale, offset = (np.full(shape_of(value)[axis], Fraction(number), dtype=object) for number in (1, 0))
    while isinstance(element_type(value), RealType):
        match = affine(value.owner)
        if match is None or not match.keeps_shape:
            return None
        numbers = match.at_full_rank
        if numbers.size != numbers.shape[axis]:
            return None
        if isinstance(match.op, MulOp):
            scale = scale * numbers.reshape(-1)
        else:
            offset = offset + scale * numbers.reshape(-1)
        value = match.x
    return _Mixed(value, axis, scale, offset) if is_integer_type(element_type(value)) else None


def _obstacle(op: Layer, mixed: _Mixed, parts: dict[tuple[Fraction, Fraction], list[int]]) -> str:
    """Why the layer is not split; nothing if it can be."""
    if len(parts) > MAX_PARTS:
        return f"it has {len(parts)} of them, more than {MAX_PARTS}"
    if not mixed.scale.all():
        return "one of them is 0"
    if isinstance(op, MatMulOp) and any(_is_torn(mixed.source.owner, channels) for channels in parts.values()):
        return "they differ within the channels of a flattened image"
    largest = max(abs(scale) for scale, _ in parts) / _common_divisor([scale for scale, _ in parts])
    if largest >= 1 << MAX_FACTOR_BITS:
        return f"their ratio takes numbers of more than {MAX_FACTOR_BITS} bits"
    if isinstance(op, ConvTransposeOp) and mixed.offset.any():
        return "there are offsets in front of a transposed convolution"
    if isinstance(op, ConvOp) and any(op.window.pads) and not all(map(mixed.holds, (-c / s for s, c in parts))):
        return "the border would be no code of a part"
    groups = op.groups if isinstance(op, Convolution) else 1
    for channels in parts.values():
        kept = np.isin(np.arange(len(mixed.scale)), channels).reshape(groups, -1)
        if not (kept == kept[0]).all():
            return "its groups mix them in different ways"
    return ""


def _is_torn(maker: object, elements: list[int]) -> bool:
    """Whether some elements of a vector are of an image, and no whole channels, rows or columns of it."""
    return _flattens(maker) and _slab(maker, elements) is None


def _flattens(maker: object) -> TypeGuard[ReshapeOp]:
    if not isinstance(maker, ReshapeOp) or sum(size > 1 for size in shape_of(maker.input)) < 2:
        return False
    return shape_of(maker.result)[-1] == prod(shape_of(maker.input))


def _slab(flatten: ReshapeOp, elements: list[int]) -> tuple[int, list[int]] | None:
    """(axis, indices) of what an image has at these places; None if no axis tells those elements from the others."""
    shape = shape_of(flatten.input)
    for axis, places in enumerate(np.unravel_index(elements, shape)):
        indices = sorted({*places.tolist()})
        if len(indices) < shape[axis] and len(indices) * (prod(shape) // shape[axis]) == len(elements):
            return axis, indices
    return None


def _sum_of_parts(
    op: Layer, mixed: _Mixed, parts: dict[tuple[Fraction, Fraction], list[int]], unit: Fraction
) -> list[Operation]:
    """The ops that give the result without offset, in multiples of `unit`."""
    ops, total = list[Operation](), None
    for (scale, offset), channels in parts.items():
        taken, x = _channels(mixed.source, mixed.axis, channels, op)
        ops += [*taken, *_layer(op, x, _order(mixed.source.owner, channels), -offset / scale)]
        ops += times_integer(ops[-1].results[0], int(scale / unit), op)
        part = ops[-1].results[0]
        if total is not None:
            ops.append(at(AddOp(total, part), op))
        total = ops[-1].results[0]
    return ops


def _common_divisor(numbers: Sequence[Fraction]) -> Fraction:
    """The greatest number of which all are multiples."""
    common = lcm(*(number.denominator for number in numbers))
    return Fraction(gcd(*(int(number * common) for number in numbers)), common)


def _channels(source: SSAValue, axis: int, channels: list[int], place: Operation) -> tuple[list[Operation], SSAValue]:
    """Some channels: whole operands of the concatenation that gives `source` where they are such, else gathered."""
    maker = source.owner
    if isinstance(maker, ConcatOp) and maker.axis == axis:
        ends = np.cumsum([shape_of(value)[axis] for value in maker.inputs]).tolist()
        pairs = zip(maker.inputs, [0, *ends[:-1]], ends, strict=True)
        whole = [(value, range(start, end)) for value, start, end in pairs if {*range(start, end)} <= {*channels}]
        if [index for _, indices in whole for index in indices] == channels:
            inputs = [value for value, _ in whole]
            if len(inputs) == 1:
                return [], inputs[0]
            joined = at(ConcatOp(inputs, axis), maker)
            return [joined], joined.result
    if isinstance(maker, TransposeOp):
        ops, part = _channels(maker.input, maker.permutation[axis], channels, place)
        return _behind(ops, TransposeOp(part, maker.permutation), maker)
    if _flattens(maker) and (slab := _slab(maker, channels)) is not None:
        (image, permutation), (dimension, indices) = _image(maker), slab
        ops, part = _channels(image, permutation[dimension], indices, place)
        return _behind(ops, ReshapeOp(part, (*shape_of(source)[:-1], len(channels))), maker)
    gathered = at(GatherOp(source, channels, axis), place)
    return [gathered], gathered.result


def _image(flatten: ReshapeOp) -> tuple[SSAValue, tuple[int, ...]]:
    """What is flattened, in front of a transposition, and that: the weights take the order of the image instead."""
    maker = flatten.input.owner
    if isinstance(maker, TransposeOp):
        return maker.input, maker.permutation
    return flatten.input, tuple(range(len(shape_of(flatten.input))))


def _order(maker: object, channels: list[int]) -> list[int]:
    """The channels as `_channels` gives them: those of a flattened image in the order of the image."""
    if not _flattens(maker) or (slab := _slab(maker, channels)) is None:
        return channels
    (_, permutation), (dimension, indices) = _image(maker), slab
    elements = np.arange(prod(shape_of(maker.input))).reshape(shape_of(maker.input))
    return elements.take(indices, dimension).transpose(np.argsort(permutation)).reshape(-1).tolist()


def _behind(ops: list[Operation], view: QOp, place: Operation) -> tuple[list[Operation], SSAValue]:
    return [*ops, at(view, place)], view.results[0]


def _layer(op: Layer, x: SSAValue, channels: list[int], border: Fraction) -> list[Operation]:
    """The layer for the channels `x` of its input, outside of which is `border`."""
    weights = op.operands[1].owner
    assert isinstance(weights, ConstantOp)
    groups = op.groups if isinstance(op, ConvOp) else 1
    picked = [index for index in channels if index < weights.value.array.shape[1]] if groups > 1 else channels
    axis = 1 if isinstance(op, ConvOp) else 0
    part = at(constant(weights.value.array.take(picked, axis), weights.value.type.element_type), weights)
    if not border or not isinstance(op, ConvOp):
        return [part, op.on([x, part.result])]
    bordered = padded(op, x, border)
    assert bordered is not None, "the border is a code"
    window, inner = op.window, bordered[-1].results[0] if bordered else x
    conv = ConvOp(inner, part.result, window.strides, (0,) * len(window.pads), window.dilations, op.groups)
    return [*bordered, part, at(conv, op)]


def _offset_of_result(op: Layer, offsets: Array) -> Array:
    weights = op.operands[1].owner
    assert isinstance(weights, ConstantOp)
    if isinstance(op, ConvOp):
        return offset_of_convolution(op, weights.value, offsets)
    return matmul_with(weights.value, offsets, left=True)


@dataclass(frozen=True)
class SplitMixedScalesPass(ModulePass):
    """Split convolutions and matrix products whose input has several scales."""

    name = "q-split-mixed-scales"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, SplitMixedScales(), *moves())
