# SPDX-License-Identifier: Apache-2.0
"""What ops share that multiply a stream with constant weights and add up."""

from __future__ import annotations

from abc import ABC

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import SpacedOpaqueSyntaxAttribute
from xdsl.irdl import irdl_attr_definition, operand_def, opt_operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from ..attrs import Array, RangeAttr
from ..formats import IntegerFormat, IntRange
from ..q.base import IntegerTensor
from ..q.inference import signed_sums
from ..types import SharedType, element_type, integer_format, shape_of
from .unit import AnyStream, FoldableOp


class Memory(StrEnum):
    """Where weights are kept; without it synthesis decides."""

    BLOCK = "block"
    DISTRIBUTED = "distributed"


@irdl_attr_definition
class MemoryAttr(EnumAttribute[Memory], SpacedOpaqueSyntaxAttribute):
    """Where a unit keeps its weights: block, distributed."""

    name = "dataflow.memory"


class WeightedSumsOp(FoldableOp, ABC):
    """`out[r] = bias[r] + sum over c of weights[r, c] * x[c]`; a subclass says what is x for each row."""

    input = operand_def(AnyStream)
    weights = operand_def(IntegerTensor)
    bias = opt_operand_def(IntegerTensor)
    result = result_def(AnyStream)
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    @property
    def rows(self) -> int:
        """MH, outputs of the matrix."""
        return shape_of(self.weights)[0]

    @property
    def columns(self) -> int:
        """MW, inputs of the matrix."""
        return shape_of(self.weights)[1]

    @property
    def weight_codes(self) -> Array:
        return self.constant(self.weights, "weights")

    @property
    def bias_codes(self) -> Array | None:
        return None if self.bias is None else self.constant(self.bias, "bias")

    @property
    def weight_format(self) -> IntegerFormat:
        return integer_format(element_type(self.weights))

    @property
    def shares_values(self) -> bool:
        """Whether weights are indices into codebooks."""
        return isinstance(element_type(self.weights), SharedType)

    def result_range(self) -> IntRange:
        """Codes that the result can take by the types and constants alone."""
        return self.range_from(self.input_type.format.code_range)

    @property
    def frame_bias(self) -> Array | None:
        """Bias of the rows of each vector of a frame, or of every one: [vectors or 1, rows]."""
        return None if self.bias_codes is None else self.bias_codes.reshape(1, -1)

    def range_from(self, x: IntRange) -> IntRange:
        """Codes that the result can take if the inputs are codes in `x`; with one bias each bound is reached."""
        bias = np.zeros((1, self.rows), np.int64) if self.frame_bias is None else self.frame_bias
        ends = (end(axis=0).tolist() for end in (bias.min, bias.max))
        sums = zip(*signed_sums(self.weight_codes, 1), *ends, strict=True)
        corners = [(n * x.lo * -1 + p * x.hi + high, p * x.lo - n * x.hi + low) for p, n, low, high in sums]
        return IntRange(min(low for _, low in corners), max(high for high, _ in corners))

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape that a bias has."""
        return (self.rows,)

    @property
    def fraction_bits(self) -> int:
        """Those of a product."""
        return self.input_type.format.fraction_bits + self.weight_format.fraction_bits

    def verify_constants(self) -> None:
        """VerifyException unless weights are a matrix and the bias has one element a row, in quanta of the products."""
        weights = self.weights.type
        if not isinstance(weights, TensorType) or len(weights.get_shape()) != 2 or 0 in weights.get_shape():
            raise self.fault(f"needs weights of shape [rows, columns], got {weights}")
        self._verify_bias(self.fraction_bits)

    def _verify_bias(self, fraction_bits: int) -> None:
        if self.bias is None:
            return
        if shape_of(self.bias) != self.bias_shape:
            raise self.fault(
                f"needs a bias of shape {list(self.bias_shape)}, got {list(shape_of(self.bias))}; "
                "mend: give one element for each row of the weights"
            )
        actual = integer_format(element_type(self.bias)).fraction_bits
        if actual != fraction_bits:
            raise self.fault(
                f"needs a bias with {fraction_bits} fraction bits (those of input and weights), got {actual}; "
                f"mend: scale the codes of the bias by 2^{fraction_bits - actual}"
            )
