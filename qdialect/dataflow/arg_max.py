# SPDX-License-Identifier: Apache-2.0
"""`dataflow.arg_max`: index of the largest element of a frame."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..q.select import index_type
from .assembly import divisors, parse_stream, print_operands
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class ArgMaxOp(FoldableOp):
    """Index of the largest element of a frame, ties take the lowest index; one beat of one lane a frame.

    ```mlir
    %i = dataflow.arg_max %x
    ```
    """

    name = "dataflow.arg_max"
    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[_result_type(stream_type(input))])

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    @property
    def follows_input(self) -> bool:
        return True

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, 1) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> ArgMaxOp:
        return ArgMaxOp(inputs[0])

    @classmethod
    def parse(cls, parser: Parser) -> ArgMaxOp:
        op = cls(parse_stream(parser))
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        expected = _result_type(self.input_type)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")


def _result_type(input: StreamType) -> StreamType:
    return StreamType(index_type(input.elements), 1, 1)
