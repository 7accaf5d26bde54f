# SPDX-License-Identifier: Apache-2.0
"""Ops that spread images over a finer grid of pixels: `q.interleave`, `q.depth_to_space`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def

from ..attrs import Array
from ..types import shape_of
from .base import AnyTensor, MoveOp, QOp
from .movement import integers


class GridOp(MoveOp):
    """What both ops share: `axes` become `factors` times as fine; a phase is a place within the finer grid."""

    axes_attr = prop_def(DenseArrayBase.constr(i64), prop_name="axes")
    factors_attr = prop_def(DenseArrayBase.constr(i64), prop_name="factors")

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(self.axes_attr.get_values())

    @property
    def factors(self) -> tuple[int, ...]:
        """One for each of `axes`."""
        return tuple(self.factors_attr.get_values())

    def check_axes(self, rank: int, *more: int) -> None:
        """VerifyException unless there is a factor for each axis; `more`: axes of another role."""
        axes = (*self.axes, *more)
        distinct = len({*axes}) == len(axes) and all(0 <= axis < rank for axis in axes)
        if not self.axes or len(self.axes) != len(self.factors) or min(self.factors) < 1 or not distinct:
            raise self.fault(
                f"has axes {list(axes)} and factors {list(self.factors)} for {rank} axes; "
                f"mend: name different axes below {rank}, and for each a factor of at least 1"
            )


@irdl_op_definition
class InterleaveOp(GridOp):
    """Tensors merged along axes in turns: along an axis with factor `f`, element `i` comes from those of phase `i % f`.

    There is an operand for each combination of phases, the last axis fastest. Along an axis, those of the first phases
    may have one element more.
    ```mlir
    %y = q.interleave %a, %b axes [2] factors [2] : tensor<1x4x3xf32>, tensor<1x4x2xf32> -> tensor<1x4x5xf32>
    ```
    """

    name = "q.interleave"
    inputs = var_operand_def(AnyTensor)
    assembly_format = "$inputs `axes` $axes `factors` $factors attr-dict `:` type($inputs) `->` type($result)"

    def __init__(self, inputs: Sequence[SSAValue], axes: Sequence[int], factors: Sequence[int]):
        properties = {"axes": integers(axes), "factors": integers(factors)}
        QOp.__init__(self, operands=[list(inputs)], result_types=[inputs[0].type], properties=properties)
        self.take_inferred_types()

    def infer_shape(self) -> tuple[int, ...]:
        shapes = [shape_of(value) for value in self.inputs]
        self.check_axes(len(shapes[0]) if shapes else 0)
        if len(shapes) != prod(self.factors):
            raise self.fault(f"merges {len(shapes)} tensors by factors {list(self.factors)}; mend: give one a phase")
        result = list(shapes[0])
        for axis, stride in zip(self.axes, self.factors, strict=True):
            step = prod(self.factors[self.axes.index(axis) + 1 :])  # operands from one phase to the next
            result[axis] = sum(shape[axis] for shape in shapes[: step * stride : step] if len(shape) == len(result))
        for phase, shape in zip(self._phases(), shapes, strict=True):
            part = list(result)
            for axis, start, stride in zip(self.axes, phase, self.factors, strict=True):
                part[axis] = len(range(start, result[axis], stride))
            if list(shape) != part:
                raise self.fault(f"needs shape {part} of the tensor of phase {list(phase)}, got {list(shape)}")
        return tuple(result)

    def _phases(self) -> list[tuple[int, ...]]:
        """The phases of each operand."""
        return list(product(*map(range, self.factors)))

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        result = np.empty((*arrays[0].shape[:lead], *self.infer_shape()), np.result_type(*arrays))
        for phase, array in zip(self._phases(), arrays, strict=True):
            places = [slice(None)] * result.ndim
            for axis, start, stride in zip(self.axes, phase, self.factors, strict=True):
                places[lead + axis] = slice(start, None, stride)
            result[tuple(places)] = array
        return result


@irdl_op_definition
class DepthToSpaceOp(GridOp):
    """Channels spread over pixels (pixel shuffle): those of a pixel become `factors` pixels, row by row.

    Channels are along `axis`, and count the phases first (ONNX's mode DCR): with factors [2, 2], a quarter of them is
    the top left pixel.
    ```mlir
    %y = q.depth_to_space %x axis 1 axes [2, 3] factors [2, 2] : tensor<1x12x4x4xf32> -> tensor<1x3x8x8xf32>
    ```
    """

    name = "q.depth_to_space"
    input = operand_def(AnyTensor)
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    assembly_format = (
        "$input `axis` $axis `axes` $axes `factors` $factors attr-dict `:` type($input) `->` type($result)"
    )

    def __init__(self, input: SSAValue, axis: int, axes: Sequence[int], factors: Sequence[int]):
        properties = {"axis": IntegerAttr(axis, i64), "axes": integers(axes), "factors": integers(factors)}
        super().__init__([input], properties)

    @property
    def axis(self) -> int:
        """The axis of channels."""
        return self.axis_attr.value.data

    def infer_shape(self) -> tuple[int, ...]:
        shape, phases = list(shape_of(self.input)), prod(self.factors)
        self.check_axes(len(shape), self.axis)
        if shape[self.axis] % phases:
            raise self.fault(f"cannot make {phases} pixels of {shape[self.axis]} channels; mend: use other factors")
        shape[self.axis] //= phases
        for axis, stride in zip(self.axes, self.factors, strict=True):
            shape[axis] *= stride
        return tuple(shape)

    @property
    def split(self) -> tuple[int, ...]:
        """Shape of the input with its phases as axes in front of the channels."""
        shape = shape_of(self.input)
        return (*shape[: self.axis], *self.factors, shape[self.axis] // prod(self.factors), *shape[self.axis + 1 :])

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of `split` with each phase behind the axis that it makes finer."""
        order = list[int]()
        for axis in range(len(shape_of(self.input))):
            order.append(axis if axis < self.axis else axis + len(self.factors))
            if axis in self.axes:
                order.append(self.axis + self.axes.index(axis))
        return tuple(order)

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        (array,), frames = arrays, arrays[0].shape[:lead]
        order = (*range(lead), *(axis + lead for axis in self.order))
        return array.reshape(*frames, *self.split).transpose(order).reshape(*frames, *self.infer_shape())
