# SPDX-License-Identifier: Apache-2.0
"""Turn an integer transposed convolution into dense convolutions that never meet a zero inserted by its stride.

Before:
    %y = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [0] dilations [1] groups 1
        : tensor<1x4x3x!q.fixed<4, 0>>, tensor<4x2x3x!q.fixed<2, 0>> -> tensor<1x2x7x!q.fixed<8, 0>>
After:
    %0 = q.conv %x, %taps_2_and_0 strides [1] pads [1, 1] ... -> tensor<1x2x4x!q.fixed<8, 0>>
    %1 = q.conv %x, %tap_1 strides [1] pads [0, 0] ... -> tensor<1x2x3x!q.fixed<8, 0>>
    %y = q.interleave %0, %1 axes [2] factors [2] : ... -> tensor<1x2x7x!q.fixed<8, 0>>

Exact: output o sums x[(o + pad - d * j) / s] * w[j] over the taps j for which that is a whole number, which depend on
the phase o % s alone (EcoFlow, 2022); each phase is a convolution with its taps in the opposite order.
Needs: constant weights, integers.   Keeps: the type and range of the sums, names, locations.
Leaves: real and float32 numbers.
Phases with the same windows become one convolution with the channels of all, and q.depth_to_space behind it. What of
the input no phase needs is cut off. A tap outside the image counts as in every convolution. Where no tap reaches the
image (a kernel shorter than its stride) the sum is that of one weight of 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.formats import IntRange
from ..qdialect.q import ConvOp, ConvTransposeOp, DepthToSpaceOp, InterleaveOp, SliceOp
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import BipolarType, SharedType, element_type, fixed_type, is_integer_type, shape_of
from .rewriting import at, constant, replace, rewrite


@dataclass(frozen=True)
class Windows:
    """What one phase of an axis reads: at position q the elements `first + q`, `first + q + step`, ... of the input.

    Attributes:
        taps: the taps of the kernel that they meet, in this order; at least one; behind the last is one of zeros.
    """

    taps: tuple[int, ...]
    first: int
    step: int
    positions: int

    def pads(self, size: int) -> tuple[int, int]:
        """Elements to add before and behind the `size` elements of the axis; negative: elements to cut off."""
        last = self.first + (len(self.taps) - 1) * self.step + self.positions - 1
        return -self.first, last - size + 1

    def same_place(self, other: Windows) -> bool:
        """Whether both read the same elements."""
        mine, its = ((self.first, self.step, len(self.taps), self.positions) for self in (self, other))
        return mine == its


def axis_windows(size: int, outputs: int, kernel: int, stride: int, dilation: int, pad: int) -> list[Windows]:
    """The windows of each phase of an axis of `size` elements, `outputs` of the result.

    `pad`: before the axis.
    """
    found: list[Windows] = []
    for phase in range(min(stride, outputs)):
        meeting = [(phase + pad - dilation * tap, tap) for tap in reversed(range(kernel))]
        inside = [(place // stride, tap) for place, tap in meeting if place % stride == 0]
        positions = len(range(phase, outputs, stride))
        if not inside or inside[0][0] >= size or inside[-1][0] + positions <= 0:
            inside = [(0, kernel)]  # no tap reaches the image
        first = inside[0][0]
        step = inside[1][0] - first if len(inside) > 1 else 1
        found.append(Windows(tuple(tap for _, tap in inside), first, step, positions))
    return found


def phases(op: ConvTransposeOp) -> list[list[Windows]]:
    """For each axis the windows of its phases."""
    window, sizes = op.window, shape_of(op.result)[2:]
    numbers = zip(op.spatial_sizes, sizes, window.kernel, window.strides, window.dilations, window.low, strict=True)
    return [axis_windows(*axis) for axis in numbers]


def phase_weights(weights: Array, groups: int, windows: tuple[Windows, ...]) -> Array:
    """Weights [C, M / groups, *K] of a transposed convolution as those [M, C / groups, *taps] of one of its phases."""
    taps = np.ix_(*(item.taps for item in windows))
    weights = np.pad(weights, [(0, 0)] * 2 + [(0, 1)] * len(windows))
    grouped = weights.reshape(groups, -1, *weights.shape[1:])[(slice(None),) * 3 + taps].swapaxes(1, 2)
    return np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))


class SplitConvTranspose(RewritePattern):
    """conv_transpose   =>   a convolution for each phase, interleaved."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConvTransposeOp, rewriter: PatternRewriter, /) -> None:
        weights = constant_of(op.weights)
        if weights is None or not all(is_integer_type(element_type(value)) for value in (*op.operands, op.result)):
            return
        axes = phases(op)
        same = op.groups == 1 and all(axis[0].same_place(item) for axis in axes for item in axis)
        ops = list((_stacked if same else _interleaved)(op, weights, axes))
        for item in ops[:-1]:
            item.results[0].name_hint = item.results[0].name_hint or op.result.name_hint
        replace(rewriter, op, [at(item, op) for item in ops])


