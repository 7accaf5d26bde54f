# SPDX-License-Identifier: Apache-2.0
"""`q.matmul`: products summed exactly."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ..attrs import RangeAttr
from ..types import QTensor, RealType, element_type, fixed_type, is_f32, is_integer_type, shape_of
from .base import AnyTensor, QOp, tensor
from .inference import matmul_range, verify_holds


@irdl_op_definition
class MatMulOp(QOp):
    """Matrix product as numpy's `@`: the last axis of `lhs` with the last but one of `rhs`, other axes broadcast.

    On integer types the accumulator (the result type) holds every sum that the operands' types and constants allow,
    or every code of `range`, which must be proven; partial sums in any order fit too.
    ```mlir
    %a = q.matmul %x, %w range <-784, 784>
        : tensor<1x784x!q.fixed<2, 0>>, tensor<784x64x!q.fixed<2, 0>> -> tensor<1x64x!q.fixed<11, 0>>
    ```
    """

    name = "q.matmul"
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
            result_type = tensor(_matmul_element_type(lhs, rhs), matmul_shape(shape_of(lhs), shape_of(rhs)))
        super().__init__(operands=[lhs, rhs], result_types=[result_type], properties={"range": range})

    def verify_(self) -> None:
        shape = matmul_shape(shape_of(self.lhs), shape_of(self.rhs))
        if shape != shape_of(self.result):
            raise self.fault(f"gives shape {list(shape)}, not {list(shape_of(self.result))}")
        expected, actual = _matmul_element_type(self.lhs, self.rhs), element_type(self.result)
        if is_integer_type(expected):
            needed, fraction_bits = matmul_range(self.lhs, self.rhs)
            verify_holds(self.name, actual, needed, fraction_bits, self.range)
        elif expected != actual:
            raise self.fault(f"of {element_type(self.lhs)} and {element_type(self.rhs)} gives {expected}, not {actual}")


def matmul_shape(lhs: tuple[int, ...], rhs: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of numpy's `lhs @ rhs`; VerifyException if they do not fit."""
    fault = VerifyException(f"q.matmul cannot multiply shapes {list(lhs)} and {list(rhs)}")
    if not lhs or not rhs:
        raise fault
    a, b = ((1, *lhs) if len(lhs) == 1 else lhs), ((*rhs, 1) if len(rhs) == 1 else rhs)
    if a[-1] != b[-2]:
        raise fault
    try:
        outer = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise fault from None
    return (*outer, *(a[-2:-1] if len(lhs) > 1 else ()), *(b[-1:] if len(rhs) > 1 else ()))


def _matmul_element_type(lhs: SSAValue, rhs: SSAValue) -> Attribute:
    a, b = element_type(lhs), element_type(rhs)
    if isinstance(a, RealType) or isinstance(b, RealType):
        return RealType()
    if is_f32(a) or is_f32(b):
        return Float32Type()
    if not (is_integer_type(a) and is_integer_type(b)):
        return RealType()
    range_, fraction_bits = matmul_range(lhs, rhs)
    return fixed_type(range_, fraction_bits)
