# SPDX-License-Identifier: Apache-2.0
"""Give integer convolutions and pools their channels last, as hardware streams images: pixel by pixel.

Before:
    %a = q.conv %x, %w ... : tensor<1x3x8x8x!q.fixed<8, 0>>, ... -> tensor<1x4x6x6x!q.fixed<16, 0>>
    %b = q.threshold %a, %t base 0 axis 1 : tensor<1x4x6x6x!q.fixed<16, 0>>, ... -> tensor<1x4x6x6x!q.ufixed<2, 0>>
    %f = q.reshape %b : tensor<1x4x6x6x!q.ufixed<2, 0>> -> tensor<1x144x!q.ufixed<2, 0>>
    %y = q.matmul %f, %v : ...
After:
    %0 = q.transpose %x perm [0, 2, 3, 1] : tensor<1x3x8x8x!q.fixed<8, 0>> -> tensor<1x8x8x3x!q.fixed<8, 0>>
    %a = q.conv %0, %w ... channels_last : tensor<1x8x8x3x!q.fixed<8, 0>>, ... -> tensor<1x6x6x4x!q.fixed<16, 0>>
    %b = q.threshold %a, %t base 0 : tensor<1x6x6x4x!q.fixed<16, 0>>, ... -> tensor<1x6x6x4x!q.ufixed<2, 0>>
    %f = q.reshape %b : tensor<1x6x6x4x!q.ufixed<2, 0>> -> tensor<1x144x!q.ufixed<2, 0>>
    %y = q.matmul %f, %rows_of_v_in_the_new_order : ...

Exact: the same sums; every number only stands in another place.
Needs: integer layers.   Keeps: inputs, outputs, types, ranges, locations.
Leaves: layers of real or float32 numbers; where an op cannot follow, a q.transpose stands.
What is between layers follows them: elementwise ops, borders, slices, concatenations, reductions that keep their axes,
reshapes that add or drop axes of size 1.
Transpositions of the model, and those that this pass needs at the ends, meet and cancel. A q.reshape or q.transpose
goes behind ops that do the same to all elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, TypeGuard

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import Array
from ..qdialect.q import (
    ConvOp,
    MatMulOp,
    MaxPoolOp,
    QOp,
    ReduceExtremeOp,
    ReduceSumOp,
    ReshapeOp,
    SumPoolOp,
    TransposeOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, is_integer_type, shape_of
from .move_views import move_views
from .rewriting import at, function_named, with_proof
from .transposing import (
    ELEMENTWISE,
    ROWS,
    Permutation,
    behind,
    images,
    inverse,
    permuted,
    transposed,
)


def _to_last(rank: int) -> Permutation:
    """[N, C, *spatial] to [N, *spatial, C]."""
    return (0, *range(2, rank), 1)


def _is_layer(op: Operation) -> bool:
    """Whether this pass gives `op` its channels last."""
    if not isinstance(op, ConvOp | MaxPoolOp | SumPoolOp) or op.channels_last:
        return False
    return all(is_integer_type(element_type(value)) for value in op.operands)


def _reduces_image(op: Operation) -> TypeGuard[ReduceSumOp | ReduceExtremeOp]:
    """Whether `op` reduces rows or columns of an image of integers that has its channels in front, for certain."""
    if not isinstance(op, ReduceSumOp | ReduceExtremeOp) or not is_integer_type(element_type(op.input)):
        return False
    rank = len(shape_of(op.input))
    return rank > 2 and rank - 1 in op.axes and {*op.axes} <= {*range(2, rank)}


def _wants_last(op: Operation) -> bool:
    return _is_layer(op) or _reduces_image(op)


def _followers(op: Operation) -> list[SSAValue]:
    """The operands of `op` that get their channels last together with its result; none if it cannot follow."""
    found = images(op) or []
    if not found:
        return []
    permutation = behind(op, _to_last(len(shape_of(found[0]))))
    return found if permutation == _to_last(len(permutation)) else []


def _keeps_channels(op: Operation) -> TypeGuard[ReshapeOp]:
    """Whether a reshape of an image, channels last, is one of the image, too: it adds or drops axes of size 1."""
    if not isinstance(op, ReshapeOp) or min(len(shape_of(op.input)), len(shape_of(op.result))) < 3:
        return False
    if shape_of(op.input)[1] != shape_of(op.result)[1]:
        return False  # of one pixel, such a reshape is a transposition
    places = np.arange(prod(shape_of(op.input)))
    forms = (places.reshape(shape_of(value)) for value in (op.input, op.result))
    before, after = (form.transpose(_to_last(form.ndim)).reshape(-1) for form in forms)
    return bool((before == after).all())


def _wanted(ops: Sequence[Operation]) -> set[SSAValue]:
    """Values that end in layers: all the ops on the way can follow."""
    wanted = set[SSAValue]()
    for op in reversed(ops):
        if _wants_last(op):
            wanted.add(op.operands[0])
        elif _keeps_channels(op) and op.result in wanted:
            wanted.add(op.input)
        elif any(result in wanted for result in op.results):
            wanted.update(_followers(op))
    return wanted


def _flat(ops: Sequence[Operation]) -> set[SSAValue]:
    """Vectors that meet nothing but constant matrices, perhaps behind elementwise ops: their elements may permute."""
    flat = set[SSAValue]()
    for op in reversed(ops):
        if len(op.results) != 1 or op.results[0].first_use is None:
            continue
        (result,) = op.results
        if all(_takes_vector(use.operation, result, flat) for use in result.uses):
            flat.add(result)
    return flat


def _takes_vector(user: Operation, value: SSAValue, flat: set[SSAValue]) -> bool:
    if isinstance(user, MatMulOp):
        weights = constant_of(user.rhs)
        return user.lhs is value and weights is not None and weights.array.ndim == 2
    if not isinstance(user, ELEMENTWISE) or images(user) != [value] or user.results[0] not in flat:
        return False
    return not isinstance(user, ROWS) or user.trailing == 0


@dataclass
class _Rewriting:
    """One walk over a function. `last`: value -> it with its channels last; `order`: vectors whose elements moved."""

    wanted: set[SSAValue]
    flat: set[SSAValue]
    last: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    plain: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    order: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])  # old place of each new place

    def rewrite(self, op: Operation) -> None:
        """Give `op` new operands, or replace it by ops in front of it."""
        followers = _followers(op)
        if _is_layer(op):
            self._layer(op)
        elif isinstance(op, TransposeOp):
            self._transpose(op)
        elif _keeps_channels(op) and (op.result in self.wanted or op.input in self.last):
            shape = [shape_of(op.result)[axis] for axis in _to_last(len(shape_of(op.result)))]
            self._become(op, [at(ReshapeOp(self._in_last(op.input, op), shape), op)], self.last)
        elif isinstance(op, ReshapeOp) and op.input in self.last and self._reshape(op):
            pass
        elif any(operand in self.order for operand in op.operands):
            self._vector(op)
        elif followers and (
            op.results[0] in self.wanted or _reduces_image(op) or any(x in self.last for x in followers)
        ):
            assert isinstance(op, QOp)
            moved = {operand: self._in_last(operand, op) for operand in followers}
            self._become(op, transposed(op, _to_last(len(shape_of(followers[0]))), moved), self.last)
        else:
            old = op.clone()
            for index, operand in enumerate(op.operands):
                op.operands[index] = self._in_plain(operand, op)
            with_proof(old, op)
            old.erase()

    def _become(self, op: Operation, new: Sequence[Operation], form: dict[SSAValue, SSAValue]) -> None:
        for item in new:
            Rewriter.insert_op(item, InsertPoint.before(op))
        new[-1].results[0].name_hint = op.results[0].name_hint
        form[op.results[0]] = new[-1].results[0]

    def _layer(self, op: Operation) -> None:
        (result,) = op.results
        permutation = _to_last(len(shape_of(result)))
        shape = [shape_of(result)[axis] for axis in permutation]
        new = type(op).create(
            operands=[self._in_last(op.operands[0], op), *op.operands[1:]],
            result_types=[tensor(element_type(result), shape)],
            properties={**op.properties, "channels_last": UnitAttr()},
        )
        self._become(op, [with_proof(op, at(new, op))], self.last)

    def _transpose(self, op: TransposeOp) -> None:
        """Meets what this pass did to its operand, and may cancel with it."""
        source, permutation = self.plain.get(op.input, op.input), op.permutation
        if source in self.last:
            first = inverse(_to_last(len(permutation)))
            source, permutation = self.last[source], tuple(first[axis] for axis in permutation)
        if op.result in self.wanted or permutation == inverse(_to_last(len(permutation))):
            permutation = tuple(permutation[axis] for axis in _to_last(len(permutation)))
            self.last[op.result] = self._moved(source, permutation, op)
        else:
            self.plain[op.result] = self._moved(source, permutation, op)

    def _reshape(self, op: ReshapeOp) -> bool:
        """Of an image whose channels are last; False if its elements have to go back first."""
        source, shape = self.last[op.input], shape_of(op.result)
        places = np.arange(prod(shape_of(op.input))).reshape(shape_of(op.input))
        moved = places.transpose(_to_last(places.ndim)).reshape(-1)
        if not bool((moved == places.reshape(-1)).all()):
            if op.result not in self.flat or moved.size != shape[-1]:
                return False
            self.order[op.result] = moved
        new = ReshapeOp(source, shape)
        self._become(op, [at(new, op)], self.plain)
        return True

    def _vector(self, op: Operation) -> None:
        """An op on a vector with permuted elements: its constants permute too."""
        (operand,) = [operand for operand in op.operands if operand in self.order]
        order = self.order[operand]
        for index, value in enumerate(op.operands):
            axis = 0 if isinstance(op, (MatMulOp, *ROWS)) else -1
            op.operands[index] = self.plain[value] if value is operand else permuted(value, axis, order, op)
        if not isinstance(op, MatMulOp):
            self.order[op.results[0]] = order
            self.plain[op.results[0]] = op.results[0]

    def _in_last(self, value: SSAValue, user: Operation) -> SSAValue:
        if value not in self.last:
            self.last[value] = self._moved(self.plain.get(value, value), _to_last(len(shape_of(value))), user)
        return self.last[value]

    def _in_plain(self, value: SSAValue, user: Operation) -> SSAValue:
        if value not in self.plain and value in self.last:
            source = self.last[value]
            self.plain[value] = self._moved(source, inverse(_to_last(len(shape_of(value)))), user)
        return self.plain.get(value, value)

    def _moved(self, value: SSAValue, permutation: Permutation, user: Operation) -> SSAValue:
        """`value` transposed, in front of `user`: an image without need for it is the value itself or a reshape."""
        shape = [shape_of(value)[axis] for axis in permutation]
        kept = [axis for axis in permutation if shape_of(value)[axis] > 1]
        if permutation == tuple(range(len(permutation))):
            return value
        if kept == sorted(kept):
            source = value.owner.input if isinstance(value.owner, ReshapeOp) else value
            if list(shape_of(source)) == shape:
                return source
            new: Operation = ReshapeOp(source, shape)
        else:
            new = TransposeOp(value, permutation)
        Rewriter.insert_op(at(new, user), InsertPoint.before(user))
        new.results[0].name_hint = value.name_hint
        return new.results[0]


def _rewrite(function: FuncOp) -> None:
    block = function.body.block
    move_views(block)
    ops = list(block.ops)
    rewriting = _Rewriting(_wanted(ops), _flat(ops))
    for op in ops:
        rewriting.rewrite(op)
    _erase_unused(block)


def _erase_unused(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if not isinstance(op, ReturnOp) and all(result.first_use is None for result in op.results):
            Rewriter.erase_op(op)


@dataclass(frozen=True)
class MakeChannelsLastPass(ModulePass):
    """Give integer convolutions and pools their channels last."""

    name = "q-make-channels-last"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = function_named(op, "main")
        if main is not None and any(map(_wants_last, main.body.block.ops)):
            _rewrite(main)
