# SPDX-License-Identifier: Apache-2.0
"""Ops that move elements and change none: `q.reshape`, `q.transpose`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.interfaces import HasCanonicalizationPatternsInterface, HasFolderInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.traits import Pure

from ..attrs import DenseAttr
from ..types import QTensor, element_type, shape_of, tensor_type
from .base import AnyTensor, QOp, tensor
from .inference import constant_of


@irdl_op_definition
class ReshapeOp(QOp, HasFolderInterface, HasCanonicalizationPatternsInterface):
    """The same elements in row-major order under another shape.

    ```mlir
    %y = q.reshape %x : tensor<1x1x28x28xf32> -> tensor<1x784xf32>
    ```
    """

    name = "q.reshape"
    input = operand_def(AnyTensor)
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[input], result_types=[tensor(element_type(input), shape)])

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (MergeReshapes(),)

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """No change of shape is nothing; a reshaped constant is a constant."""
        if self.input.type == self.result.type:
            return (self.input,)
        constant = constant_of(self.input)
        if constant is None:
            return None
        return (DenseAttr(constant.array.reshape(shape_of(self.result)), tensor_type(self.result)),)

    def verify_(self) -> None:
        before, after = shape_of(self.input), shape_of(self.result)
        if prod(before) != prod(after):
            raise self.fault(f"cannot turn {prod(before)} elements of {list(before)} into {list(after)}")
        if element_type(self.input) != element_type(self.result):
            raise self.fault(f"keeps the element type {element_type(self.input)}, not {element_type(self.result)}")


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
class TransposeOp(QOp, HasFolderInterface):
    """Permuted axes: axis `i` of the result is axis `permutation[i]` of the input.

    ```mlir
    %y = q.transpose %x perm [1, 0] : tensor<64x784x!q.fixed<2, 0>> -> tensor<784x64x!q.fixed<2, 0>>
    ```
    """

    name = "q.transpose"
    input = operand_def(AnyTensor)
    permutation_attr = prop_def(DenseArrayBase.constr(i64), prop_name="permutation")
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = "$input `perm` $permutation attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        result_type: QTensor = tensor(element_type(input), [shape_of(input)[axis] for axis in permutation])
        permutation_attr = DenseArrayBase.from_list(i64, list(permutation))
        super().__init__(operands=[input], result_types=[result_type], properties={"permutation": permutation_attr})

    @property
    def permutation(self) -> tuple[int, ...]:
        return tuple(self.permutation_attr.get_values())

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """Axes in their order are nothing; a transposed constant is a constant."""
        if self.permutation == tuple(range(len(self.permutation))):
            return (self.input,)
        constant = constant_of(self.input)
        if constant is None:
            return None
        return (DenseAttr(constant.array.transpose(self.permutation), tensor_type(self.result)),)

    def verify_(self) -> None:
        before, permutation = shape_of(self.input), self.permutation
        if sorted(permutation) != list(range(len(before))):
            raise self.fault(f"needs a permutation of the axes 0 to {len(before) - 1}, got {list(permutation)}")
        expected = tensor(element_type(self.input), [before[axis] for axis in permutation])
        if self.result.type != expected:
            raise self.fault(f"gives {expected}, not {self.result.type}")
