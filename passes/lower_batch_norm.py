# SPDX-License-Identifier: Apache-2.0
"""Turn exact batch normalisation into one multiplication and one addition per channel.

Before:
    %y = q.batch_norm %x, %scale, %bias, %mean, %variance axis 1 epsilon 1.0e-05 : ... -> tensor<1x64x!q.real>
After:
    %0 = q.mul %x, %a : ...        a = scale / sqrt(variance + epsilon)
    %y = q.add %0, %b : ...        b = bias - mean * a

Exact: this is what q.batch_norm means on exact numbers (a is correct to 80 significant bits in both forms).
Needs: constant parameters.   Keeps: output type and every output bit.   Leaves: float32 batch normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.affine import batch_norm_affine
from ..qdialect.errors import QoptError
from ..qdialect.q import AddOp, BatchNormOp, MulOp
from ..qdialect.types import element_type, is_f32, shape_of
from .remarks import remark
from .rewriting import exact_values, is_constant, replace, rewrite, with_constant


class SplitBatchNorm(RewritePattern):
    """batch_norm(x)   =>   x * a + b."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BatchNormOp, rewriter: PatternRewriter, /) -> None:
        if is_f32(element_type(op.result)):
            return
        parameters = (op.scale, op.bias, op.mean, op.variance)
        if not all(is_constant(parameter) for parameter in parameters):
            remark(op, "batch normalisation not lowered: its parameters are not constant")
            return
        column = (-1,) + (1,) * (len(shape_of(op.input)) - 1 - op.axis)
        scale, bias, mean, variance = (exact_values(parameter) for parameter in parameters)
        try:
            a, b = batch_norm_affine(scale, bias, mean, variance, op.epsilon)
        except QoptError as fault:
            raise QoptError(fault.what, op, fault.mend) from None
        multiply = with_constant(MulOp, op.input, a.reshape(column), op.result, op)
        add = with_constant(AddOp, multiply[-1].results[0], b.reshape(column), op.result, op)
        replace(rewriter, op, [*multiply, *add])


@dataclass(frozen=True)
class LowerBatchNormPass(ModulePass):
    """Turn exact batch normalisation into a multiplication and an addition per channel."""

    name = "q-lower-batch-norm"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, SplitBatchNorm())
