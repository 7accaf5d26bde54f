# SPDX-License-Identifier: Apache-2.0
"""`q.conv`, `q.conv_transpose`: windows of products summed exactly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array, DenseAttr, RangeAttr
from ..formats import IntRange
from ..types import QTensor, element_type, integer_format, shape_of
from .base import AnyTensor, ArithmeticOp
from .inference import code_range, constant_of, signed_sums, sums_range
from .window import Window, arranged, channel_axis, spatial_axes


def _integers(numbers: Sequence[int]) -> Attribute:
    return DenseArrayBase.from_list(i64, list(numbers))


class Convolution(ArithmeticOp):
    """What both convolutions share: `input` [N, C, *spatial], `weights` with two axes of channels and the kernel."""

    input = operand_def(AnyTensor)
    weights = operand_def(AnyTensor)
    strides_attr = prop_def(DenseArrayBase.constr(i64), prop_name="strides")
    pads_attr = prop_def(DenseArrayBase.constr(i64), prop_name="pads")
    dilations_attr = prop_def(DenseArrayBase.constr(i64), prop_name="dilations")
    groups_attr = prop_def(IntegerAttr.constr(i64), prop_name="groups")

    @property
    def groups(self) -> int:
        return self.groups_attr.value.data

    @property
    def channels_last(self) -> bool:
        """Whether input and result are [N, *spatial, C]."""
        return False

    @property
    def channel_axis(self) -> int:
        return channel_axis(len(shape_of(self.input)), self.channels_last)

    @property
    def spatial_axes(self) -> range:
        return spatial_axes(len(shape_of(self.input)), self.channels_last)

    @property
    def in_channels(self) -> int:
        return shape_of(self.input)[self.channel_axis]

    @property
    def spatial_sizes(self) -> tuple[int, ...]:
        """Sizes of the input along the spatial axes."""
        return tuple(shape_of(self.input)[axis] for axis in self.spatial_axes)

    @property
    def window(self) -> Window:
        attributes = (self.strides_attr, self.pads_attr, self.dilations_attr)
        strides, pads, dilations = (tuple(attribute.get_values()) for attribute in attributes)
        return Window(shape_of(self.weights)[2:], strides, pads, dilations)

    @property
    @abstractmethod
    def num_terms(self) -> int:
        """Products that one element of the result sums, at most."""

    @abstractmethod
    def weighted_range(self, weights: DenseAttr, x: IntRange) -> IntRange:
        """Codes of all partial sums for constant weights and inputs with codes in `x`."""

    def infer_range(self) -> tuple[IntRange, int]:
        """The hull of all partial sums: padding, and adding in any order, stay within it."""
        x, w = self.input, self.weights
        fraction_bits = sum(integer_format(element_type(value)).fraction_bits for value in (x, w))
        weights = constant_of(w)
        if weights is not None:
            return self.weighted_range(weights, code_range(x)), fraction_bits
        a, b = code_range(x), code_range(w)
        corners = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)
        return IntRange(min(0, self.num_terms * min(corners)), max(0, self.num_terms * max(corners))), fraction_bits

    def check_operands(self) -> None:
        """VerifyException unless ranks, groups and the window fit."""
        x, w = shape_of(self.input), shape_of(self.weights)
        if len(x) < 3 or len(x) != len(w):
            raise self.fault(
                f"needs an input [N, C, spatial...] and weights of as many axes, got {list(x)} and {list(w)}; "
                "mend: reshape them"
            )
        if self.groups < 1 or self.in_channels % self.groups or w[0] % self.groups:
            raise self.fault(
                f"cannot split an input of {self.in_channels} channels and weights of shape {list(w)} "
                f"into {self.groups} groups; mend: use a number of groups that divides both numbers of channels"
            )
        self.window.check(self.name)

    def wrong_channels(self, needed: int) -> VerifyException:
        w = shape_of(self.weights)
        return self.fault(
            f"cannot meet an input of {self.in_channels} channels with weights of shape {list(w)} "
            f"in {self.groups} groups; mend: give it an input of {needed} channels, or another number of groups"
        )


@irdl_op_definition
class ConvOp(Convolution):
    """Convolution (correlation) as ONNX's Conv: `y[m] = sum_c,k w[m, c, k] * x[c, s * position + d * k - pad]`.

    Input [N, C, *S], weights [M, C / groups, *K], result [N, M, *positions]; any number of spatial axes. With
    `channels_last` input and result are [N, *S, C] and [N, *positions, M]. What lies outside counts as 0. `pads` are
    before each axis, then behind each. There is no bias: add [1, M, 1, ...]. On integer types the accumulator (the
    result type) holds every partial sum, or every code of `range`, which must be proven.
    ```mlir
    %y = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1
        : tensor<1x3x8x8x!q.ufixed<8, 0>>, tensor<16x3x3x3x!q.fixed<2, 0>> -> tensor<1x16x6x6x!q.fixed<14, 0>>
    ```
    """

    name = "q.conv"
    channels_last_attr = opt_prop_def(UnitAttr, prop_name="channels_last")
    assembly_format = (
        "$input `,` $weights `strides` $strides `pads` $pads `dilations` $dilations `groups` $groups "
        "(`channels_last` $channels_last^)? (`range` $range^)? attr-dict "
        "`:` type($input) `,` type($weights) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        groups: int = 1,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
        channels_last: bool = False,
    ):
        properties = {
            "strides": _integers(strides),
            "pads": _integers(pads),
            "dilations": _integers(dilations),
            "groups": IntegerAttr(groups, i64),
            "channels_last": UnitAttr() if channels_last else None,
        }
        super().__init__([input, weights], properties, result_type, range)

    @property
    def channels_last(self) -> bool:
        return self.channels_last_attr is not None

    def infer_shape(self) -> tuple[int, ...]:
        self.check_operands()
        w = shape_of(self.weights)
        if self.in_channels != w[1] * self.groups:
            raise self.wrong_channels(w[1] * self.groups)
        positions = self.window.positions(self.name, self.spatial_sizes)
        return arranged(shape_of(self.input)[0], w[0], positions, self.channels_last)

    @property
    def num_terms(self) -> int:
        return prod(shape_of(self.weights)[1:])

    def weighted_range(self, weights: DenseAttr, x: IntRange) -> IntRange:
        return weights.fact((self.name, x), lambda: sums_range(*signed_sums(conv_rows(weights.array), 1), x))


@irdl_op_definition
class ConvTransposeOp(Convolution):
    """Transposed convolution as ONNX's ConvTranspose: `x[c, i] * w[c, m, k]` is added at `s * i + d * k - pad`.

    Input [N, C, *S], weights [C, M / groups, *K], result [N, M, *P] with
    `P = s * (S - 1) + d * (K - 1) + 1 - pads + output_padding`; what falls outside is dropped. On integer types the
    accumulator holds every partial sum, or every code of `range`, which must be proven.
    ```mlir
    %y = q.conv_transpose %x, %w strides [2, 2] pads [0, 0, 0, 0] output_padding [0, 0] dilations [1, 1] groups 1
        : tensor<1x4x8x8x!q.fixed<8, 0>>, tensor<4x2x2x2x!q.fixed<2, 0>> -> tensor<1x2x16x16x!q.fixed<11, 0>>
    ```
    """

    name = "q.conv_transpose"
    output_padding_attr = prop_def(DenseArrayBase.constr(i64), prop_name="output_padding")
    assembly_format = (
        "$input `,` $weights `strides` $strides `pads` $pads `output_padding` $output_padding `dilations` $dilations "
        "`groups` $groups (`range` $range^)? attr-dict `:` type($input) `,` type($weights) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        strides: Sequence[int],
        pads: Sequence[int],
        output_padding: Sequence[int],
        dilations: Sequence[int],
        groups: int = 1,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
    ):
        properties = {
            "strides": _integers(strides),
            "pads": _integers(pads),
            "output_padding": _integers(output_padding),
            "dilations": _integers(dilations),
            "groups": IntegerAttr(groups, i64),
        }
        super().__init__([input, weights], properties, result_type, range)

    @property
    def output_padding(self) -> tuple[int, ...]:
        return tuple(self.output_padding_attr.get_values())

    def infer_shape(self) -> tuple[int, ...]:
        self.check_operands()
        x, w, window, more = shape_of(self.input), shape_of(self.weights), self.window, self.output_padding
        if x[1] != w[0]:
            raise self.wrong_channels(w[0])
        if len(more) != window.rank or min(more) < 0:
            raise self.fault(f"has output_padding {list(more)}; mend: write {window.rank} numbers, each at least 0")
        full = [s * (size - 1) + e for s, size, e in zip(window.strides, x[2:], window.extents, strict=True)]
        cut = [low + high for low, high in zip(window.low, window.high, strict=True)]
        sizes = tuple(a - b + c for a, b, c in zip(full, cut, more, strict=True))
        if min(sizes) < 1:
            raise self.fault(f"leaves nothing: pads {list(window.pads)} of {full}; mend: use smaller pads")
        return (x[0], w[1] * self.groups, *sizes)

    @property
    def num_terms(self) -> int:
        window = self.window
        taps = [max(_phase_sizes(*axis)) for axis in zip(window.kernel, window.strides, window.dilations, strict=True)]
        return shape_of(self.weights)[0] // self.groups * prod(taps)

    def weighted_range(self, weights: DenseAttr, x: IntRange) -> IntRange:
        window, groups = self.window, self.groups

        def hull() -> IntRange:
            rows = conv_transpose_rows(weights.array, window, groups)
            ranges = [sums_range(*signed_sums(matrix, 1), x) for matrix in rows]
            return IntRange(min(range_.lo for range_ in ranges), max(range_.hi for range_ in ranges))

        return weights.fact((self.name, x, window, groups), hull)


def _phase_sizes(kernel: int, stride: int, dilation: int) -> list[int]:
    """How many taps of an axis meet in one output position, for each remainder of the position by the stride."""
    phases = [tap * dilation % stride for tap in range(kernel)]
    return [phases.count(phase) for phase in sorted(set(phases))]


def conv_rows(weights: Array) -> Array:
    """The weights of `q.conv` as a matrix: one row for each output channel, which one sum takes at most."""
    return weights.reshape(len(weights), -1)


def conv_transpose_rows(weights: Array, window: Window, groups: int) -> Iterator[Array]:
    """The weights of `q.conv_transpose` as matrices of rows; one sum takes one row at most.

    Taps whose distance is no multiple of the stride never meet in one sum: a matrix for each set of those that do.
    """
    array = weights.reshape(groups, -1, *weights.shape[1:])
    axes = list(zip(window.kernel, window.strides, window.dilations, strict=True))
    for phase in product(*(sorted({tap * d % s for tap in range(k)}) for k, s, d in axes)):
        taps = [[tap for tap in range(k) if tap * d % s == p] for (k, s, d), p in zip(axes, phase, strict=True)]
        meeting = array[(slice(None),) * 3 + np.ix_(*taps)].swapaxes(1, 2)
        yield meeting.reshape(groups * meeting.shape[1], -1)
