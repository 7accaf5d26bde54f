# SPDX-License-Identifier: Apache-2.0
"""Ops that pick the largest elements: `q.arg_max`, `q.top_k`. Ties take the lowest index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..formats import IntRange
from ..types import QTensor, element_type, fixed_type, shape_of
from .base import AnyTensor, IntegerTensor, QOp, tensor


def index_type(count: int) -> Attribute:
    """Type of an index below `count`."""
    return fixed_type(IntRange(0, max(count - 1, 0)))


@irdl_op_definition
class ArgMaxOp(QOp):
    """Index of the largest element along `axis`; ties take the lowest index. `keep_dims` keeps the axis with size 1.

    ```mlir
    %i = q.arg_max %x axis 1 : tensor<1x10xf32> -> tensor<1x!q.ufixed<4, 0>>
    ```
    """

    name = "q.arg_max"
    input = operand_def(AnyTensor)
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    keep_dims_attr = opt_prop_def(UnitAttr, prop_name="keep_dims")
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = "$input `axis` $axis (`keep_dims` $keep_dims^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, axis: int, keep_dims: bool = False):
        shape = shape_of(input)
        axis %= len(shape)
        result_type = tensor(index_type(shape[axis]), _reduced(shape, axis, keep_dims))
        super().__init__(
            operands=[input],
            result_types=[result_type],
            properties={"axis": IntegerAttr(axis, i64), "keep_dims": UnitAttr() if keep_dims else None},
        )

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    @property
    def keep_dims(self) -> bool:
        return self.keep_dims_attr is not None

    def verify_(self) -> None:
        shape = shape_of(self.input)
        if not 0 <= self.axis < len(shape):
            raise self.fault(f"has axis {self.axis}, but its input has {len(shape)} axes")
        self.verify_inferred_types()

    def infer_types(self) -> Sequence[QTensor]:
        shape = shape_of(self.input)
        return [tensor(index_type(shape[self.axis]), _reduced(shape, self.axis, self.keep_dims))]


def _reduced(shape: tuple[int, ...], axis: int, keep_dims: bool) -> tuple[int, ...]:
    return (*shape[:axis], *((1,) if keep_dims else ()), *shape[axis + 1 :])


@irdl_op_definition
class TopKOp(QOp):
    """The `k` largest (or `smallest`) elements along `axis`, in order, and their indices; ties take the lowest index.

    ```mlir
    %v, %i = q.top_k %x k 3 axis 1 : tensor<1x10xf32> -> tensor<1x3xf32>, tensor<1x3x!q.ufixed<4, 0>>
    ```
    """

    name = "q.top_k"
    FOLLOWS_OPERANDS: ClassVar[bool] = True
    input = operand_def(AnyTensor)
    k_attr = prop_def(IntegerAttr.constr(i64), prop_name="k")
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    smallest_attr = opt_prop_def(UnitAttr, prop_name="smallest")
    values = result_def(AnyTensor)
    indices = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `k` $k `axis` $axis (`smallest` $smallest^)? attr-dict "
        "`:` type($input) `->` type($values) `,` type($indices)"
    )

    def __init__(self, input: SSAValue, k: int, axis: int, largest: bool = True):
        shape = shape_of(input)
        axis %= len(shape)
        super().__init__(
            operands=[input],
            result_types=list(_top_k_types(input, k, axis)),
            properties={
                "k": IntegerAttr(k, i64),
                "axis": IntegerAttr(axis, i64),
                "smallest": None if largest else UnitAttr(),
            },
        )

    @property
    def k(self) -> int:
        return self.k_attr.value.data

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    @property
    def largest(self) -> bool:
        return self.smallest_attr is None

    def verify_(self) -> None:
        shape = shape_of(self.input)
        if not 0 <= self.axis < len(shape):
            raise self.fault(f"has axis {self.axis}, but its input has {len(shape)} axes")
        if not 1 <= self.k <= shape[self.axis]:
            raise self.fault(f"has k = {self.k}, but axis {self.axis} has {shape[self.axis]} elements")
        self.verify_inferred_types()

    def infer_types(self) -> Sequence[QTensor]:
        return _top_k_types(self.input, self.k, self.axis)


def _top_k_types(input: SSAValue, k: int, axis: int) -> tuple[QTensor, QTensor]:
    shape = list(shape_of(input))
    count, shape[axis] = shape[axis], k
    return tensor(element_type(input), shape), tensor(index_type(count), shape)
