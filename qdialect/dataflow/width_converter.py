# SPDX-License-Identifier: Apache-2.0
"""`dataflow.width_converter`: the same elements, more or fewer in a beat."""

from __future__ import annotations

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from .assembly import lanes_fault, parse_count, parse_stream, print_operands
from .types import stream_type
from .unit import AnyStream, UnitOp


@irdl_op_definition
class WidthConverterOp(UnitOp):
    """Regroups a stream into beats of other lanes; order and values stay. The busier side moves a beat a cycle.

    ```mlir
    %y = dataflow.width_converter %x lanes 16
    ```
    """

    name = "dataflow.width_converter"
    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, lanes: int):
        super().__init__(operands=[input], result_types=[stream_type(input).with_lanes(lanes)])

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    @classmethod
    def parse(cls, parser: Parser) -> WidthConverterOp:
        input = parse_stream(parser)
        position = parser.pos
        lanes = parse_count(parser, "lanes")
        elements = stream_type(input).elements
        if elements % lanes:
            parser.raise_error(lanes_fault(cls.name, lanes, elements), position, parser.pos)
        op = cls(input, lanes)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" lanes {self.result_type.lanes}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_same_frame()
        before, after = self.input_type.element_type, self.result_type.element_type
        if before != after:
            raise self.fault(f"keeps the element type {before}, not {after}; mend: write {before}")