def _stacked(op: ConvTransposeOp, weights: DenseAttr, axes: list[list[Windows]]) -> Iterator[Operation]:
    """One convolution with the channels of all phases, and each phase's to its pixels."""
    parts = [phase_weights(weights.array, 1, windows) for windows in product(*axes)]
    factors = [len(axis) for axis in axes]
    yield from (conv := list(_conv(op, np.concatenate(parts), tuple(axis[0] for axis in axes))))
    if prod(factors) > 1:
        yield DepthToSpaceOp(conv[-1].results[0], 1, op.spatial_axes, factors)


def _interleaved(op: ConvTransposeOp, weights: DenseAttr, axes: list[list[Windows]]) -> Iterator[Operation]:
    """A convolution for each phase."""
    results: list[SSAValue] = []
    for windows in product(*axes):
        yield from (conv := list(_conv(op, phase_weights(weights.array, op.groups, windows), windows)))
        results.append(conv[-1].results[0])
    if len(results) > 1:
        yield InterleaveOp(results, op.spatial_axes, [len(axis) for axis in axes])


def _conv(op: ConvTransposeOp, weights: Array, windows: tuple[Windows, ...]) -> Iterator[Operation]:
    """The convolution that gives these windows, of what it needs of the input."""
    source, known = op.input, constant_of(op.weights)
    assert known is not None, "the pattern asks for constant weights"
    pads = [item.pads(size) for item, size in zip(windows, op.spatial_sizes, strict=True)]
    if any(min(pair) < 0 for pair in pads):
        starts = [max(-low, 0) for low, _ in pads]
        sizes = [
            size - start + min(high, 0) for size, start, (_, high) in zip(op.spatial_sizes, starts, pads, strict=True)
        ]
        cut = SliceOp(source, [0, 0, *starts], [*shape_of(source)[:2], *sizes])
        yield cut
        source = cut.result
    factors = constant(weights, _holding_zero(known.type.element_type, windows, op.window.kernel))
    factors.result.name_hint = op.weights.name_hint
    yield factors
    shape = (shape_of(op.result)[0], len(weights), *(item.positions for item in windows))
    around = [max(low, 0) for low, _ in pads] + [max(high, 0) for _, high in pads]
    ones = [1] * len(windows)
    steps = [item.step for item in windows]
    result = tensor(element_type(op.result), shape)
    yield ConvOp(source, factors.result, ones, around, steps, op.groups, result, op.range)


def _holding_zero(type_: Attribute, windows: tuple[Windows, ...], kernel: tuple[int, ...]) -> Attribute:
    """The type of weights; one of signed integers in place of signs or shared values where a zero joins them."""
    if not any(tap == size for item, size in zip(windows, kernel, strict=True) for tap in item.taps):
        return type_
    value = type_.value_type if isinstance(type_, SharedType) else type_
    return fixed_type(IntRange(-1, 1), 0) if isinstance(value, BipolarType) else value


@dataclass(frozen=True)
class LowerConvTransposePass(ModulePass):
    """Turn integer transposed convolutions into convolutions whose results are interleaved."""

    name = "q-lower-conv-transpose"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, SplitConvTranspose())
