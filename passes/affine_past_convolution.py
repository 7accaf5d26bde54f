# SPDX-License-Identifier: Apache-2.0
"""Scales and offsets behind convolutions: patterns of q-move-affine-past-linear."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.q import AddOp, ConstantOp, Convolution, ConvOp, MulOp, PadOp
from ..qdialect.q.base import tensor
from ..qdialect.types import shape_of, unshared
from .affine_past_pools import constant_like
from .remarks import remark
from .rewriting import Affine, at, matmul_with, moving, replace, with_constant


class MoveScalePastConvolution(RewritePattern):
    """conv(x * s, w)   =>   conv(x, w) * s, and the same for scaled weights; s differs between groups, or outputs."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, Convolution) or op.channels_last:
            return
        for index, operand in enumerate(op.operands):
            match = moving(MulOp, operand)
            if match is None:
                continue
            scale = _scale_of_result(op, match, of_weights=index == 1)
            if scale is None:
                remark(op, "scale not moved behind the convolution: it differs between the elements summed")
                continue
            product = op.on([match.x, op.weights] if index == 0 else [op.input, match.x])
            replace(rewriter, op, [product, *with_constant(MulOp, product.result, scale, op.result, match.op)])
            return


def _scale_of_result(op: Convolution, match: Affine, of_weights: bool) -> Array | None:
    """The scale of one operand as it multiplies the result; None if it differs between the elements summed."""
    values, groups = match.at_full_rank, op.groups
    if any(size != 1 for size in values.shape[2:]):
        return None
    channels = _by_output(op, values) if of_weights else _by_group(values, groups)
    if channels is None:
        return None
    if not of_weights and channels.shape[1] > 1:
        channels = channels.repeat(shape_of(op.result)[1] // groups, axis=1)
    return channels.reshape(*channels.shape, *(1,) * op.window.rank)


def _by_group(values: Array, groups: int) -> Array | None:
    """Scales [N or 1, C or 1] of the input as [N or 1, groups or 1]."""
    frames, channels = values.shape[:2]
    if channels == 1:
        return values.reshape(frames, 1)
    split = values.reshape(frames, groups, channels // groups)
    return split[:, :, 0] if bool((split == split[:, :, :1]).all()) else None


def _by_output(op: Convolution, values: Array) -> Array | None:
    """Scales of the weights, which have two axes of channels, as [1, M or 1]."""
    first, second = values.shape[:2]
    if isinstance(op, ConvOp):
        return values.reshape(1, first) if second == 1 else None
    groups = op.groups if first > 1 else 1
    split = values.reshape(groups, first // groups, second)
    if not bool((split == split[:, :1]).all()):
        return None
    split = split[:, 0]
    whole = np.broadcast_to(split, (op.groups, second if second > 1 else shape_of(op.weights)[1]))
    return whole.reshape(1, -1) if split.size > 1 else split.reshape(1, 1)


class MoveOffsetPastConvolution(RewritePattern):
    """conv(x + c, w)   =>   conv(pad(x, -c), w) + c * sum(w) for constant w; outside x + c is 0."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, Convolution) or op.channels_last:
            return
        match = moving(AddOp, op.input)
        if match is None:
            return
        if not isinstance(op, ConvOp) or not isinstance(op.weights.owner, ConstantOp):
            remark(op, "offset not moved behind the convolution: transposed, or weights that are no plain constant")
            return
        bordered = _padded(op, match)
        if bordered is None:
            remark(op, "offset not moved behind the convolution: the border would be no code of the operand")
            return
        x = bordered[-1].results[0] if bordered else match.x
        window = op.window
        conv = ConvOp(x, op.weights, window.strides, (0,) * len(window.pads), window.dilations, op.groups)
        offsets = np.broadcast_to(match.at_full_rank.reshape(-1), shape_of(op.input)[1])
        offset = offset_of_convolution(op, op.weights.owner.value, offsets)
        moved = with_constant(AddOp, conv.result, offset, op.result, match.op)
        replace(rewriter, op, [*bordered, at(conv, op), *moved])


def _padded(op: ConvOp, match: Affine) -> list[Operation] | None:
    """The ops that give `match.x` the border that is 0 behind the offset; None if they cannot."""
    values = match.at_full_rank
    if any(size != 1 for size in (values.shape[0], *values.shape[2:])):
        return None
    if values.size > 1:
        return None if any(op.window.pads) else []
    return padded(op, match.x, -values.reshape(-1)[0])


def padded(op: ConvOp, x: SSAValue, number: Fraction) -> list[Operation] | None:
    """The ops that give `x` the border of `op`, of `number` instead of 0; None if that is no code of `x`."""
    window = op.window
    if not any(window.pads):
        return []
    border = constant_like(x, number)
    if border is None:
        return None
    return [border, at(PadOp(x, border.result, (0, 0, *window.low), (0, 0, *window.high)), op)]


def offset_of_convolution(op: ConvOp, weights: DenseAttr, offsets: Array) -> Array:
    """`sum over c, k of w[m, c, k] * offsets[c]` as [M, 1, ...]."""
    groups, taps = op.groups, op.window.num_taps
    codes = weights.array.reshape(groups, len(weights.array) // groups, -1)
    matrices = DenseAttr(codes, tensor(unshared(weights.type.element_type), codes.shape))
    repeated = offsets.repeat(taps).reshape(groups, -1, 1)
    return matmul_with(matrices, repeated, left=False).reshape(-1, *(1,) * op.window.rank)
