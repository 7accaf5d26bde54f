# SPDX-License-Identifier: Apache-2.0
"""Turn quantisers into integer thresholds or into multiply-shift, whichever is estimated to be smaller.

Before:
    %0 = q.mul %a, %s : ... -> tensor<1x2x!q.real>
    %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
    %1 = q.mul %c, %t : ... -> tensor<1x2x!q.real>
    %z = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<2, 0>>
After:
    %0 = q.mul %a, %m : ... -> tensor<1x2x!q.fixed<25, 15>>
    %y = q.quantize %0 floor saturate : tensor<1x2x!q.fixed<25, 15>> -> tensor<1x2x!q.fixed<8, 0>>
    %z = q.threshold %c, %thresholds base -2 : ... -> tensor<1x2x!q.fixed<2, 0>>

Exact: both forms are, see q-lower-quantizers-to-thresholds and q-lower-quantizers-to-multiply-shift.
Needs, Keeps: as there.   Leaves: what neither of them can do (remark).
The number of thresholds doubles with each bit of the result, so results of 2 to 4 bits usually become thresholds and 8
bits multiply-shift; `quantizer_cost.py` has the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.q import QuantizeOp
from ..qdialect.types import element_type, integer_format
from .lower_quantizers_to_multiply_shift import cheapest_requantizer, requantizer_ops
from .lower_quantizers_to_thresholds import MAX_LEVELS, check_levels, found_thresholds
from .lower_tails import lower_tails
from .quantizer_cost import thresholds_area
from .tail import NoTail, QuantizerTail
from .threshold_tails import lower_threshold_tails, threshold_ops


def cheaper_ops(op: QuantizeOp, tail: QuantizerTail, max_levels: int) -> list[Operation] | None:
    """The ops of the smaller form; None if they stand there already. NoTail if there is no form."""
    thresholds = found_thresholds(tail)
    try:
        requantizer = cheapest_requantizer(op, tail, thresholds)
    except NoTail:
        check_levels(tail, min(max_levels, MAX_LEVELS))
        assert thresholds is not None
        return threshold_ops(op, tail, thresholds)
    if thresholds is not None and tail.num_thresholds <= max_levels:
        widths = [integer_format(element_type(value)).word_length for value in (tail.source, op.result)]
        if thresholds_area(thresholds, *widths) <= requantizer.area(tail):
            return threshold_ops(op, tail, thresholds)
    return requantizer_ops(op, tail, requantizer)


@dataclass(frozen=True)
class LowerQuantizersPass(ModulePass):
    """Turn quantisers into integer thresholds or into multiply-shift, whichever is smaller."""

    name = "q-lower-quantizers"
    exact: ClassVar[bool] = True
    max_levels: int = 255  # no more thresholds than this

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        lower_threshold_tails(op)
        lower_tails(op, lambda quantizer, tail: cheaper_ops(quantizer, tail, self.max_levels))
