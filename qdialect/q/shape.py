# SPDX-License-Identifier: Apache-2.0
"""Ops that move elements and change none: `q.reshape`, `q.transpose`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..attrs import Array
from ..types import element_type, shape_of
from .base import AnyTensor, MoveOp, QOp, tensor


@irdl_op_definition
class ReshapeOp(MoveOp, HasCanonicalizationPatternsInterface):
    """The same elements in row-major order under another shape.

    ```mlir
    %y = q.reshape %x : tensor<1x1x28x28xf32> -> tensor<1x784xf32>
    ```
    """

    name = "q.reshape"
    input = operand_def(AnyTensor)
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        QOp.__init__(self, operands=[input], result_types=[tensor(element_type(input), shape)])

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (MergeReshapes(),)

    def infer_shape(self) -> tuple[int, ...]:
        """The shape is the user's choice: it stands in the result type alone."""
        before, after = shape_of(self.input), shape_of(self.result)
        if prod(before) != prod(after):
            raise self.fault(f"cannot turn {prod(before)} elements of {list(before)} into {list(after)}")
        return after

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        (array,) = arrays
        return array.reshape((*array.shape[:lead], *shape_of(self.result)))

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """No change of shape is nothing; a reshaped constant is a constant."""
        return (self.input,) if self.input.type == self.result.type else super().fold()


class MergeReshapes(RewritePattern):
    """reshape(reshape(x))   =>   reshape(x)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        inner = op.input.owner
        if isinstance(inner, ReshapeOp):
            merged = ReshapeOp(inner.input, shape_of(op.result))
            merged.location = op.location
            rewriter.replace(op, merged)


@irdl_op_definition
class TransposeOp(MoveOp):
    """Permuted axes: axis `i` of the result is axis `permutation[i]` of the input.

    ```mlir
    %y = q.transpose %x perm [1, 0] : tensor<64x784x!q.fixed<2, 0>> -> tensor<784x64x!q.fixed<2, 0>>
    ```
    """

    name = "q.transpose"
    input = operand_def(AnyTensor)
    permutation_attr = prop_def(DenseArrayBase.constr(i64), prop_name="permutation")
    assembly_format = "$input `perm` $permutation attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        super().__init__([input], {"permutation": DenseArrayBase.from_list(i64, list(permutation))})

    @property
    def permutation(self) -> tuple[int, ...]:
        return tuple(self.permutation_attr.get_values())

    def infer_shape(self) -> tuple[int, ...]:
        before, permutation = shape_of(self.input), self.permutation
        if sorted(permutation) != list(range(len(before))):
            raise self.fault(f"needs a permutation of the axes 0 to {len(before) - 1}, got {list(permutation)}")
        return tuple(before[axis] for axis in permutation)

    def move(self, *arrays: Array, lead: int = 0) -> Array:
        return arrays[0].transpose(*range(lead), *(axis + lead for axis in self.permutation))

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """Axes in their order are nothing; a transposed constant is a constant."""
        return (self.input,) if self.permutation == tuple(range(len(self.permutation))) else super().fold()
