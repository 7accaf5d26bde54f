# SPDX-License-Identifier: Apache-2.0
"""Types of a graph-level network after quantisers have given some values a fixed-point type."""

from __future__ import annotations

from xdsl.dialects.builtin import Float32Type
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation
from xdsl.rewriter import InsertPoint, Rewriter

from ...qdialect.q import ConstantOp, QOp, QuantizeOp
from ...qdialect.types import element_type, is_f32, tensor_type
from ..rewriting import at


def infer_types(function: FuncOp) -> None:
    """Bring all results to the types that follow from the operands; the outputs of the function keep theirs.

    Ops that work on float32 alone get the nearest float32 numbers, as the import of a quantised network gives them.
    """
    for op in list(function.body.block.ops):
        if isinstance(op, ReturnOp):
            for index, type_ in enumerate(function.function_type.outputs):
                if is_f32(element_type(type_)):
                    _give_float32(op, index)
        elif isinstance(op, QOp) and not isinstance(op, ConstantOp | QuantizeOp):
            if op.FLOAT_ONLY:
                for index in range(len(op.operands)):
                    _give_float32(op, index)
            op.take_inferred_types()


def _give_float32(op: Operation, index: int) -> None:
    value = op.operands[index]
    if not is_f32(tensor_type(value).element_type):
        cast = at(QuantizeOp(value, Float32Type()), op)
        Rewriter.insert_op(cast, InsertPoint.before(op))
        op.operands[index] = cast.result
