# SPDX-License-Identifier: Apache-2.0
"""`dataflow.width_converter`: the same elements, more or fewer in a beat."""

from __future__ import annotations

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.traits import Pure

from .types import stream_type
from .unit import UnitOp


@irdl_op_definition
class WidthConverterOp(UnitOp):
    """Regroups a stream into beats of other lanes; order and values stay. The busier side moves a beat a cycle.

    ```mlir
    %y = dataflow.width_converter %x : !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 16>
        -> !dataflow.stream<!q.fixed<2, 0>, lanes = 16, beats = 4>
    ```
    """

    name = "dataflow.width_converter"
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, lanes: int):
        super().__init__(operands=[input], result_types=[stream_type(input).with_lanes(lanes)])

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    def verify_(self) -> None:
        self.verify_same_frame()
        before, after = self.input_type.element_type, self.result_type.element_type
        if before != after:
            raise self.fault(f"keeps the element type {before}, not {after}")
