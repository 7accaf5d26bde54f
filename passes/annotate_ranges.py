# SPDX-License-Identifier: Apache-2.0
"""Write the codes that each value can have beside the op that makes it, for people to read; or remove that again.

Before:
    %a = q.matmul %x, %w : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>
After:
    %a = q.matmul %x, %w {q.range = #q.range<-3, 3>}
        : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>

Exact: changes no value and no type.
Needs: nothing.   Keeps: everything else; a `range` that is a proof stays one, and an annotation is never believed.
Leaves: real numbers, floats, constants, and ops with several results.

With `per-channel` a list follows, `q.channel_ranges`, where the ranges differ along one axis. An annotation can become
wrong when the IR is edited: `q-check-ranges` refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.attrs import RangeAttr
from ..qdialect.dataflow import StreamType
from ..qdialect.q import ConstantOp
from ..qdialect.types import element_type, is_integer_type
from .interval import Interval
from .range_analysis import Ranges, analyse

HULL, CHANNELS = "q.range", "q.channel_ranges"


def _annotated(module: ModuleOp, ranges: Ranges) -> Iterator[tuple[Operation, Interval]]:
    """The ops with one result of integer codes, and its range."""
    for op in module.walk():
        if len(op.results) != 1 or isinstance(op, ConstantOp) or op.results[0] not in ranges:
            continue
        (result,) = op.results
        if isinstance(result.type, StreamType) or is_integer_type(element_type(result)):
            yield op, ranges[result]


def _channel_ranges(x: Interval) -> list[RangeAttr]:
    """One range for each place of the only axis that the bounds have; none if they have none, or several."""
    lo, hi = (bound.reshape(-1) for bound in (x.lo, x.hi))
    if lo.shape != hi.shape or lo.size == 1 or max(x.lo.shape) != lo.size:
        return []
    return [RangeAttr(int(least), int(most)) for least, most in zip(lo, hi, strict=True)]


@dataclass(frozen=True)
class AnnotateRangesPass(ModulePass):
    """Show the codes that each value can have, as attributes."""

    name = "q-annotate-ranges"
    exact: ClassVar[bool] = True
    per_channel: bool = False  # also one range for each channel, where they differ
    remove: bool = False  # take the annotations away

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for annotated in op.walk():
            for key in (HULL, CHANNELS):
                annotated.attributes.pop(key, None)
        if self.remove:
            return
        for annotated, found in _annotated(op, analyse(op)):
            annotated.attributes[HULL] = RangeAttr(found.hull.lo, found.hull.hi)
            channels = _channel_ranges(found) if self.per_channel else []
            if channels:
                annotated.attributes[CHANNELS] = ArrayAttr(channels)
