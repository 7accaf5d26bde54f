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
A q.threshold of real numbers becomes one of the integer codes in front of them in the same way.
A threshold that no reachable code decides becomes part of `base`, or goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.q import QuantizeOp
from ..qdialect.types import BipolarType, element_type
from .lower_tails import lower_tails
from .multiply_shift_math import Part
from .tail import NoTail, QuantizerTail
from .threshold_math import Thresholds, pull_back, tail_thresholds, trimmed
from .threshold_tails import lower_threshold_tails, one_row, threshold_ops

MAX_LEVELS = 4095  # more of them are no hardware worth having
MAX_FOUND = 1 << 22  # at once, to prove a multiply-shift of more levels: they take 400 MB
MAX_PROVEN = 1 << 25  # of all channels: they take half a minute


def check_levels(tail: QuantizerTail, max_levels: int) -> None:
    """NoTail if there are more than `max_levels` thresholds."""
    if tail.num_thresholds > max_levels:
        raise NoTail(f"it has {tail.num_thresholds} thresholds, the limit is {max_levels}")


def thresholds_of(tail: QuantizerTail) -> Thresholds:
    """The thresholds of a tail, one row if all channels agree."""
    return one_row(tail_thresholds(tail.function, tail.amin, tail.amax))


def found_thresholds(tail: QuantizerTail) -> Thresholds | None:
    """The thresholds of a tail; None if there are too many to find."""
    few = tail.num_thresholds <= MAX_LEVELS or tail.num_thresholds * len(tail.amin) <= MAX_FOUND
    return thresholds_of(tail) if few else None


def found_in_parts(tail: QuantizerTail) -> bool:
    """Whether the thresholds of a tail, too many at once, can be found for some channels at a time."""
    return tail.num_thresholds <= MAX_FOUND and tail.num_thresholds * len(tail.amin) <= MAX_PROVEN


def threshold_parts(tail: QuantizerTail) -> Iterator[Part]:
    """The thresholds of some channels at a time, as many as are found at once."""
    function, size = tail.function, max(MAX_FOUND // tail.num_thresholds, 1)
    for start in range(0, len(tail.amin), size):
        rows = slice(start, start + size)
        slope, offset, lo, hi = (array[rows] for array in (function.slope, function.offset, function.lo, function.hi))
        part, amin, amax = replace(function, slope=slope, offset=offset, lo=lo, hi=hi), tail.amin[rows], tail.amax[rows]
        yield tail_thresholds(part, amin, amax), amin, amax


def merged_thresholds(tail: QuantizerTail) -> tuple[QuantizerTail, Thresholds] | None:
    """The thresholds of a quantiser on the value in front of the quantiser before it: both as one; None if too many.

    A code of the outer one is reached where the inner one reaches the code of its threshold.
    """
    inner, outer = tail.inner, found_thresholds(tail)
    if inner is None or outer is None or isinstance(element_type(tail.source), BipolarType):
        return None
    if len(outer.table) > 1 or bool(outer.descending.any()) or outer.table.shape[1] > MAX_LEVELS:
        return None
    function = inner.function
    table = pull_back(function, outer.table[0] - function.start, inner.amin, inner.amax)
    return inner, one_row(trimmed(table, function.falls, outer.base, inner.amin, inner.amax))


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

        lower_threshold_tails(op)
        lower_tails(op, lower)
