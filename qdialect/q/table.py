# SPDX-License-Identifier: Apache-2.0
"""`q.table`: any function of one integer, by look-up."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..attrs import Array
from ..types import BipolarType, QTensor, element_type, shape_of
from .base import IntegerTensor, QOp, tensor
from .inference import constant_of


@irdl_op_definition
class TableOp(QOp):
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
    base_attr = prop_def(IntegerAttr.constr(i64), prop_name="base")
    axis_attr = opt_prop_def(IntegerAttr.constr(i64), prop_name="axis")
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $table `base` $base (`axis` $axis^)? attr-dict `:` type($input) `,` type($table) `->` type($result)"
    )

    def __init__(self, input: SSAValue, table: SSAValue, base: int, axis: int | None = None):
        named = axis is not None and axis != len(shape_of(input)) - 1
        super().__init__(
            operands=[input, table],
            result_types=[tensor(element_type(table), shape_of(input))],
            properties={"base": IntegerAttr(base, i64), "axis": IntegerAttr(axis or 0, i64) if named else None},
        )

    @property
    def base(self) -> int:
        """The code of the first entry."""
        return self.base_attr.value.data

    @property
    def axis(self) -> int:
        """The axis of the channels."""
        return len(shape_of(self.input)) - 1 if self.axis_attr is None else self.axis_attr.value.data

    @property
    def trailing(self) -> int:
        """How many axes there are behind that of the channels."""
        return max(len(shape_of(self.input)) - 1 - self.axis, 0)

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
        rank, shape = len(shape_of(self.input)), shape_of(self.table)
        if self.axis_attr is not None and not 0 <= self.axis < rank:
            raise self.fault(f"has axis {self.axis}, but its input has {rank} axes; mend: count axes from 0")
        channels = shape_of(self.input)[self.axis] if rank else 1
        if len(shape) != 2 or shape[0] not in (1, channels) or not shape[1]:
            raise self.fault(f"needs a table of shape [1 or {channels}, N], got {list(shape)}")
        if constant_of(self.table) is None:
            raise self.fault("needs a constant table; mend: give it the result of a q.constant")
        (expected,) = self.infer_types()
        if self.result.type != expected:
            raise self.fault(f"gives {expected}, not {self.result.type}")
