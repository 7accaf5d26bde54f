# SPDX-License-Identifier: Apache-2.0
"""Elementwise arithmetic with numpy broadcasting: `q.add`, `q.sub`, `q.mul`, `q.div`, `q.relu`, `q.max`, ..."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from fractions import Fraction

from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def

from ..attrs import RangeAttr
from ..formats import IntRange
from ..types import (
    FloatType,
    QTensor,
    RealType,
    element_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
from .base import AnyTensor, ArithmeticOp, broadcast_shape
from .inference import aligned_ranges, constant_of, elementwise_range, prelu_range, relu_range


class BinaryOp(ArithmeticOp, ABC):
    """`lhs OP rhs` elementwise, with numpy's broadcasting."""

    lhs = operand_def(AnyTensor)
    rhs = operand_def(AnyTensor)
    assembly_format = "$lhs `,` $rhs (`range` $range^)? attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None
    ):
        super().__init__([lhs, rhs], None, result_type, range)

    def infer_shape(self) -> tuple[int, ...]:
        return broadcast_shape(self.name, self.lhs, self.rhs)

    def infer_range(self) -> tuple[IntRange, int]:
        return elementwise_range(self.name, self.lhs, self.rhs)


@irdl_op_definition
class AddOp(BinaryOp, HasFolderInterface):
    """Sum of two tensors, elementwise.

    ```mlir
    %y = q.add %a, %b : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.fixed<9, 4>>
    ```
    """

    name = "q.add"

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """x + 0 is x, where the types agree."""
        return _without_neutral(self, 0)


def _without_neutral(op: BinaryOp, neutral: int) -> Sequence[SSAValue] | None:
    for kept, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        constant, type_ = constant_of(other), element_type(other)
        if constant is None or kept.type != op.result.type or isinstance(type_, FloatType):
            continue
        fraction_bits = integer_format(type_).fraction_bits if is_integer_type(type_) else 0
        code = neutral << fraction_bits if fraction_bits >= 0 else neutral * Fraction(1, 1 << -fraction_bits)
        if not is_f32(type_) and (constant.array == code).all():
            return (kept,)
    return None


@irdl_op_definition
class SubOp(BinaryOp):
    """Difference of two tensors, elementwise.

    ```mlir
    %y = q.sub %a, %b : tensor<4x!q.ufixed<8, 0>>, tensor<!q.ufixed<8, 0>> -> tensor<4x!q.fixed<9, 0>>
    ```
    """

    name = "q.sub"


@irdl_op_definition
class MulOp(BinaryOp, HasFolderInterface):
    """Product of two tensors, elementwise; fraction bits add.

    ```mlir
    %y = q.mul %a, %s : tensor<4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<4x!q.real>
    ```
    """

    name = "q.mul"

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """x * 1 is x, where the types agree."""
        return _without_neutral(self, 1)


@irdl_op_definition
class DivOp(BinaryOp):
    """Quotient of two tensors, elementwise: real unless f32. The divisor is a constant without zero, or f32.

    ```mlir
    %y = q.div %a, %s : tensor<4x!q.real>, tensor<!q.real> -> tensor<4x!q.real>
    ```
    """

    name = "q.div"

    def _real_or_f32(self) -> Attribute:
        return super()._real_or_f32() or RealType()

    def verify_(self) -> None:
        super().verify_()
        if is_f32(element_type(self.result)):
            return
        divisor = constant_of(self.rhs)
        if divisor is None:
            raise self.fault("of exact numbers needs a constant divisor; mend: keep this division in f32")
        if not divisor.array.all():
            raise self.fault("by a constant that holds zero; mend: remove the zero")


