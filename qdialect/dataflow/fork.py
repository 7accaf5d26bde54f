# SPDX-License-Identifier: Apache-2.0
"""`dataflow.fork`: one stream for several units."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, traits_def, var_result_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from .assembly import divisors, parse_count, parse_stream, print_operands
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class ForkOp(FoldableOp):
    """Copies of a stream: a beat passes when every branch has taken it, each branch in a cycle of its own.

    ```mlir
    %a, %b = dataflow.fork %x copies 2
    ```
    """

    name = "dataflow.fork"
    input = operand_def(AnyStream)
    branches = var_result_def(AnyStream)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, copies: int = 2):
        super().__init__(operands=[input], result_types=[[input.type] * copies])

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    @property
    def follows_input(self) -> bool:
        return True

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> ForkOp:
        return ForkOp(inputs[0], len(self.results))

    @classmethod
    def parse(cls, parser: Parser) -> ForkOp:
        op = cls(parse_stream(parser), parse_count(parser, "copies"))
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" copies {len(self.results)}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        if len(self.results) < 2:
            raise self.fault(f"makes {len(self.results)} copies; mend: make at least 2, or remove the fork")
        for branch in self.branches:
            if branch.type != self.input.type:
                raise self.fault(f"copies {self.input.type}, not {branch.type}; mend: write {self.input.type}")
