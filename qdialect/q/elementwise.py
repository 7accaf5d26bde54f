# SPDX-License-Identifier: Apache-2.0
"""Elementwise arithmetic with numpy broadcasting: `q.add`, `q.sub`, `q.mul`, `q.div`, `q.relu`, `q.clip`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from fractions import Fraction

from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..types import (
    FixedType,
    FloatType,
    QTensor,
    RealType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
from .base import AnyTensor, QOp, broadcast_shape, tensor
from .inference import constant_of, elementwise_element_type, elementwise_range, relu_range, verify_holds


class BinaryOp(QOp, ABC):
    """`lhs OP rhs` elementwise. Exact: the result type holds every value.

    Integer types give the fixed type that holds all results (or all codes of `range`, a proof); with a `!q.real` or
    custom float operand the result is real; else, with an f32 operand, the op is float32 arithmetic.
    """

    lhs = operand_def(AnyTensor)
    rhs = operand_def(AnyTensor)
    result = result_def(AnyTensor)
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs (`range` $range^)? attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None
    ):
        if result_type is None:
            type_ = elementwise_element_type(self.name, lhs, rhs)
            result_type = tensor(type_, broadcast_shape(self.name, lhs, rhs))
        super().__init__(operands=[lhs, rhs], result_types=[result_type], properties={"range": range})

    def verify_(self) -> None:
        shape = broadcast_shape(self.name, self.lhs, self.rhs)
        if shape_of(self.result) != shape:
            raise self.fault(f"gives shape {list(shape)}, not {list(shape_of(self.result))}")
        expected, actual = elementwise_element_type(self.name, self.lhs, self.rhs), element_type(self.result)
        if is_integer_type(expected):
            needed, fraction_bits = elementwise_range(self.name, self.lhs, self.rhs)
            verify_holds(self.name, actual, needed, fraction_bits, self.range)
        elif expected != actual:
            raise self.fault(f"of {element_type(self.lhs)} and {element_type(self.rhs)} gives {expected}, not {actual}")


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
class ReluOp(QOp):
    """Rectified linear unit, elementwise: `max(x, 0)`. Result type equals operand type, or its unsigned half; exact.

    ```mlir
    %y = q.relu %x : tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 4>>
    ```
    """

    name = "q.relu"
    input = operand_def(AnyTensor)
    result = result_def(AnyTensor)
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())
    assembly_format = "$input (`range` $range^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None):
        if result_type is None:
            type_ = element_type(input)
            if is_integer_type(type_):
                type_ = fixed_type(relu_range(input), integer_format(type_).fraction_bits)
            result_type = tensor(_real_if_float(type_), shape_of(input))
        super().__init__(operands=[input], result_types=[result_type], properties={"range": range})

    def verify_(self) -> None:
        if shape_of(self.input) != shape_of(self.result):
            raise self.fault(f"keeps shape {list(shape_of(self.input))}, not {list(shape_of(self.result))}")
        type_ = element_type(self.input)
        if is_integer_type(type_):
            fraction_bits = integer_format(type_).fraction_bits
            verify_holds(self.name, element_type(self.result), relu_range(self.input), fraction_bits, self.range)
        elif element_type(self.result) != _real_if_float(type_):
            raise self.fault(f"of {type_} gives {_real_if_float(type_)}, not {element_type(self.result)}")


def _real_if_float(type_: Attribute) -> Attribute:
    """f32, real and fixed types stay; the values of a custom float go on as exact reals."""
    return type_ if isinstance(type_, FixedType | RealType) or is_f32(type_) or is_integer_type(type_) else RealType()


@irdl_op_definition
class ClipOp(QOp):
    """`min(max(x, minimum), maximum)`, elementwise, on f32 or real numbers; the bounds broadcast. Exact.

    ```mlir
    %y = q.clip %x, %lo, %hi : tensor<4x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<4x!q.real>
    ```
    """

    name = "q.clip"
    input = operand_def(AnyTensor)
    minimum = operand_def(AnyTensor)
    maximum = operand_def(AnyTensor)
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $minimum `,` $maximum attr-dict "
        "`:` type($input) `,` type($minimum) `,` type($maximum) `->` type($result)"
    )

    def __init__(self, input: SSAValue, minimum: SSAValue, maximum: SSAValue, result_type: QTensor | None = None):
        if result_type is None:
            result_type = tensor(_clip_type(input, minimum, maximum), shape_of(input))
        super().__init__(operands=[input, minimum, maximum], result_types=[result_type])

    def verify_(self) -> None:
        shape = broadcast_shape(self.name, self.input, self.minimum, self.maximum)
        if not shape == shape_of(self.input) == shape_of(self.result):
            raise self.fault(f"keeps shape {list(shape_of(self.input))}, not {list(shape_of(self.result))}")
        expected = _clip_type(self.input, self.minimum, self.maximum)
        if element_type(self.result) != expected:
            raise self.fault(f"gives {expected} here, not {element_type(self.result)}")


def _clip_type(*values: SSAValue) -> Attribute:
    types = [element_type(value) for value in values]
    if any(isinstance(type_, RealType) for type_ in types):
        return RealType()
    f32 = next((type_ for type_ in types if is_f32(type_)), None)
    return f32 or RealType()
