# SPDX-License-Identifier: Apache-2.0
"""The type of a value that flows: elements a beat, beats a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import I64, IntAttr, IntegerAttr, i64
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ..attrs import MAX_ELEMENTS
from ..formats import IntegerFormat
from ..types import SharedType, integer_format, is_integer_type

Count: TypeAlias = IntegerAttr[I64]  # PE, SIMD, depth, ...: a whole number, printed bare


def count(number: int) -> Count:
    """The attribute of a PE, SIMD, depth, ..."""
    return IntegerAttr(number, i64)


@irdl_attr_definition
class StreamType(ParametrizedAttribute, TypeAttribute):
    """`!dataflow.stream<T, lanes = L, beats = B>`: one frame is B beats of L elements of type T.

    Elements keep the row-major order of the tensor: element index = beat * lanes + lane. T is an integer type (fixed,
    ufixed, bipolar). Frames follow each other without a gap or a mark.
    """

    name = "dataflow.stream"

    element_type: Attribute = param_def()
    lanes_attr: IntAttr = param_def(converter=IntAttr.get)
    beats_attr: IntAttr = param_def(converter=IntAttr.get)

    def __init__(self, element_type: Attribute, lanes: int, beats: int):
        super().__init__(element_type, lanes, beats)

    @property
    def lanes(self) -> int:
        """Elements a beat."""
        return self.lanes_attr.data

    @property
    def beats(self) -> int:
        """Beats a frame."""
        return self.beats_attr.data

    @property
    def elements(self) -> int:
        """Elements a frame."""
        return self.lanes * self.beats

    @property
    def format(self) -> IntegerFormat:
        """Format of one element."""
        return integer_format(self.element_type)

    @property
    def width(self) -> int:
        """Bits of one beat."""
        return self.lanes * self.format.word_length

    def with_lanes(self, lanes: int) -> StreamType:
        """The same frame, `lanes` elements a beat; `lanes` divides the elements of the frame."""
        assert self.elements % lanes == 0, (self, lanes)
        return StreamType(self.element_type, lanes, self.elements // lanes)

    def verify(self) -> None:
        fault = _stream_fault(self.element_type, self.lanes, self.beats)
        if fault:
            raise VerifyException(fault)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            element_type = parser.parse_type()
            lanes = _parse_field(parser, "lanes")
            beats = _parse_field(parser, "beats")
            fault = _stream_fault(element_type, lanes, beats)
            if fault:
                parser.raise_error(fault, position, parser.pos)
        return (element_type, IntAttr(lanes), IntAttr(beats))

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string("<")
        printer.print_attribute(self.element_type)
        printer.print_string(f", lanes = {self.lanes}, beats = {self.beats}>")


def _parse_field(parser: AttrParser, keyword: str) -> int:
    parser.parse_punctuation(",")
    parser.parse_keyword(keyword)
    parser.parse_punctuation("=")
    return parser.parse_integer(allow_boolean=False)


def element_fault(element_type: Attribute) -> str | None:
    """Why a stream cannot carry `element_type`, or None."""
    if is_integer_type(element_type) and not isinstance(element_type, SharedType):
        return None
    return (
        f"!dataflow.stream cannot carry {element_type}; "
        "mend: quantise to !q.fixed, !q.ufixed or !q.bipolar before the hardware part"
    )


def _stream_fault(element_type: Attribute, lanes: int, beats: int) -> str | None:
    fault = element_fault(element_type)
    if fault is not None:
        return fault
    if lanes < 1 or beats < 1:
        return f"!dataflow.stream needs at least 1 lane and 1 beat, got lanes = {lanes}, beats = {beats}"
    if lanes * beats > MAX_ELEMENTS:
        return f"!dataflow.stream has at most {MAX_ELEMENTS} elements a frame, got lanes = {lanes}, beats = {beats}"
    return None


def stream_type(value: SSAValue | Attribute) -> StreamType:
    """The stream type of a value (or the type itself); anything else is a program fault."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, StreamType), type_
    return type_
