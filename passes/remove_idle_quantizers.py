# SPDX-License-Identifier: Apache-2.0
"""Remove quantisers that change no number.

Before:
    %1 = q.quantize %a down wrap : tensor<1x2x!q.fixed<12, 0>> -> tensor<1x2x!q.fixed<64, 0>>
    %2 = q.mul %1, %c : tensor<1x2x!q.fixed<64, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x2x!q.fixed<15, 0>>
After:
    %2 = q.mul %a, %c : tensor<1x2x!q.fixed<12, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x2x!q.fixed<15, 0>>

Exact: the result holds every code of the operand in the same quantum, so nothing is rounded, saturated or wrapped.
Needs: q-infer-ranges in front of it, which finds the codes of the operand.   Keeps: every value.
Leaves: quantisers to other quanta; those that state the type of a function's result.
Integer networks cast their codes to 64 bits and let them wrap there; nothing of that is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..qdialect.formats import Overflow
from ..qdialect.q import QuantizeOp
from ..qdialect.q.inference import code_range
from ..qdialect.rounding import saturation_range
from ..qdialect.types import FixedType, UFixedType, element_type
from .retype import fixed_by_interface, retype


def _is_idle(op: QuantizeOp) -> bool:
    source, target = element_type(op.input), element_type(op.result)
    if not isinstance(source, FixedType | UFixedType) or not isinstance(target, FixedType | UFixedType):
        return False
    if source.format.fraction_bits != target.format.fraction_bits:
        return False
    narrow = op.narrow and op.overflow is Overflow.SATURATE
    held = saturation_range(target.format, narrow)
    return source.format.word_length <= target.format.word_length and code_range(op.input) in held


@dataclass(frozen=True)
class RemoveIdleQuantizersPass(ModulePass):
    """Remove quantisers that change no number."""

    name = "q-remove-idle-quantizers"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for quantizer in [item for item in op.walk() if isinstance(item, QuantizeOp)]:
            if not _is_idle(quantizer):
                continue
            type_ = element_type(quantizer.input)
            if element_type(quantizer.result) != type_:
                if fixed_by_interface(quantizer.result):
                    continue
                retype(quantizer.result, type_)
            Rewriter.replace_op(quantizer, [], [quantizer.input])
