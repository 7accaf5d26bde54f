# SPDX-License-Identifier: Apache-2.0
"""Turn quantisers, with the scales, offsets and activations before them, into integer thresholds.

Before:
    %0 = q.mul %a, %s : tensor<1x2x!q.fixed<6, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
    %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<2x!q.real> -> tensor<1x2x!q.real>
    %y = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
After:
    %t = q.constant #q.dense<[[-3, 4, 9], [1, 2, 5]] : tensor<2x3x!q.fixed<6, 0>>>
    %y = q.threshold %a, %t base 0 : tensor<1x2x!q.fixed<6, 0>>, ... -> tensor<1x2x!q.ufixed<2, 0>>

Exact: threshold k is the least code of %a that gives k or more, from a closed form in rationals for each rounding.
Needs: constants that differ along one axis at most, behind an integer value.   Keeps: type and every output bit.
Leaves: quantisers from float32, those that wrap, and more than `max-levels` thresholds (remark).
A threshold that no reachable code decides becomes part of `base`, or goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.formats import IntRange
from ..qdialect.q import QuantizeOp, ThresholdOp
from ..qdialect.types import BipolarType, UFixedType, element_type, fixed_type, integer_format
from .lower_tails import lower_tails
from .rewriting import constant
from .tail import NoTail, QuantizerTail
from .threshold_math import Thresholds, tail_thresholds

MAX_LEVELS = 4095  # finding more takes memory, and nobody wants them


def check_levels(tail: QuantizerTail, max_levels: int) -> None:
    """NoTail if there are more than `max_levels` thresholds."""
    if tail.num_thresholds > max_levels:
        raise NoTail(f"it has {tail.num_thresholds} thresholds, the limit is {max_levels}")


def thresholds_of(tail: QuantizerTail) -> Thresholds:
    """The thresholds of a tail, one row if all channels agree."""
    found = tail_thresholds(tail.function, tail.amin, tail.amax)
    table, falls = found.table, found.descending
    if bool((table == table[:1]).all()) and bool((falls == falls[0]).all()):
        return Thresholds(table[:1], falls[:1], found.base)
    return found


def threshold_ops(op: QuantizeOp, tail: QuantizerTail, thresholds: Thresholds) -> list[Operation]:
    """The ops that replace the quantiser; the last gives its result."""
    result = element_type(op.result)
    highest = 0 if isinstance(result, BipolarType) else integer_format(result).code_range.hi  # bipolar counts from -1
    if thresholds.base == highest:  # a constant; the one threshold must not count beyond the type
        thresholds = Thresholds(np.array([[tail.amin.min()]], dtype=object), np.array([False]), highest - 1)
    type_, table = element_type(tail.source), thresholds.table
    needed = IntRange(int(table.min()), int(table.max()))
    if isinstance(type_, BipolarType) or needed not in integer_format(type_).code_range:
        format_ = integer_format(type_)
        type_ = fixed_type(needed.hull(format_.code_range), format_.fraction_bits)
    rows, flags = constant(table, type_), constant(thresholds.descending.astype(np.int64), UFixedType(1))
    rows.result.name_hint, flags.result.name_hint = "thresholds", "descending"
    falls = bool(thresholds.descending.any())
    descending = flags.result if falls else None
    axis = tail.axis if len(table) > 1 else None
    new = ThresholdOp(tail.source, rows.result, result, thresholds.base, descending, axis)
    return [rows, flags, new] if falls else [rows, new]


@dataclass(frozen=True)
class LowerQuantizersToThresholdsPass(ModulePass):
    """Turn quantisers, with the scales, offsets and activations before them, into integer thresholds."""

    name = "q-lower-quantizers-to-thresholds"
    exact: ClassVar[bool] = True
    max_levels: int = 255  # quantisers with more thresholds are left

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        def lower(quantizer: QuantizeOp, tail: QuantizerTail) -> list[Operation]:
            check_levels(tail, min(self.max_levels, MAX_LEVELS))
            return threshold_ops(quantizer, tail, thresholds_of(tail))

        lower_tails(op, lower)
