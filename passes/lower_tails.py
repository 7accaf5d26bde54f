# SPDX-License-Identifier: Apache-2.0
"""Replace quantiser tails: what the lowerings of quantisers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.q import QuantizeOp
from ..qdialect.types import element_type, is_f32
from .function_table import is_short_product
from .range_analysis import Ranges, RangesOnDemand
from .remarks import remark
from .retype import retype
from .rewriting import at
from .tail import NoTail, QuantizerTail, recognise


def lower_tails(module: ModuleOp, lower: Callable[[QuantizeOp, QuantizerTail], Sequence[Operation] | None]) -> None:
    """Replace quantisers by what `lower` gives: ops whose last one has the result, or None to leave the quantiser.

    A quantiser without tail, or for which `lower` raises NoTail, is left with a remark; from float32, silently.
    """
    ranges = RangesOnDemand(module)
    for op in reversed([op for op in module.walk() if isinstance(op, QuantizeOp)]):
        todo: QuantizeOp | None = op
        while todo is not None and todo.parent is not None:  # else it became part of a later one
            todo = _lower(todo, ranges, lower)


def _lower(
    op: QuantizeOp, ranges: Ranges, lower: Callable[[QuantizeOp, QuantizerTail], Sequence[Operation] | None]
) -> QuantizeOp | None:
    """Lower one quantiser; returns the new one if, in its new form, it may join the one before it."""
    if is_f32(element_type(op.input)) or is_f32(element_type(op.result)):
        return None
    try:
        tail = recognise(op, ranges)
        if is_short_product(tail.source.owner):
            raise NoTail("together with the product in front of it, it is a function of one integer")
        new = lower(op, tail)
    except NoTail as reason:
        remark(op, f"quantiser is left as it is: {reason}")
        return None
    if new is None:
        return None
    replace_tail(op, new)
    behind_quantizer = isinstance(tail.source.owner, QuantizeOp)
    return new[-1] if behind_quantizer and isinstance(new[-1], QuantizeOp) else None


def replace_tail(op: Operation, new: Sequence[Operation]) -> None:
    (old,), rewriter = op.results, Rewriter()
    type_ = element_type(old)
    for item in new:
        rewriter.insert_op(at(item, op), InsertPoint.before(op))
    result = new[-1].results[0]
    result.name_hint = old.name_hint
    old.replace_all_uses_with(result)
    if element_type(result) != type_:
        retype(result, element_type(result))  # for its views
    _erase_unused(op)


def _erase_unused(op: Operation) -> None:
    """Erase an op without uses, and then what it alone used."""
    todo = [op]
    while todo:
        unused = todo.pop()
        if unused.parent is None or any(result.first_use is not None for result in unused.results):
            continue
        todo += [operand.owner for operand in unused.operands if isinstance(operand.owner, Operation)]
        Rewriter.erase_op(unused)
