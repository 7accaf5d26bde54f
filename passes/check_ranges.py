# SPDX-License-Identifier: Apache-2.0
"""Prove every `range` that the IR states, of proofs and annotations, and refuse the first that does not follow.

Before:
    %a = q.matmul %x, %w range <-9, 9> : ... -> tensor<1x2x!q.fixed<5, 0>>      its weights allow -30 to 28
After:
    error: q.matmul states codes from -9 to 9, but they can be from -30 to 28

Exact: changes nothing.
Needs: nothing.   Keeps: everything.   Leaves: ops without a stated range; their verifiers check the types.
For IR that a person has edited: a proof can have become wrong without any type being wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.attrs import RangeAttr
from ..qdialect.dataflow import StreamType
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.types import element_type, is_integer_type
from .range_analysis import analyse


def check_ranges(module: ModuleOp) -> None:
    """QoptError for the first `range`, of a proof or of an annotation, that the range analysis cannot prove."""
    stated = [op for op in module.walk() if _stated(op)]
    ranges = analyse(module) if stated else {}
    for op in stated:
        (result,) = op.results
        type_ = result.type.element_type if isinstance(result.type, StreamType) else element_type(result)
        if not is_integer_type(type_):
            raise QoptError(f"{op.name} states a range, but gives {type_}", op, "remove the range")
        for stated_range, mend in _stated(op):
            _check(op, ranges[result].hull, stated_range, mend)


def _stated(op: Operation) -> list[tuple[IntRange, str]]:
    """The ranges that an op with one result states, and the pass that writes each."""
    proof, annotation = op.properties.get("range"), op.attributes.get("q.range")
    pairs = ((proof, "q-infer-ranges"), (annotation, "q-annotate-ranges"))
    return [(stated.range, mend) for stated, mend in pairs if isinstance(stated, RangeAttr) and len(op.results) == 1]


def _check(op: Operation, proven: IntRange, stated: IntRange, mend: str) -> None:
    if proven not in stated:
        raise QoptError(
            f"{op.name} states codes from {stated.lo} to {stated.hi}, but they can be from {proven.lo} to {proven.hi}",
            op,
            f"write range <{proven.lo}, {proven.hi}>, or run {mend}",
        )


@dataclass(frozen=True)
class CheckRangesPass(ModulePass):
    """Prove every range that the IR states."""

    name = "q-check-ranges"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        check_ranges(op)
