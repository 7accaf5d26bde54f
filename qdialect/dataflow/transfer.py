# SPDX-License-Identifier: Apache-2.0
"""`dataflow.send` and `dataflow.receive`: where the host's tensors meet the hardware's streams."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..q.base import IntegerTensor, QOp
from ..types import QTensor, element_type, is_integer_type, shape_of, tensor_type
from .assembly import lanes_fault, parse_count, parse_stream, parse_value, print_operands, print_result_type
from .types import StreamType, stream_type
from .unit import AnyStream


@irdl_op_definition
class ToStreamOp(QOp):
    """The host sends a tensor, elements in row-major order, one frame.

    ```mlir
    %s = dataflow.send %x lanes 28
    ```
    """

    name = "dataflow.send"
    input = operand_def(IntegerTensor)
    result = result_def(AnyStream)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, lanes: int = 1):
        elements = prod(shape_of(input))
        super().__init__(
            operands=[input], result_types=[StreamType(element_type(input), lanes, max(elements // lanes, 1))]
        )

    @classmethod
    def parse(cls, parser: Parser) -> ToStreamOp:
        position = parser.pos
        input = parse_value(parser)
        if not isinstance(input.type, TensorType) or not is_integer_type(element_type(input)):
            parser.raise_error(f"{cls.name} takes a tensor of codes, not {input.type}", position, parser.pos)
        position, lanes, elements = parser.pos, parse_count(parser, "lanes"), prod(shape_of(input))
        if elements % lanes:
            parser.raise_error(lanes_fault(cls.name, lanes, elements), position, parser.pos)
        op = cls(input, lanes)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" lanes {stream_type(self.result).lanes}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        _verify_transfer(self, self.input, self.result)


@irdl_op_definition
class FromStreamOp(QOp):
    """The host receives one frame as a tensor, elements in row-major order.

    ```mlir
    %y = dataflow.receive %s -> tensor<1x10x!q.fixed<9, 0>>
    ```
    """

    name = "dataflow.receive"
    input = operand_def(AnyStream)
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())

    def __init__(self, input: SSAValue, result_type: QTensor):
        super().__init__(operands=[input], result_types=[result_type])

    @classmethod
    def parse(cls, parser: Parser) -> FromStreamOp:
        input = parse_stream(parser)
        parser.parse_punctuation("->")
        position, type_ = parser.pos, parser.parse_type()
        if not isinstance(type_, TensorType) or not is_integer_type(type_.element_type):
            parser.raise_error(f"{cls.name} gives a tensor of codes, not {type_}", position, parser.pos)
        op = cls(input, tensor_type(type_))
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        print_result_type(printer, self.result.type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        _verify_transfer(self, self.result, self.input)


def _verify_transfer(op: QOp, tensor: SSAValue, stream: SSAValue) -> None:
    type_, elements = stream_type(stream), prod(shape_of(tensor))
    if type_.elements != elements:
        raise op.fault(f"moves {elements} elements a frame, but the stream has {type_.elements}; mend: make both equal")
    if type_.element_type != element_type(tensor):
        raise op.fault(
            f"keeps the element type {element_type(tensor)}, but the stream has {type_.element_type}; "
            "mend: make both equal"
        )
