# SPDX-License-Identifier: Apache-2.0
"""Take the arg-max where only the index of the largest element is asked for.

Before:
    %v, %i = q.top_k %x k 1 axis 1 : tensor<1x10x!q.fixed<8, 0>> -> ...        %v has no use
After:
    %i = q.arg_max %x axis 1 keep_dims : tensor<1x10x!q.fixed<8, 0>> -> ...

Exact: both take the lowest index among equal elements.
Needs: k = 1, largest first, no use of the values.   Keeps: output type and every output bit.
Leaves: every other q.top_k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.q import ArgMaxOp, TopKOp
from .rewriting import at, rewrite


class LargestIndexToArgMax(RewritePattern):
    """top_k(x, 1).indices   =>   arg_max(x)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TopKOp, rewriter: PatternRewriter, /) -> None:
        if op.k != 1 or not op.largest or op.values.uses:
            return
        arg_max = at(ArgMaxOp(op.input, op.axis, keep_dims=True), op)
        rewriter.replace(op, arg_max, [None, arg_max.result])


@dataclass(frozen=True)
class LowerTopKPass(ModulePass):
    """Take the arg-max where only the index of the largest element is asked for."""

    name = "q-lower-top-k"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, LargestIndexToArgMax())
