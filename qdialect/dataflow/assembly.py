# SPDX-License-Identifier: Apache-2.0
"""Text of the units: `%y = dataflow.NAME %x, %constant CLAUSE ... -> ELEMENT_TYPE`.

The types of streams are not written: they follow from the operands, PE, SIMD and lanes. So a person who edits a PE, a
SIMD, lanes or an element type edits one place, and what comes after follows.
"""

from __future__ import annotations

from math import isqrt

from xdsl.ir import Attribute, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer

from ..attrs import RangeAttr
from .types import StreamType, element_fault, stream_type

MAX_COUNT = 1 << 40  # a larger number of lanes or beats is a typing mistake


def parse_value(parser: Parser) -> SSAValue:
    """An operand whose type follows from its definition, which stands above."""
    operand = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(operand.operand_name)
    if values is None or operand.index >= len(values):
        parser.raise_error(f"{operand.span.text} is not defined above", operand.span)
    return values[operand.index]


def parse_stream(parser: Parser) -> SSAValue:
    """An operand that is a stream."""
    position = parser.pos
    value = parse_value(parser)
    if not isinstance(value.type, StreamType):
        parser.raise_error(f"a unit takes a stream, not {value.type}", position, parser.pos)
    return value


def parse_next_value(parser: Parser) -> SSAValue:
    """`, %value`."""
    parser.parse_punctuation(",")
    return parse_value(parser)


def parse_next_stream(parser: Parser) -> SSAValue:
    """`, %stream`."""
    parser.parse_punctuation(",")
    return parse_stream(parser)


def parse_streams(parser: Parser) -> list[SSAValue]:
    """`%a, %b, ...`: one stream or more."""
    return parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_stream(parser))


def parse_optional_value(parser: Parser, keyword: str) -> SSAValue | None:
    """`keyword %value`, or nothing."""
    return parse_value(parser) if parser.parse_optional_keyword(keyword) else None


def parse_count(parser: Parser, keyword: str) -> int:
    """`keyword 28`: a positive number."""
    parser.parse_keyword(keyword)
    return _parse_positive(parser, keyword)


def parse_counts(parser: Parser, keyword: str) -> list[int]:
    """`keyword [16, 32]`: positive numbers."""
    parser.parse_keyword(keyword)
    return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_positive(parser, keyword))


def parse_optional_counts(parser: Parser, keyword: str, number: int) -> list[int] | None:
    """`keyword [16, 32]`: so many positive numbers, or nothing."""
    position = parser.pos
    if not parser.parse_optional_keyword(keyword):
        return None
    counts = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_positive(parser, keyword))
    if len(counts) != number:
        parser.raise_error(f"{keyword} takes {number} numbers, got {len(counts)}", position, parser.pos)
    return counts


def parse_optional_count(parser: Parser, keyword: str) -> int | None:
    """`keyword 28`, or nothing."""
    return _parse_positive(parser, keyword) if parser.parse_optional_keyword(keyword) else None


def _parse_positive(parser: Parser, keyword: str) -> int:
    position = parser.pos
    number = parser.parse_integer(allow_boolean=False)
    if not 1 <= number <= MAX_COUNT:
        parser.raise_error(f"{keyword} is at least 1, got {number}", position, parser.pos)
    return number


def parse_integer(parser: Parser, keyword: str) -> int:
    """`keyword -3`."""
    parser.parse_keyword(keyword)
    return parser.parse_integer(allow_boolean=False)


def parse_optional_integer(parser: Parser, keyword: str) -> int | None:
    """`keyword -3`, or nothing."""
    return parser.parse_integer(allow_boolean=False) if parser.parse_optional_keyword(keyword) else None


def parse_optional_integers(parser: Parser, keyword: str) -> list[int] | None:
    """`keyword [0, 1]`, or nothing."""
    if not parser.parse_optional_keyword(keyword):
        return None
    return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False))


def parse_range(parser: Parser) -> RangeAttr:
    """`<-3, 3>`."""
    return RangeAttr.new(RangeAttr.parse_parameters(parser))


def parse_result_type(parser: Parser) -> Attribute:
    """`-> ELEMENT_TYPE`."""
    parser.parse_punctuation("->")
    position = parser.pos
    type_ = parser.parse_type()
    fault = element_fault(type_)
    if fault is not None:
        parser.raise_error(fault, position, parser.pos)
    return type_


def print_operands(printer: Printer, *values: SSAValue) -> None:
    """` %x, %w`."""
    printer.print_string(" ")
    printer.print_list(values, printer.print_ssa_value)


def print_optional_value(printer: Printer, keyword: str, value: SSAValue | None) -> None:
    if value is not None:
        printer.print_string(f" {keyword} ")
        printer.print_ssa_value(value)


def print_range(printer: Printer, keyword: str, range_: RangeAttr | None) -> None:
    if range_ is not None:
        printer.print_string(f" {keyword} <{range_.lo.data}, {range_.hi.data}>")


def print_result_type(printer: Printer, type_: Attribute) -> None:
    printer.print_string(" -> ")
    printer.print_attribute(type_)


def parse_optional_lanes(parser: Parser, name: str, input: SSAValue) -> int:
    """`lanes 4`, or nothing: the lanes of the input."""
    position = parser.pos
    lanes, type_ = parse_optional_count(parser, "lanes"), stream_type(input)
    if lanes is None:
        return type_.lanes
    if type_.elements % lanes:
        parser.raise_error(lanes_fault(name, lanes, type_.elements), position, parser.pos)
    return lanes


def print_lanes(printer: Printer, input: StreamType, result: StreamType) -> None:
    """` lanes 4` where the result has other lanes than the input."""
    if result.lanes != input.lanes:
        printer.print_string(f" lanes {result.lanes}")


def lanes_fault(name: str, lanes: int, elements: int) -> str:
    """What to say where `lanes` does not divide the elements of a frame."""
    return (
        f"{name} cannot make beats of {lanes} lanes from {elements} elements a frame; "
        f"mend: choose lanes from {divisors_text(elements)}"
    )


def divisors(number: int) -> list[int]:
    """All divisors of a positive number in rising order."""
    low = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return low + [number // d for d in reversed(low) if d * d != number]


def divisors_text(number: int) -> str:
    return ", ".join(map(str, divisors(number)))
