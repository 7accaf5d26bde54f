# SPDX-License-Identifier: Apache-2.0
"""`dataflow.table`: any function of one element, by look-up."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import Array
from ..q.base import IntegerTensor
from ..types import element_type, is_integer_type, shape_of
from .assembly import (
    divisors,
    parse_next_value,
    parse_optional_lanes,
    parse_stream,
    print_lanes,
    print_operands,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp
from .weighted_sums import Memory, MemoryAttr

MAX_TABLE_WIDTH = 16  # bits of an input element: a table of more words costs more than the function


@irdl_op_definition
class TableOp(FoldableOp):
    """Look-up table: each element becomes the entry of its code, one beat a cycle.

    The table is [C or 1, 2^W] for elements of W bits: the entry of the lowest code comes first; the channel c of an
    element is its index in the frame modulo C. The result has the table's element type. Lanes are those of the result;
    each has a table. Exact.
    ```mlir
    %y = dataflow.table %x, %t lanes 4
    ```
    """

    name = "dataflow.table"
    input = operand_def(AnyStream)
    table = operand_def(IntegerTensor)
    result = result_def(AnyStream)
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, table: SSAValue, *, lanes: int = 1, memory: Memory | None = None):
        elements = stream_type(input).elements
        super().__init__(
            operands=[input, table],
            result_types=[StreamType(element_type(table), lanes, elements // lanes)],
            properties={"memory": MemoryAttr(memory) if memory else None},
        )

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    def channels(self) -> int:
        """Rows of the table."""
        return shape_of(self.table)[0]

    @property
    def entries(self) -> Array:
        """Codes [C or 1, 2^W] of the result."""
        return self.constant(self.table, "entries")

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> TableOp:
        return TableOp(inputs[0], self.table, lanes=folding[1], memory=self.memory)

    @classmethod
    def parse(cls, parser: Parser) -> TableOp:
        input, position = parse_stream(parser), parser.pos
        table = parse_next_value(parser)
        if not isinstance(table.type, TensorType) or not is_integer_type(table.type.element_type):
            parser.raise_error(f"entries are a tensor of codes, not {table.type}", position, parser.pos)
        lanes = parse_optional_lanes(parser, cls.name, input)
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        op = cls(input, table, lanes=lanes, memory=memory)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.table)
        print_lanes(printer, self.input_type, self.result_type)
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_same_frame()
        shape, width = shape_of(self.table), self.input_type.format.word_length
        if width > MAX_TABLE_WIDTH:
            raise self.fault(
                f"has elements of {width} bits, and tables have at most {MAX_TABLE_WIDTH}; "
                "mend: quantise to a shorter word before"
            )
        if len(shape) != 2 or shape[1] != 1 << width or shape[0] == 0 or self.input_type.elements % shape[0]:
            raise self.fault(
                f"has a table of shape {list(shape)} for elements of {width} bits; mend: give {1 << width} entries for "
                "all channels, or for each of them"
            )
        if self.result_type.element_type != element_type(self.table):
            raise self.fault(
                f"gives entries of type {element_type(self.table)}, not {self.result_type.element_type}; "
                "mend: make both equal"
            )
