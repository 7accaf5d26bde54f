# SPDX-License-Identifier: Apache-2.0
"""Give every sum and product the narrowest type that holds what it can be, and write down the proof.

Before:
    %a = q.matmul %x, %w : tensor<1x4x!q.fixed<8, 0>>, tensor<4x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<13, 0>>
After:
    %a = q.matmul %x, %w range <-30, 28>
        : tensor<1x4x!q.fixed<8, 0>>, tensor<4x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<6, 0>>

Exact: the range analysis covers every input; values do not change, only the words that carry them.
Needs: integer operands.   Keeps: every value; the types of values that a function returns or passes to another.
Leaves: real and float32 arithmetic; quantisers and constants, whose types are chosen, not derived.
A `range` is written where it does not follow from the operands' types alone; one that stood there is derived anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..qdialect.attrs import RangeAttr
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.q import ArithmeticOp
from ..qdialect.types import element_type, fixed_type, integer_format, is_integer_type
from .range_analysis import analyse
from .retype import fixed_by_interface, retype


def _hulls(module: ModuleOp) -> list[tuple[ArithmeticOp, IntRange]]:
    """Integer arithmetic in program order, with the codes that each result can take."""
    ranges = analyse(module)
    return [
        (op, ranges[op.result].hull)
        for op in module.walk()
        if isinstance(op, ArithmeticOp) and is_integer_type(element_type(op.result))
    ]


def _narrow(op: ArithmeticOp, proven: IntRange) -> None:
    type_ = element_type(op.result)
    if not fixed_by_interface(op.result):
        narrowest = fixed_type(proven, integer_format(type_).fraction_bits)
        if narrowest != type_:
            retype(op.result, narrowest)
    elif proven not in integer_format(type_).code_range:
        raise QoptError(
            f"{op.name} can give codes from {proven.lo} to {proven.hi}, but the function returns {type_}",
            op,
            f"return {fixed_type(proven, integer_format(type_).fraction_bits)}",
        )
    op.properties.pop("range", None)
    if op.infer_range()[0] != proven:
        op.properties["range"] = RangeAttr(proven.lo, proven.hi)


@dataclass(frozen=True)
class InferRangesPass(ModulePass):
    """Give every sum and product the narrowest type that holds what it can be."""

    name = "q-infer-ranges"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for arithmetic, proven in _hulls(op):
            _narrow(arithmetic, proven)
