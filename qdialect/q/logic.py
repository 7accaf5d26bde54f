# SPDX-License-Identifier: Apache-2.0
"""Comparison and choice, elementwise with broadcasting: `q.compare`, `q.select`. A truth is a `!q.ufixed<1, 0>`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..formats import IntRange
from ..types import QTensor, UFixedType, element_type
from .base import AnyTensor, ArithmeticOp, IntegerTensor, QOp, broadcast_shape, tensor
from .inference import common_range

TRUTH = UFixedType(1)


class Predicate(StrEnum):
    """What `q.compare` asks; "greater" is "less" with the operands exchanged."""

    EQUAL = "equal"
    LESS = "less"
    LESS_EQUAL = "less_equal"


@irdl_attr_definition
class PredicateAttr(EnumAttribute[Predicate], SpacedOpaqueSyntaxAttribute):  # pyright: ignore[reportInvalidTypeArguments]
    """What `q.compare` asks: equal, less, less_equal."""

    name = "q.predicate"


@irdl_op_definition
class CompareOp(QOp):
    """1 where the predicate holds, else 0, elementwise. Exact numbers compare exactly, NaN (f32) with nothing.

    ```mlir
    %c = q.compare less %a, %b : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.ufixed<1, 0>>
    ```
    """

    name = "q.compare"
    predicate_attr = prop_def(PredicateAttr, prop_name="predicate")
    lhs = operand_def(AnyTensor)
    rhs = operand_def(AnyTensor)
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = "$predicate $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"

    def __init__(self, predicate: Predicate, lhs: SSAValue, rhs: SSAValue):
        super().__init__(
            operands=[lhs, rhs], result_types=[lhs.type], properties={"predicate": PredicateAttr(predicate)}
        )
        self.take_inferred_types()

    @property
    def predicate(self) -> Predicate:
        return self.predicate_attr.data

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(TRUTH, broadcast_shape(self.name, self.lhs, self.rhs))]

    def verify_(self) -> None:
        self.verify_inferred_types()


@irdl_op_definition
class SelectOp(ArithmeticOp):
    """`a` where the condition is 1, `b` where it is 0, elementwise. Exact.

    ```mlir
    %y = q.select %c, %a, %b
        : tensor<4x!q.ufixed<1, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.fixed<8, 0>>
    ```
    """

    name = "q.select"
    condition = operand_def(IntegerTensor)
    on_true = operand_def(AnyTensor)
    on_false = operand_def(AnyTensor)
    assembly_format = (
        "$condition `,` $on_true `,` $on_false (`range` $range^)? attr-dict "
        "`:` type($condition) `,` type($on_true) `,` type($on_false) `->` type($result)"
    )

    def __init__(
        self,
        condition: SSAValue,
        on_true: SSAValue,
        on_false: SSAValue,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
    ):
        super().__init__([condition, on_true, on_false], None, result_type, range)

    @property
    def numbers(self) -> Sequence[SSAValue]:
        return (self.on_true, self.on_false)

    def infer_shape(self) -> tuple[int, ...]:
        return broadcast_shape(self.name, *self.operands)

    def infer_range(self) -> tuple[IntRange, int]:
        return common_range(self.numbers)

    def verify_(self) -> None:
        if element_type(self.condition) != TRUTH:
            raise self.fault(f"needs a condition of type {TRUTH}, not {element_type(self.condition)}; mend: q.compare")
        super().verify_()
