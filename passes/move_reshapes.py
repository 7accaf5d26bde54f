# SPDX-License-Identifier: Apache-2.0
"""Move the reshape that makes an image of a vector behind what is computed of each element.

Before:
    %a = q.matmul %x, %w : ... -> tensor<1x8x!q.fixed<12, 0>>
    %b = q.reshape %a : tensor<1x8x!q.fixed<12, 0>> -> tensor<1x2x2x2x!q.fixed<12, 0>>
    %c = q.mul %b, %s : tensor<1x2x2x2x!q.fixed<12, 0>>, tensor<2x1x1x!q.real> -> tensor<1x2x2x2x!q.real>
After:
    %a = q.matmul %x, %w : ... -> tensor<1x8x!q.fixed<12, 0>>
    %b = q.mul %a, %s_of_each_element : tensor<1x8x!q.fixed<12, 0>>, tensor<8x!q.real> -> tensor<1x8x!q.real>
    %c = q.reshape %b : tensor<1x8x!q.real> -> tensor<1x2x2x2x!q.real>

Exact: the same arithmetic on each element; constants are repeated.
Needs: a vector that one op uses; constants otherwise.   Keeps: types, ranges, locations.
Leaves: float32 numbers; images that are not made of vectors. Behind a matrix, scales of a channel and biases of an
element so become numbers of one axis, as a quantiser needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.q import BinaryOp, ClipOp, ConstantOp, QuantizeOp, ReluOp, ReshapeOp
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, is_f32, shape_of
from .rewriting import at, constant, replace, rewrite, with_proof
from .transposing import images


class MoveReshapeBehindElementwise(RewritePattern):
    """elementwise(reshape(vector), constants)   =>   reshape(elementwise(vector, constants))."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        x, use = op.input, op.result.first_use
        if use is None or not op.result.has_one_use() or not _is_vector(x):
            return
        user = use.operation
        if not isinstance(user, BinaryOp | ClipOp | ReluOp | QuantizeOp) or images(user) != [op.result]:
            return
        result: SSAValue = user.result
        if shape_of(result) != shape_of(op.result) or is_f32(element_type(result)):
            return
        flat = {value: _flat(value, shape_of(result)) for value in user.operands if value is not op.result}
        operands = [x if value is op.result else flat[value].result for value in user.operands]
        types = [tensor(element_type(result), shape_of(x))]
        new = type(user).create(operands=operands, result_types=types, properties=user.properties)
        new.results[0].name_hint = op.result.name_hint
        view = ReshapeOp(new.results[0], shape_of(result))
        replace(rewriter, user, [*flat.values(), with_proof(user, at(new, user)), at(view, op)])


def _is_vector(x: SSAValue) -> bool:
    shape = shape_of(x)
    return bool(shape) and shape[-1] == prod(shape) and not is_f32(element_type(x))


def _flat(value: SSAValue, image: tuple[int, ...]) -> ConstantOp:
    """A constant that broadcasts to an image, for the elements of the image in a row."""
    known = constant_of(value)
    assert known is not None, "the computed operand is the image"
    array = known.array.reshape(()) if known.array.size == 1 else np.broadcast_to(known.array, image).reshape(-1)
    new = constant(array, known.type.element_type)
    new.result.name_hint = value.name_hint
    return at(new, value.owner) if isinstance(value.owner, Operation) else new


@dataclass(frozen=True)
class MoveReshapesPass(ModulePass):
    """Move reshapes of vectors to images behind what is computed of each element."""

    name = "q-move-reshapes"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(op, MoveReshapeBehindElementwise())
