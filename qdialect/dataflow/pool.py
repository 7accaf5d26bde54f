# SPDX-License-Identifier: Apache-2.0
"""`dataflow.max_pool`, `dataflow.sum_pool`: many elements of each channel become one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..formats import IntRange
from ..q.inference import verify_holds
from .assembly import (
    divisors,
    divisors_text,
    parse_count,
    parse_optional_count,
    parse_optional_lanes,
    parse_range,
    parse_result_type,
    parse_stream,
    print_lanes,
    print_operands,
    print_range,
    print_result_type,
)
from .sliding_window import verify_windows, windows_behind
from .types import StreamType, count, stream_type
from .unit import AnyStream, FoldableOp


class PoolOp(FoldableOp):
    """Reduces `taps` elements of each channel to one.

    A frame is [..., taps, channels], channels vary fastest. Without `channels` it is the windows of a
    `dataflow.sliding_window ... depthwise`: the lanes of the input are the channels.
    """

    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    taps_attr = prop_def(IntegerAttr.constr(i64), prop_name="taps")
    channels_attr = opt_prop_def(IntegerAttr.constr(i64), prop_name="channels")
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        element_type: Attribute,
        *,
        taps: int,
        channels: int | None = None,
        lanes: int | None = None,
        range: RangeAttr | None = None,
    ):
        """`lanes`: those of the result; without `channels` those of the input."""
        lanes = lanes or stream_type(input).lanes
        beats = stream_type(input).elements // taps // lanes
        super().__init__(
            operands=[input],
            result_types=[StreamType(element_type, lanes, max(beats, 1))],
            properties={
                "taps": count(taps),
                "channels": count(channels) if channels else None,
                "range": range,
            },
        )

    @property
    def taps(self) -> int:
        """Elements of a channel that become one."""
        return self.taps_attr.value.data

    @property
    def channels(self) -> int:
        """Channels that take turns: all of them, or those of a beat."""
        return self.channels_attr.value.data if self.channels_attr else self.input_type.lanes

    @property
    def follows_input(self) -> bool:
        return self.channels_attr is None

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes if self.follows_input else self.result_type.lanes

    @abstractmethod
    def result_range(self) -> IntRange:
        """Codes that the result can take by the types alone."""

    def foldings(self) -> list[tuple[int, int]]:
        if not self.follows_input:
            return [(lanes, lanes) for lanes in divisors(self.channels)]
        windows = windows_behind(self.input)
        possible = [self.input_lanes] if windows is None else divisors(windows.image[2])
        return [(lanes, lanes) for lanes in possible]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> PoolOp:
        channels, lanes = (None, None) if self.follows_input else (self.channels, folding[1])
        type_ = self.result_type.element_type
        return type(self)(inputs[0], type_, taps=self.taps, channels=channels, lanes=lanes, range=self.range)

    @classmethod
    def parse(cls, parser: Parser) -> PoolOp:
        input, taps = parse_stream(parser), parse_count(parser, "taps")
        channels = parse_optional_count(parser, "channels")
        lanes = None if channels is None else parse_optional_lanes(parser, cls.name, input)
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        type_ = cls._parse_type(parser, stream_type(input))
        op = cls(input, type_, taps=taps, channels=channels, lanes=lanes, range=range_)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" taps {self.taps}")
        if not self.follows_input:
            printer.print_string(f" channels {self.channels}")
            print_lanes(printer, self.input_type, self.result_type)
        print_range(printer, "range", self.range)
        self._print_type(printer)
        printer.print_op_attributes(self.attributes)

    @classmethod
    @abstractmethod
    def _parse_type(cls, parser: Parser, input: StreamType) -> Attribute:
        """Element type of the result."""

    @abstractmethod
    def _print_type(self, printer: Printer) -> None:
        """What `_parse_type` parses."""

    def verify_(self) -> None:
        elements, channels, lanes = self.input_type.elements, self.channels, self.result_type.lanes
        if self.follows_input:
            verify_windows(self, self.taps)
        if elements % (self.taps * channels):
            raise self.fault(
                f"takes {self.taps} x {channels} elements at a time, but a frame of its input has {elements}; "
                "mend: write taps and channels whose product divides that"
            )
        if channels % lanes:
            raise self.fault(
                f"has {lanes} lanes, which do not divide the {channels} channels; "
                f"mend: choose one of {divisors_text(channels)}"
            )
        lanes = self.input_lanes
        expected = StreamType(self.result_type.element_type, lanes, elements // self.taps // lanes)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")
        fraction_bits = self.input_type.format.fraction_bits
        verify_holds(self.name, expected.element_type, self.result_range(), fraction_bits, self.range)


@irdl_op_definition
class MaxPoolOp(PoolOp):
    """Largest of `taps` elements of each channel, one beat a cycle.

    A frame is [..., taps, channels], channels vary fastest: a whole image, with its pixels as taps, or windows. Lanes
    are those of the result. Without `channels` it is the `depthwise` windows of a `dataflow.sliding_window`, lanes are
    those of the windows, and no memory is needed. Exact.
    ```mlir
    %y = dataflow.max_pool %x taps 4
    %z = dataflow.max_pool %x taps 64 channels 32 lanes 4
    ```
    """

    name = "dataflow.max_pool"

    def result_range(self) -> IntRange:
        return self.input_type.format.code_range

    @classmethod
    def _parse_type(cls, parser: Parser, input: StreamType) -> Attribute:
        return input.element_type

    def _print_type(self, printer: Printer) -> None:
        pass

    def verify_(self) -> None:
        if self.result_type.element_type != self.input_type.element_type:
            raise self.fault(
                f"keeps the element type {self.input_type.element_type}, but gives {self.result_type.element_type}; "
                "mend: make both equal"
            )
        super().verify_()


@irdl_op_definition
class SumPoolOp(PoolOp):
    """Sum of `taps` elements of each channel, one beat a cycle.

    A frame is [..., taps, channels], channels vary fastest: a whole image, with its pixels as taps, or windows. Lanes
    are those of the result. Without `channels` it is the `depthwise` windows of a `dataflow.sliding_window`, lanes are
    those of the windows, and no memory is needed. Exact: the type of the result holds every sum of codes of the
    input's type, or every code of `range`, a proof.
    ```mlir
    %y = dataflow.sum_pool %x taps 4 -> !q.fixed<6, 0>
    %z = dataflow.sum_pool %x taps 64 channels 32 lanes 4 -> !q.fixed<10, 0>
    ```
    """

    name = "dataflow.sum_pool"

    def result_range(self) -> IntRange:
        codes = self.input_type.format.code_range
        return IntRange(self.taps * codes.lo, self.taps * codes.hi)

    @classmethod
    def _parse_type(cls, parser: Parser, input: StreamType) -> Attribute:
        return parse_result_type(parser)

    def _print_type(self, printer: Printer) -> None:
        print_result_type(printer, self.result_type.element_type)
