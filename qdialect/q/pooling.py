# SPDX-License-Identifier: Apache-2.0
"""Windows that slide over the spatial axes: `q.max_pool`, `q.sum_pool`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import Array, RangeAttr
from ..formats import IntRange
from ..types import QTensor, element_type, integer_format, shape_of
from .base import AnyTensor, ArithmeticOp, QOp, tensor
from .inference import code_range
from .movement import integers
from .window import Window, arranged, channel_axis, spatial_axes


@dataclass(frozen=True)
class Taps:
    """Windows along one axis: window `o` holds the elements `o * stride + tap * dilation - begin`, tap < kernel."""

    size: int
    kernel: int
    stride: int
    begin: int
    end: int
    dilation: int

    @property
    def num_windows(self) -> int:
        """How many windows fit between the pads."""
        return (self.size + self.begin + self.end - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def outputs(self, tap: int) -> tuple[int, int]:
        """The windows `[first, last)` in which this tap meets an element inside the tensor."""
        offset = tap * self.dilation - self.begin
        first = max(0, -(offset // self.stride))
        last = min(self.num_windows, (self.size - 1 - offset) // self.stride + 1)
        return first, max(first, last)

    def elements(self, tap: int) -> slice:
        """The elements that this tap meets, one for each window of `outputs`."""
        first, last = self.outputs(tap)
        start = first * self.stride + tap * self.dilation - self.begin
        return slice(start, start + max(last - first - 1, 0) * self.stride + (last > first), self.stride)

    def counts(self) -> Array:
        """For each window the number of its elements that are inside the tensor."""
        counts = np.zeros(self.num_windows, np.int64)
        for tap in range(self.kernel):
            first, last = self.outputs(tap)
            counts[first:last] += 1
        return counts


class PoolOp(QOp, ABC):
    """A function of each window of the spatial axes: all but the first two (frame, channel).

    With `channels_last` all but the first and the last. `kernel`, `strides`, `dilations`: one number for each spatial
    axis; `pads`: begins, then ends.
    """

    input = operand_def(AnyTensor)
    kernel_attr = prop_def(DenseArrayBase.constr(i64), prop_name="kernel")
    strides_attr = prop_def(DenseArrayBase.constr(i64), prop_name="strides")
    pads_attr = prop_def(DenseArrayBase.constr(i64), prop_name="pads")
    dilations_attr = prop_def(DenseArrayBase.constr(i64), prop_name="dilations")
    channels_last_attr = opt_prop_def(UnitAttr, prop_name="channels_last")

    @property
    def channels_last(self) -> bool:
        """Whether input and result are [N, *spatial, C]."""
        return self.channels_last_attr is not None

    @property
    def channel_axis(self) -> int:
        return channel_axis(len(shape_of(self.input)), self.channels_last)

    @property
    def spatial_axes(self) -> range:
        return spatial_axes(len(shape_of(self.input)), self.channels_last)

    @property
    def spatial_sizes(self) -> tuple[int, ...]:
        """Sizes of the input along the spatial axes."""
        return tuple(shape_of(self.input)[axis] for axis in self.spatial_axes)

    @property
    def window(self) -> Window:
        attributes = (self.kernel_attr, self.strides_attr, self.pads_attr, self.dilations_attr)
        return Window(*(tuple(attribute.get_values()) for attribute in attributes))

    @property
    def taps(self) -> tuple[Taps, ...]:
        """The windows along each spatial axis."""
        return taps_of(self.window, self.spatial_sizes)

    def infer_shape(self) -> tuple[int, ...]:
        """Shape of the result; VerifyException if the windows do not fit."""
        shape, window = shape_of(self.input), self.window
        if len(shape) < 3 or len(shape) != window.rank + 2:
            raise self.fault(
                f"has a kernel of {window.rank} axes on an input of shape {list(shape)}; "
                "mend: give it one size for each axis but those of frames and channels"
            )
        window.check(self.name)
        positions = window.positions(self.name, self.spatial_sizes)
        return arranged(shape[0], shape[self.channel_axis], positions, self.channels_last)


def taps_of(window: Window, sizes: Sequence[int]) -> tuple[Taps, ...]:
    """The windows along each of the spatial axes of these sizes."""
    numbers = (sizes, window.kernel, window.strides, window.low, window.high, window.dilations)
    return tuple(Taps(*axis) for axis in zip(*numbers, strict=True))


def _properties(window: Window, channels_last: bool) -> dict[str, Attribute | None]:
    lists = {"kernel": window.kernel, "strides": window.strides, "pads": window.pads, "dilations": window.dilations}
    flag = {"channels_last": UnitAttr() if channels_last else None}
    return {**{name: integers(numbers) for name, numbers in lists.items()}, **flag}


@irdl_op_definition
class MaxPoolOp(PoolOp):
    """The largest element of each window; what lies outside the tensor does not count. The type stays.

    ```mlir
    %y = q.max_pool %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1]
        : tensor<1x8x4x4xf32> -> tensor<1x8x2x2xf32>
    ```
    """

    name = "q.max_pool"
    FOLLOWS_OPERANDS: ClassVar[bool] = True
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `kernel` $kernel `strides` $strides `pads` $pads `dilations` $dilations "
        "(`channels_last` $channels_last^)? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def __init__(self, input: SSAValue, window: Window, channels_last: bool = False):
        super().__init__(operands=[input], result_types=[input.type], properties=_properties(window, channels_last))
        self.take_inferred_types()

    def infer_shape(self) -> tuple[int, ...]:
        shape = super().infer_shape()
        if not all(taps.counts().all() for taps in self.taps):
            raise self.fault("has a window wholly outside its input; mend: pad less than the size of a window")
        return shape

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(element_type(self.input), self.infer_shape())]

    def verify_(self) -> None:
        self.verify_inferred_types()


@irdl_op_definition
class SumPoolOp(PoolOp, ArithmeticOp):
    """The exact sum of each window; what lies outside the tensor counts as 0.

    ```mlir
    %y = q.sum_pool %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1]
        : tensor<1x8x4x4x!q.ufixed<4, 0>> -> tensor<1x8x2x2x!q.ufixed<6, 0>>
    ```
    """

    name = "q.sum_pool"
    assembly_format = (
        "$input `kernel` $kernel `strides` $strides `pads` $pads `dilations` $dilations "
        "(`channels_last` $channels_last^)? (`range` $range^)? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        window: Window,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
        channels_last: bool = False,
    ):
        ArithmeticOp.__init__(self, [input], _properties(window, channels_last), result_type, range)

    def infer_range(self) -> tuple[IntRange, int]:
        counts = [taps.counts() for taps in self.taps]
        least, most = prod(int(count.min()) for count in counts), prod(int(count.max()) for count in counts)
        return sum_range(self.input, least, most), integer_format(element_type(self.input)).fraction_bits


def sum_range(value: SSAValue, least: int, most: int) -> IntRange:
    """Codes that a sum of `least` to `most` elements of a value can have."""
    codes = code_range(value)
    return IntRange(codes.lo * (most if codes.lo < 0 else least), codes.hi * (most if codes.hi > 0 else least))
