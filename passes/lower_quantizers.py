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
bits multiply-shift; `quantizer_cost.py` has the estimate. A quantiser behind a quantiser that nobody else uses becomes
thresholds of what is in front of both where that is smaller.
Thresholds that give nothing but -1 and +1 (the sign of a sign) become those of `!q.bipolar` where layers alone take it.
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
from .lower_quantizers_to_multiply_shift import Requantizer, cheapest_requantizer, requantizer_ops
from .lower_quantizers_to_thresholds import MAX_LEVELS, check_levels, found_thresholds, merged_thresholds
from .lower_tails import lower_tails
from .quantizer_cost import thresholds_area
from .tail import NoTail, QuantizerTail
from .threshold_math import Thresholds
from .threshold_tails import lower_threshold_tails, threshold_ops


def cheaper_ops(op: QuantizeOp, tail: QuantizerTail, max_levels: int) -> list[Operation] | None:
    """The ops of the smaller form; None if they stand there already. NoTail if there is no form."""
    area, form = _cheapest(op, tail, max_levels)
    merged = merged_thresholds(tail)
    if merged is not None and merged[1].table.shape[1] <= max_levels:
        inner, thresholds = merged
        before = tail.source.owner
        assert isinstance(before, QuantizeOp)
        if _thresholds_area(op, inner, thresholds) <= area + _least_area(before, inner, max_levels):
            return threshold_ops(op, inner, thresholds)
    return threshold_ops(op, tail, form) if isinstance(form, Thresholds) else requantizer_ops(op, tail, form)


def _cheapest(op: QuantizeOp, tail: QuantizerTail, max_levels: int) -> tuple[int, Thresholds | Requantizer]:
    """The smaller form and its area in look-up tables. NoTail if there is none."""
    thresholds = found_thresholds(tail)
    few = thresholds if tail.num_thresholds <= max_levels else None
    try:
        requantizer = cheapest_requantizer(op, tail, thresholds)
    except NoTail:
        check_levels(tail, min(max_levels, MAX_LEVELS))
        assert few is not None
        return _thresholds_area(op, tail, few), few
    areas = requantizer.area(tail), None if few is None else _thresholds_area(op, tail, few)
    if few is not None and areas[1] is not None and areas[1] <= areas[0]:
        return areas[1], few
    return areas[0], requantizer


def _thresholds_area(op: QuantizeOp, tail: QuantizerTail, thresholds: Thresholds) -> int:
    widths = [integer_format(element_type(value)).word_length for value in (tail.source, op.result)]
    return thresholds_area(thresholds, *widths)


def _least_area(op: QuantizeOp, tail: QuantizerTail, max_levels: int) -> int:
    """Of the quantiser alone; 0 if it has no form."""
    try:
        return _cheapest(op, tail, max_levels)[0]
    except NoTail:
        return 0


@dataclass(frozen=True)
class LowerQuantizersPass(ModulePass):
    """Turn quantisers into integer thresholds or into multiply-shift, whichever is smaller."""

    name = "q-lower-quantizers"
    exact: ClassVar[bool] = True
    max_levels: int = 255  # no more thresholds than this

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        lower_threshold_tails(op)
        lower_tails(op, lambda quantizer, tail: cheaper_ops(quantizer, tail, self.max_levels))
