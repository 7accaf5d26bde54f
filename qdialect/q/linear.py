# SPDX-License-Identifier: Apache-2.0
"""`q.matmul`: products summed exactly."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def
from xdsl.utils.exceptions import VerifyException

from ..attrs import RangeAttr
from ..formats import IntRange
from ..types import QTensor, shape_of
from .base import AnyTensor, ArithmeticOp
from .inference import matmul_range


@irdl_op_definition
class MatMulOp(ArithmeticOp):
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
    assembly_format = "$lhs `,` $rhs (`range` $range^)? attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, result_type: QTensor | None = None, range: RangeAttr | None = None
    ):
        super().__init__([lhs, rhs], None, result_type, range)

    def infer_shape(self) -> tuple[int, ...]:
        return matmul_shape(shape_of(self.lhs), shape_of(self.rhs))

    def infer_range(self) -> tuple[IntRange, int]:
        return matmul_range(self.lhs, self.rhs)


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
