# SPDX-License-Identifier: Apache-2.0
"""Absorb expansions into the arithmetic behind them, which broadcasts by itself.

Before:
    %0 = q.expand %g : tensor<1x2x1x1xf32> -> tensor<1x2x4x4xf32>
    %1 = q.sigmoid %0 : tensor<1x2x4x4xf32>
    %y = q.mul %x, %1 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
After:
    %0 = q.sigmoid %g : tensor<1x2x1x1xf32>
    %y = q.mul %x, %0 : tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32> -> tensor<1x2x4x4xf32>

Exact: every element meets the same numbers.   Needs: nothing; any level, any element type.
Keeps: the shape and type of what is computed.
Leaves: expansions that other ops need, as where both operands are expanded.
So a gate repeats its numbers in the unit that multiplies, as where the model had left the expansion out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Use
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.q import BinaryOp, ExpandOp
from ..qdialect.types import shape_of
from .rewriting import at, function_named
from .transposing import on_view_input, same_for_all


def absorb_expansion(expand: ExpandOp) -> None:
    """Take it away from each user that does without, or move it behind."""
    for use in list(expand.result.uses):
        if isinstance(use.operation, BinaryOp) and _broadcasts(use.operation, use, expand):
            use.operation.operands[use.index] = expand.input
        elif use.index == 0 and same_for_all(use.operation, len(shape_of(expand.input))):
            absorb_expansion(_moved_behind(expand, use))
    if not expand.result.uses:
        Rewriter.erase_op(expand)


def _broadcasts(op: BinaryOp, use: Use, expand: ExpandOp) -> bool:
    """Whether the result has the same shape without the expansion."""
    other = shape_of(op.operands[1 - use.index])
    return np.broadcast_shapes(shape_of(expand.input), other) == shape_of(op.result)


def _moved_behind(expand: ExpandOp, use: Use) -> ExpandOp:
    user = use.operation
    new = on_view_input(user, expand.input)
    moved = at(ExpandOp(new.results[0], shape_of(user.results[0])), expand)
    moved.result.name_hint = user.results[0].name_hint
    for op in (new, moved):
        Rewriter.insert_op(op, InsertPoint.before(user))
    user.results[0].replace_all_uses_with(moved.result)
    Rewriter.erase_op(user)
    return moved


@dataclass(frozen=True)
class AbsorbExpansionsPass(ModulePass):
    """Absorb expansions into the arithmetic behind them, which broadcasts by itself."""

    name = "q-absorb-expansions"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = function_named(op, "main")
        for expand in [] if main is None else [one for one in main.body.block.ops if isinstance(one, ExpandOp)]:
            absorb_expansion(expand)
