# SPDX-License-Identifier: Apache-2.0
"""Compute what depends on constants alone: quantised weights become integer constants.

Before:
    %0 = q.div %w, %s : tensor<2x4xf32>, tensor<2x1xf32> -> tensor<2x4xf32>
    %1 = q.quantize %0 half_even saturate narrow : tensor<2x4xf32> -> tensor<2x4x!q.fixed<3, 0>>
    %2 = q.mul %1, %s : tensor<2x4x!q.fixed<3, 0>>, tensor<2x1xf32> -> tensor<2x4xf32>
    %3 = q.transpose %2 perm [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32>
After:
    %0 = q.constant #q.dense<... : tensor<4x2x!q.fixed<3, 0>>>
    %3 = q.mul %0, %s_1 : tensor<4x2x!q.fixed<3, 0>>, tensor<2xf32> -> tensor<4x2xf32>

Exact: the reference computes the constants, in float32 in the order of the model.
Needs: constant operands.   Keeps: every output bit; the integers of quantised constants, by leaving the arithmetic that
turns them into float32 in place, behind ops that move elements.   Leaves: that arithmetic. Removes unused ops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.transforms.dead_code_elimination import dce

from ..qdialect.q import BinaryOp, ConstantOp, MoveOp
from ..qdialect.q.base import QOp
from ..qdialect.types import FormatType, element_type, shape_of
from .evaluation import evaluate
from .rewriting import at, constant, is_constant, moved_through


def _fold(op: Operation) -> None:
    """Replace `op` by constants, or move it in front of the arithmetic that dequantises its input."""
    if isinstance(op, MoveOp) and len(op.operands) == 1 and isinstance(op.operands[0].owner, BinaryOp):
        _move_view(op, op.operands[0].owner)
    elif _is_foldable(op):
        constants = [at(ConstantOp(value), op) for value in evaluate(op)]
        Rewriter.replace_op(op, constants, [new.result for new in constants])


def _is_foldable(op: Operation) -> bool:
    if not isinstance(op, QOp) or isinstance(op, ConstantOp) or not op.operands:
        return False
    return all(isinstance(operand.owner, ConstantOp) for operand in op.operands) and not _dequantizes(op)


def _dequantizes(op: Operation) -> bool:
    """True for arithmetic that turns a constant with a format into float32 or real numbers."""
    has_format = [isinstance(element_type(value), FormatType) for value in op.operands]
    return isinstance(op, BinaryOp) and any(has_format) and not isinstance(element_type(op.result), FormatType)


def _move_view(view: MoveOp, arithmetic: BinaryOp) -> None:
    """view(c op d)   =>   view(c) op view(d), for constant expressions c, d of which one broadcasts to the other."""
    shape = shape_of(view.operands[0])
    whole = [is_constant(operand) and shape_of(operand) == shape for operand in arithmetic.operands]
    plain = [isinstance(operand.owner, ConstantOp) for operand in arithmetic.operands]
    if not (whole[0] and plain[1]) and not (whole[1] and plain[0]):
        return
    main = 0 if whole[0] and plain[1] else 1
    moved = view.on([arithmetic.operands[main]])
    other = arithmetic.operands[1 - main].owner
    assert isinstance(other, ConstantOp)
    factor = at(constant(moved_through(view, other.value.array), element_type(other.result)), other)
    operands: list[SSAValue] = [moved.results[0], factor.result] if main == 0 else [factor.result, moved.results[0]]
    new = arithmetic.on(operands)
    new.results[0].name_hint = view.result.name_hint
    Rewriter.insert_op([moved, factor], InsertPoint.before(view))
    Rewriter.replace_op(view, new)
    _fold(moved)


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Compute what depends on constants alone; quantised weights become integer constants."""

    name = "q-fold-constants"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp) and not function.is_declaration:
                for inner in list(function.body.block.ops):
                    _fold(inner)
        dce(op)