@irdl_op_definition
class ReluOp(ArithmeticOp):
    """Rectified linear unit, elementwise: `max(x, 0)`. Result type equals operand type, or its unsigned half; exact.

    ```mlir
    %y = q.relu %x : tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 4>>
    ```
    """

    name = "q.relu"
    input = operand_def(AnyTensor)
    assembly_format = "$input (`range` $range^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None):
        super().__init__([input], None, result_type, range)

    def infer_shape(self) -> tuple[int, ...]:
        return shape_of(self.input)

    def infer_range(self) -> tuple[IntRange, int]:
        return relu_range(self.input), integer_format(element_type(self.input)).fraction_bits


@irdl_op_definition
class ClipOp(ArithmeticOp):
    """`min(max(x, minimum), maximum)`, elementwise; the bounds broadcast to the shape of x. Exact.

    ```mlir
    %y = q.clip %x, %lo, %hi : tensor<4x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<4x!q.real>
    ```
    """

    name = "q.clip"
    input = operand_def(AnyTensor)
    minimum = operand_def(AnyTensor)
    maximum = operand_def(AnyTensor)
    assembly_format = (
        "$input `,` $minimum `,` $maximum (`range` $range^)? attr-dict "
        "`:` type($input) `,` type($minimum) `,` type($maximum) `->` type($result)"
    )

    def __init__(self, input: SSAValue, minimum: SSAValue, maximum: SSAValue, result_type: QTensor | None = None):
        super().__init__([input, minimum, maximum], None, result_type)

    def infer_shape(self) -> tuple[int, ...]:
        shape = shape_of(self.input)
        if broadcast_shape(self.name, *self.operands) != shape:
            raise self.fault(f"keeps shape {list(shape)}; mend: give it bounds that broadcast to that")
        return shape

    def infer_range(self) -> tuple[IntRange, int]:
        (x, low, high), fraction_bits = aligned_ranges(self.operands)
        return IntRange(min(max(x.lo, low.lo), high.lo), min(max(x.hi, low.hi), high.hi)), fraction_bits


@irdl_op_definition
class MaxOp(BinaryOp):
    """The larger of two numbers, elementwise; NaN if one is NaN (f32). Exact.

    ```mlir
    %y = q.max %a, %b : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.ufixed<7, 0>>
    ```
    """

    name = "q.max"

    def infer_range(self) -> tuple[IntRange, int]:
        (a, b), fraction_bits = aligned_ranges(self.operands)
        return IntRange(max(a.lo, b.lo), max(a.hi, b.hi)), fraction_bits


@irdl_op_definition
class MinOp(BinaryOp):
    """The smaller of two numbers, elementwise; NaN if one is NaN (f32). Exact.

    ```mlir
    %y = q.min %a, %b : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.fixed<8, 0>>
    ```
    """

    name = "q.min"

    def infer_range(self) -> tuple[IntRange, int]:
        (a, b), fraction_bits = aligned_ranges(self.operands)
        return IntRange(min(a.lo, b.lo), min(a.hi, b.hi)), fraction_bits


@irdl_op_definition
class PReluOp(ArithmeticOp):
    """Leaky rectified linear unit: `max(x, 0) + slope * min(x, 0)`, elementwise; the slope broadcasts. Exact.

    ```mlir
    %y = q.prelu %x, %s : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<1, 3>> -> tensor<4x!q.fixed<11, 3>>
    ```
    """

    name = "q.prelu"
    input = operand_def(AnyTensor)
    slope = operand_def(AnyTensor)
    assembly_format = (
        "$input `,` $slope (`range` $range^)? attr-dict `:` type($input) `,` type($slope) `->` type($result)"
    )

    def __init__(
        self, input: SSAValue, slope: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None
    ):
        super().__init__([input, slope], None, result_type, range)

    def infer_shape(self) -> tuple[int, ...]:
        shape = shape_of(self.input)
        if broadcast_shape(self.name, self.input, self.slope) != shape:
            raise self.fault(f"keeps shape {list(shape)}; mend: give it slopes that broadcast to that")
        return shape

    def infer_range(self) -> tuple[IntRange, int]:
        return prelu_range(self.input, self.slope)
