# SPDX-License-Identifier: Apache-2.0
"""Sums and extremes along whole axes: `q.reduce_sum`, `q.reduce_max`, `q.reduce_min`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..formats import IntRange
from ..types import QTensor, element_type, integer_format, shape_of
from .base import AnyTensor, ArithmeticOp, QOp, tensor
from .movement import integers
from .pooling import sum_range


class ReduceOp(QOp, ABC):
    """A function of all elements along `axes`, which go, or stay with size 1 (`keep_dims`)."""

    input = operand_def(AnyTensor)
    axes_attr = prop_def(DenseArrayBase.constr(i64), prop_name="axes")
    keep_dims_attr = opt_prop_def(UnitAttr, prop_name="keep_dims")

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(self.axes_attr.get_values())

    @property
    def keep_dims(self) -> bool:
        return self.keep_dims_attr is not None

    @property
    def count(self) -> int:
        """Number of elements that make one of the result."""
        return prod(shape_of(self.input)[axis] for axis in self.axes)

    def infer_shape(self) -> tuple[int, ...]:
        """Shape of the result; VerifyException if there are no such axes."""
        shape, axes = shape_of(self.input), self.axes
        if list(axes) != sorted(set(axes)) or any(not 0 <= axis < len(shape) for axis in axes):
            raise self.fault(f"needs different axes of its {len(shape)}, in order, got {list(axes)}")
        kept = [1 if axis in axes else size for axis, size in enumerate(shape)]
        return tuple(size for axis, size in enumerate(kept) if self.keep_dims or axis not in axes)


def _properties(axes: Sequence[int], keep_dims: bool) -> dict[str, Attribute | None]:
    return {"axes": integers(sorted(axes)), "keep_dims": UnitAttr() if keep_dims else None}


@irdl_op_definition
class ReduceSumOp(ReduceOp, ArithmeticOp):
    """The exact sum along `axes`.

    ```mlir
    %y = q.reduce_sum %x axes [2, 3] keep_dims
        : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<1x8x1x1x!q.fixed<8, 0>>
    ```
    """

    name = "q.reduce_sum"
    assembly_format = (
        "$input `axes` $axes (`keep_dims` $keep_dims^)? (`range` $range^)? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        axes: Sequence[int],
        keep_dims: bool = False,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
    ):
        ArithmeticOp.__init__(self, [input], _properties(axes, keep_dims), result_type, range)

    def infer_range(self) -> tuple[IntRange, int]:
        return sum_range(self.input, self.count, self.count), integer_format(element_type(self.input)).fraction_bits


class ReduceExtremeOp(ReduceOp, ABC):
    """One of the elements along `axes`; the type stays."""

    FOLLOWS_OPERANDS: ClassVar[bool] = True
    result = result_def(AnyTensor)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, axes: Sequence[int], keep_dims: bool = False):
        super().__init__(operands=[input], result_types=[input.type], properties=_properties(axes, keep_dims))
        self.take_inferred_types()

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(element_type(self.input), self.infer_shape())]

    def verify_(self) -> None:
        self.verify_inferred_types()


@irdl_op_definition
class ReduceMaxOp(ReduceExtremeOp):
    """The largest element along `axes`. The type stays.

    ```mlir
    %y = q.reduce_max %x axes [1] : tensor<1x8xf32> -> tensor<1xf32>
    ```
    """

    name = "q.reduce_max"
    assembly_format = "$input `axes` $axes (`keep_dims` $keep_dims^)? attr-dict `:` type($input) `->` type($result)"


@irdl_op_definition
class ReduceMinOp(ReduceExtremeOp):
    """The smallest element along `axes`. The type stays.

    ```mlir
    %y = q.reduce_min %x axes [1] : tensor<1x8xf32> -> tensor<1xf32>
    ```
    """

    name = "q.reduce_min"
    assembly_format = "$input `axes` $axes (`keep_dims` $keep_dims^)? attr-dict `:` type($input) `->` type($result)"
