# SPDX-License-Identifier: Apache-2.0
"""`q.table`: any function of one integer, by look-up."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import Array
from ..types import BipolarType, QTensor, element_type, shape_of
from .base import IntegerTensor, tensor
from .channelwise import ChannelwiseOp, base_and_axis
from .inference import constant_of


@irdl_op_definition
class TableOp(ChannelwiseOp):
    """Look-up table: the code `base + k` becomes entry k of the constant table [C or 1, N].

    Lower codes take the first entry, higher ones the last. The channel c of an element is its index along `axis` of
    `input`, by default the last; one row serves all channels. The result has the table's element type. Exact; stands
    for any elementwise function with the quantisers around it.
    ```mlir
    %y = q.table %x, %t base -2 : tensor<1x8x!q.fixed<2, 0>>, tensor<1x4x!q.ufixed<3, 0>> -> tensor<1x8x!q.ufixed<3, 0>>
    ```
    """

    name = "q.table"
    input = operand_def(IntegerTensor)
    table = operand_def(IntegerTensor)
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $table `base` $base (`axis` $axis^)? attr-dict `:` type($input) `,` type($table) `->` type($result)"
    )

    def __init__(self, input: SSAValue, table: SSAValue, base: int, axis: int | None = None):
        super().__init__(
            operands=[input, table],
            result_types=[tensor(element_type(table), shape_of(input))],
            properties=base_and_axis(input, base, axis),
        )

    @property
    def entries(self) -> Array:
        """Codes [C or 1, N] of the result."""
        constant = constant_of(self.table)
        assert constant is not None, "the verifier asks for a constant table"
        return constant.array

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(element_type(self.table), shape_of(self.input))]

    def verify_(self) -> None:
        if isinstance(element_type(self.input), BipolarType):
            raise self.fault("does not take !q.bipolar, whose two codes one threshold tells apart; mend: q.threshold")
        self.verify_axis()
        shape, channels = shape_of(self.table), self.channels[0] if self.channels else 1
        if len(shape) != 2 or shape[0] not in (1, channels) or not shape[1]:
            raise self.fault(f"needs a table of shape [1 or {channels}, N], got {list(shape)}")
        if constant_of(self.table) is None:
            raise self.fault("needs a constant table; mend: give it the result of a q.constant")
        self.verify_inferred_types()
