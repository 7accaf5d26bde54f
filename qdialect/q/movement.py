# SPDX-License-Identifier: Apache-2.0
"""Ops that select, join and repeat elements: `q.slice`, `q.gather`, `q.concat`, `q.pad`, `q.expand`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def

from ..attrs import Array
from ..types import element_type, shape_of
from .base import AnyTensor, MoveOp, QOp, tensor


def integers(values: Sequence[int]) -> Attribute:
    """A list of integers as an attribute."""
    return DenseArrayBase.from_list(i64, [int(value) for value in values])


@irdl_op_definition
class SliceOp(MoveOp):
    """A regular part of a tensor: element `k` along an axis is element `start + k * step` of the input, k < size.

    ```mlir
    %y = q.slice %x starts [0, 3] sizes [1, 2] steps [1, -2] : tensor<1x4xf32> -> tensor<1x2xf32>
    ```
    """

    name = "q.slice"
    input = operand_def(AnyTensor)
    starts_attr = prop_def(DenseArrayBase.constr(i64), prop_name="starts")
    sizes_attr = prop_def(DenseArrayBase.constr(i64), prop_name="sizes")
    steps_attr = prop_def(DenseArrayBase.constr(i64), prop_name="steps")
    assembly_format = (
        "$input `starts` $starts `sizes` $sizes `steps` $steps attr-dict `:` type($input) `->` type($result)"
    )

    def __init__(
        self, input: SSAValue, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int] | None = None
    ):
        steps = [1] * len(starts) if steps is None else steps
        properties = {"starts": integers(starts), "sizes": integers(sizes), "steps": integers(steps)}
        super().__init__([input], properties)

    @property
    def starts(self) -> tuple[int, ...]:
        return tuple(self.starts_attr.get_values())

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.sizes_attr.get_values())

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(self.steps_attr.get_values())

    def infer_shape(self) -> tuple[int, ...]:
        shape = shape_of(self.input)
        if not len(self.starts) == len(self.sizes) == len(self.steps) == len(shape):
            raise self.fault(f"needs one start, size and step for each of the {len(shape)} axes")
        for axis, (start, size, step) in enumerate(zip(self.starts, self.sizes, self.steps, strict=True)):
            last = start + (size - 1) * step
            if size < 1 or step == 0 or not 0 <= start < shape[axis] or not 0 <= last < shape[axis]:
                raise self.fault(
                    f"takes {size} elements from {start} by steps of {step} of axis {axis}, which has {shape[axis]}"
                )
        return self.sizes

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        (array,) = arrays
        return array[(slice(None),) * lead + tuple(map(_slice, self.starts, self.sizes, self.steps))]

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """All elements in their order are the tensor itself; a part of a constant is a constant."""
        whole = self.sizes == shape_of(self.input) and all(step > 0 for step in self.steps)
        return (self.input,) if whole else super().fold()


def _slice(start: int, size: int, step: int) -> slice:
    end = start + size * step
    return slice(start, end if end >= 0 else None, step)


@irdl_op_definition
class GatherOp(MoveOp):
    """Elements picked along `axis`: place `k` of the result holds place `indices[k]` of the input.

    ```mlir
    %y = q.gather %x indices [2, 0, 2] axis 1 : tensor<1x3xf32> -> tensor<1x3xf32>
    ```
    """

    name = "q.gather"
    input = operand_def(AnyTensor)
    indices_attr = prop_def(DenseArrayBase.constr(i64), prop_name="indices")
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    assembly_format = "$input `indices` $indices `axis` $axis attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, indices: Sequence[int] | Array, axis: int):
        super().__init__([input], {"indices": integers(list(indices)), "axis": IntegerAttr(axis, i64)})

    @property
    def indices(self) -> Array:
        return np.asarray(self.indices_attr.get_values(), np.int64)

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    def infer_shape(self) -> tuple[int, ...]:
        shape, indices = shape_of(self.input), self.indices
        if not 0 <= self.axis < len(shape):
            raise self.fault(f"has axis {self.axis}, but its input has {len(shape)} axes")
        count = shape[self.axis]
        if not indices.size or indices.min() < 0 or indices.max() >= count:
            raise self.fault(f"needs at least one index, and indices from 0 to {count - 1}")
        return (*shape[: self.axis], indices.size, *shape[self.axis + 1 :])

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        return np.take(arrays[0], self.indices, axis=self.axis + lead)


@irdl_op_definition
class ConcatOp(MoveOp):
    """Tensors joined along `axis`; of one element type, or of the narrowest that holds all of them.

    ```mlir
    %y = q.concat %a, %b axis 1 : tensor<1x2xf32>, tensor<1x3xf32> -> tensor<1x5xf32>
    ```
    """

    name = "q.concat"
    inputs = var_operand_def(AnyTensor)
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    assembly_format = "$inputs `axis` $axis attr-dict `:` type($inputs) `->` type($result)"

    def __init__(self, inputs: Sequence[SSAValue], axis: int):
        properties = {"axis": IntegerAttr(axis, i64)}
        QOp.__init__(self, operands=[list(inputs)], result_types=[inputs[0].type], properties=properties)
        self.take_inferred_types()

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    def infer_shape(self) -> tuple[int, ...]:
        shapes = [shape_of(value) for value in self.inputs]
        if not shapes:
            raise self.fault("needs at least one tensor")
        if not 0 <= self.axis < len(shapes[0]):
            raise self.fault(f"has axis {self.axis}, but its first input has {len(shapes[0])} axes")
        others = {(len(shape), shape[: self.axis], shape[self.axis + 1 :]) for shape in shapes}
        if len(others) != 1:
            listed = " and ".join(str(list(shape)) for shape in shapes)
            raise self.fault(f"along axis {self.axis} cannot join shapes {listed}")
        total = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        return np.concatenate(arrays, axis=self.axis + lead)

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """One tensor is itself; joined constants are a constant."""
        return (self.inputs[0],) if len(self.inputs) == 1 else super().fold()


@irdl_op_definition
class PadOp(MoveOp):
    """A border of one value: `low` elements in front and `high` behind along each axis.

    ```mlir
    %y = q.pad %x, %zero low [0, 1] high [0, 2] : tensor<1x4xf32>, tensor<f32> -> tensor<1x7xf32>
    ```
    """

    name = "q.pad"
    input = operand_def(AnyTensor)
    value = operand_def(AnyTensor)
    low_attr = prop_def(DenseArrayBase.constr(i64), prop_name="low")
    high_attr = prop_def(DenseArrayBase.constr(i64), prop_name="high")
    assembly_format = (
        "$input `,` $value `low` $low `high` $high attr-dict `:` type($input) `,` type($value) `->` type($result)"
    )

    def __init__(self, input: SSAValue, value: SSAValue, low: Sequence[int], high: Sequence[int]):
        super().__init__([input, value], {"low": integers(low), "high": integers(high)})

    @property
    def low(self) -> tuple[int, ...]:
        return tuple(self.low_attr.get_values())

    @property
    def high(self) -> tuple[int, ...]:
        return tuple(self.high_attr.get_values())

    def infer_shape(self) -> tuple[int, ...]:
        shape = shape_of(self.input)
        if shape_of(self.value):
            raise self.fault(f"needs one number as its value, got shape {list(shape_of(self.value))}")
        if not len(self.low) == len(self.high) == len(shape) or min((*self.low, *self.high), default=0) < 0:
            raise self.fault(f"needs one number of elements, at least 0, for both ends of the {len(shape)} axes")
        return tuple(low + size + high for low, size, high in zip(self.low, shape, self.high, strict=True))

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        array, value = arrays
        ends = list(zip(self.low, array.shape[lead:], self.high, strict=True))
        result = np.empty((*array.shape[:lead], *(low + size + high for low, size, high in ends)), array.dtype)
        result[...] = value.reshape(*value.shape[:lead], *(1,) * len(ends)) if lead else value
        inner = (slice(low, low + size) for low, size, _ in ends)
        result[(slice(None),) * lead + tuple(inner)] = array
        return result

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """No border is nothing; a padded constant is a constant."""
        return (self.input,) if self.input.type == self.result.type else super().fold()


@irdl_op_definition
class ExpandOp(MoveOp):
    """numpy's broadcast to the shape of the result.

    ```mlir
    %y = q.expand %x : tensor<3x1xf32> -> tensor<2x3x4xf32>
    ```
    """

    name = "q.expand"
    input = operand_def(AnyTensor)
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        QOp.__init__(self, operands=[input], result_types=[tensor(element_type(input), shape)])

    def infer_shape(self) -> tuple[int, ...]:
        """The shape is the user's choice: it stands in the result type alone."""
        before, after = shape_of(self.input), shape_of(self.result)
        kept = after[len(after) - len(before) :]
        if len(before) > len(after) or any(old not in (1, new) for old, new in zip(before, kept, strict=True)):
            raise self.fault(f"cannot broadcast {list(before)} to {list(after)}")
        return after

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        (array,), shape = arrays, shape_of(self.result)
        added = (1,) * (len(shape) - array.ndim + lead)
        array = array.reshape(*array.shape[:lead], *added, *array.shape[lead:])
        return np.broadcast_to(array, (*array.shape[:lead], *shape)).copy()  # ops may write into their operands

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """No change of shape is nothing; an expanded constant is a constant."""
        return (self.input,) if self.input.type == self.result.type else super().fold()
