# SPDX-License-Identifier: Apache-2.0
"""Move concatenations of real numbers behind the elementwise ops and the quantiser that follow them.

Before:
    %0 = q.concat %a, %b axis 1 : tensor<1x2x!q.real>, tensor<1x3x!q.real> -> tensor<1x5x!q.real>
    %1 = q.relu %0 : tensor<1x5x!q.real> -> tensor<1x5x!q.real>
    %y = q.quantize %1 half_even saturate : tensor<1x5x!q.real> -> tensor<1x5x!q.ufixed<4, 0>>
After:
    %0 = q.relu %a : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
    %1 = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<4, 0>>
    %2 = q.relu %b : tensor<1x3x!q.real> -> tensor<1x3x!q.real>
    %3 = q.quantize %2 half_even saturate : tensor<1x3x!q.real> -> tensor<1x3x!q.ufixed<4, 0>>
    %y = q.concat %1, %3 axis 1 : tensor<1x2x!q.ufixed<4, 0>>, ... -> tensor<1x5x!q.ufixed<4, 0>>

Exact: every element meets the same ops.   Needs: ops of one computed operand, with a quantiser at their end.
Keeps: types, ranges, locations; the concatenation for its other users.
Leaves: concatenations of integers, which are quantised as one; of constants; batch normalisation (q-lower-batch-norm).
So each quantiser finds the integers of one operand, where those of all have no scale in common. Constants that differ
along the axis are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import DenseAttr
from ..qdialect.q import BatchNormOp, ConcatOp, ConstantOp, QuantizeOp
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import RealType, element_type, is_integer_type, shape_of
from .hardware_support import is_pointwise
from .rewriting import at, function_named
from .transposing import ROWS, on_view_input, same_for_all


def move_concatenation(concat: ConcatOp) -> None:
    """Move it behind each chain of elementwise ops that ends in a quantiser."""
    for use in list(concat.result.uses):
        chain = _chain(use.operation, concat) if use.index == 0 else []
        if chain:
            _move_behind(concat, chain)
    if not concat.result.uses:
        Rewriter.erase_op(concat)


def _chain(op: Operation, concat: ConcatOp) -> Sequence[Operation]:
    """The ops from a user of a concatenation on, up to the last quantiser that they meet alone."""
    chain = list[Operation]()
    while _divides(op, concat):
        chain.append(op)
        (result,) = op.results
        if not result.has_one_use() or result.first_use is None or result.first_use.index:
            break
        op = result.first_use.operation
    codes = [isinstance(one, QuantizeOp) and is_integer_type(element_type(one.result)) for one in chain]
    return chain[: len(codes) - codes[::-1].index(True)] if True in codes else []


def _divides(op: Operation, concat: ConcatOp) -> bool:
    """Whether an op does something to each element of its one computed operand that its place alone decides."""
    if not is_pointwise(op) or shape_of(op.results[0]) != shape_of(concat.result):
        return False
    if same_for_all(op, len(shape_of(concat.result))):
        return True
    return not isinstance(op, (*ROWS, BatchNormOp)) and all(constant_of(value) is not None for value in op.operands[1:])


def _move_behind(concat: ConcatOp, chain: Sequence[Operation]) -> None:
    axis, last = concat.axis, chain[-1].results[0]
    edges = [0, *accumulate(shape_of(value)[axis] for value in concat.inputs)]
    parts = list[SSAValue]()
    for part, (start, stop) in zip(concat.inputs, pairwise(edges), strict=True):
        for op in chain:
            new = on_view_input(op, part)
            Rewriter.insert_op(new, InsertPoint.before(chain[-1]))
            _divide_constants(new, axis - len(shape_of(part)), slice(start, stop))
            part = new.results[0]
        parts.append(part)
    moved = at(ConcatOp.create(operands=parts, result_types=[last.type], properties=concat.properties), concat)
    Rewriter.insert_op(moved, InsertPoint.before(chain[-1]))
    moved.results[0].name_hint = last.name_hint
    last.replace_all_uses_with(moved.results[0])
    for op in reversed(chain):
        Rewriter.erase_op(op)


def _divide_constants(op: Operation, axis: int, part: slice) -> None:
    """Leave of constants that differ along an axis, counted from the last, what meets a part of the elements."""
    for index, value in enumerate(op.operands):
        attribute = constant_of(value)
        if attribute is None or attribute.array.ndim < -axis or attribute.array.shape[axis] == 1:
            continue
        places = [slice(None)] * attribute.array.ndim
        places[axis] = part
        array = attribute.array[tuple(places)]
        new = ConstantOp(DenseAttr(array, tensor(attribute.type.element_type, array.shape)))
        new.result.name_hint = value.name_hint
        Rewriter.insert_op(at(new, op), InsertPoint.before(op))
        op.operands[index] = new.result


@dataclass(frozen=True)
class MoveConcatenationsPass(ModulePass):
    """Move concatenations of real numbers behind the elementwise ops and the quantiser that follow them."""

    name = "q-move-concatenations"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = function_named(op, "main")
        concats = [] if main is None else [one for one in main.body.block.ops if isinstance(one, ConcatOp)]
        for concat in reversed(concats):  # an operand may be one of them
            constants = any(constant_of(value) is not None for value in concat.inputs)
            if isinstance(element_type(concat.result), RealType) and not constants:
                move_concatenation(concat)
