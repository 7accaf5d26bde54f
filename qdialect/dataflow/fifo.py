# SPDX-License-Identifier: Apache-2.0
"""`dataflow.fifo`: a buffer of beats."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import VarConstraint, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from .assembly import parse_count, parse_stream, print_operands
from .types import count
from .unit import AnyStream, UnitOp


@irdl_op_definition
class FifoOp(UnitOp):
    """First-in first-out buffer of `depth` beats, so that neighbours need not run in step.

    ```mlir
    %y = dataflow.fifo %x depth 4
    ```
    """

    name = "dataflow.fifo"
    T: ClassVar = VarConstraint("T", AnyStream)
    input = operand_def(T)
    result = result_def(T)
    depth_attr = prop_def(IntegerAttr.constr(i64), prop_name="depth")
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, depth: int):
        super().__init__(operands=[input], result_types=[input.type], properties={"depth": count(depth)})

    @property
    def depth(self) -> int:
        """Capacity in beats."""
        return self.depth_attr.value.data

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    @classmethod
    def parse(cls, parser: Parser) -> FifoOp:
        op = cls(parse_stream(parser), parse_count(parser, "depth"))
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" depth {self.depth}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        if self.depth < 1:
            raise self.fault(f"has depth {self.depth}; mend: give room for at least 1 beat")
