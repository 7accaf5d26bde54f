# SPDX-License-Identifier: Apache-2.0
"""Move reshapes and transpositions behind ops that do the same to all elements.

Before:
    %0 = q.relu %a : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.real>
    %1 = q.reshape %0 : tensor<1x2x3x!q.real> -> tensor<1x6x!q.real>
    %2 = q.mul %1, %s : tensor<1x6x!q.real>, tensor<!q.real> -> tensor<1x6x!q.real>
    %y = q.quantize %2 half_even saturate : tensor<1x6x!q.real> -> tensor<1x6x!q.fixed<4, 0>>
After:
    %0 = q.relu %a : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.real>
    %1 = q.mul %0, %s : tensor<1x2x3x!q.real>, tensor<!q.real> -> tensor<1x2x3x!q.real>
    %2 = q.quantize %1 half_even saturate : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.fixed<4, 0>>
    %y = q.reshape %2 : tensor<1x2x3x!q.fixed<4, 0>> -> tensor<1x6x!q.fixed<4, 0>>

Exact: every element meets the same ops.   Needs: integers, real numbers, or float32 numbers that are a function of
integers and are quantised.   Keeps: types, ranges, locations.
Leaves: other views of float32; views with several users; ops that tell elements apart.
So the quantiser finds the scales and activations in front of the view, and the host does what is left of the view.
Reshapes that meet become one, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.q import ReshapeOp, TransposeOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, is_f32, shape_of
from .hardware_support import is_pointwise
from .rewriting import at, function_named
from .transposing import on_view_input, same_for_all


def move_views(block: Block) -> None:
    """Move views of the whole tensor behind ops that do the same to all elements: closer to the end."""
    for view in reversed(list(block.ops)):
        if not isinstance(view, ReshapeOp | TransposeOp):
            continue
        chain, value = list[Operation](), view.result
        while value.has_one_use() and value.first_use is not None and value.first_use.index == 0:
            user = value.first_use.operation
            if not same_for_all(user, len(shape_of(view.input))):
                break
            chain.append(user)
            value = user.results[0]
        chain = _movable(view, chain)
        if chain:
            _move_behind(view, chain)


def merge_reshapes(block: Block) -> None:
    """Make one or none of reshapes that meet: what is between may hide an image of few axes."""
    for view in list(block.ops):
        if isinstance(view, ReshapeOp) and isinstance(first := view.input.owner, ReshapeOp):
            view.operands[0] = first.input
            if not first.result.uses:
                Rewriter.erase_op(first)
            if view.result.type == view.input.type:
                view.result.replace_all_uses_with(view.input)
                Rewriter.erase_op(view)


def _movable(view: ReshapeOp | TransposeOp, chain: Sequence[Operation]) -> Sequence[Operation]:
    """The first ops of a chain: up to a quantiser if it computes in float32, and none of the host's float32 numbers."""
    floats = [index for index, op in enumerate(chain) if _is_float(op.results[0]) or any(map(_is_float, op.operands))]
    if not floats:
        return chain
    if not _follows_integers(view.input):
        return chain[: floats[0]]
    ends = [index for index, op in enumerate(chain) if not _is_float(op.results[0])]
    return chain[: ends[-1] + 1] if ends else []


def _is_float(value: SSAValue) -> bool:
    return is_f32(element_type(value))


def _follows_integers(value: SSAValue) -> bool:
    """Whether pointwise ops make a value of one computed value, which is no float32 number."""
    while _is_float(value):
        maker = value.owner
        if not is_pointwise(maker):
            return False
        computed = [operand for operand in maker.operands if constant_of(operand) is None]
        if len(computed) != 1:
            return False
        (value,) = computed
    return True


def _move_behind(view: ReshapeOp | TransposeOp, chain: Sequence[Operation]) -> None:
    x, last = view.input, chain[-1].results[0]
    for op in chain:
        new = on_view_input(op, x)
        Rewriter.insert_op(new, InsertPoint.before(chain[-1]))
        x = new.results[0]
    moved = at(type(view).create(operands=[x], result_types=[last.type], properties=view.properties), view)
    Rewriter.insert_op(moved, InsertPoint.before(chain[-1]))
    moved.results[0].name_hint = last.name_hint
    last.replace_all_uses_with(moved.results[0])
    for op in reversed([view, *chain]):
        Rewriter.erase_op(op)


@dataclass(frozen=True)
class MoveViewsPass(ModulePass):
    """Move reshapes and transpositions behind ops that do the same to all elements."""

    name = "q-move-views"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = function_named(op, "main")
        if main is not None:
            move_views(main.body.block)
            merge_reshapes(main.body.block)
