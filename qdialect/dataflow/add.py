# SPDX-License-Identifier: Apache-2.0
"""`dataflow.add`: the sum of two streams."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..formats import IntRange
from ..q.inference import aligned, verify_holds
from .assembly import (
    divisors,
    parse_next_stream,
    parse_optional_lanes,
    parse_range,
    parse_result_type,
    parse_stream,
    print_lanes,
    print_operands,
    print_range,
    print_result_type,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class AddOp(FoldableOp):
    """Sum of two streams, element by element, one beat a cycle; their quanta may differ.

    Exact: the result has the finer quantum, and its type holds every sum of codes of the operands' types, or every
    code of `range`, a proof. Lanes are those of the result.
    ```mlir
    %y = dataflow.add %a, %b lanes 4 -> !q.fixed<9, 0>
    ```
    """

    name = "dataflow.add"
    lhs = operand_def(AnyStream)
    rhs = operand_def(AnyStream)
    result = result_def(AnyStream)
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, element_type: Attribute, *, lanes: int = 1, range: RangeAttr | None = None
    ):
        elements = stream_type(lhs).elements
        super().__init__(
            operands=[lhs, rhs],
            result_types=[StreamType(element_type, lanes, elements // lanes)],
            properties={"range": range},
        )

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    def fraction_bits(self) -> int:
        """Those of the finer operand."""
        return max(stream_type(value).format.fraction_bits for value in self.operands)

    def result_range(self) -> IntRange:
        """Codes that the result can take by the types alone."""
        formats = [stream_type(value).format for value in self.operands]
        a, b = (aligned(format_.code_range, format_.fraction_bits, self.fraction_bits) for format_ in formats)
        return IntRange(a.lo + b.lo, a.hi + b.hi)

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> AddOp:
        lhs, rhs = inputs
        return AddOp(lhs, rhs, self.result_type.element_type, lanes=folding[1], range=self.range)

    @classmethod
    def parse(cls, parser: Parser) -> AddOp:
        lhs, rhs = parse_stream(parser), parse_next_stream(parser)
        lanes = parse_optional_lanes(parser, cls.name, lhs)
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        op = cls(lhs, rhs, parse_result_type(parser), lanes=lanes, range=range_)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.lhs, self.rhs)
        print_lanes(printer, self.input_type, self.result_type)
        print_range(printer, "range", self.range)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_same_frame()
        elements = [stream_type(value).elements for value in self.operands]
        if elements[0] != elements[1]:
            raise self.fault(
                f"adds frames of equal size, not of {elements[0]} and {elements[1]} elements; mend: make both equal"
            )
        verify_holds(self.name, self.result_type.element_type, self.result_range(), self.fraction_bits, self.range)
