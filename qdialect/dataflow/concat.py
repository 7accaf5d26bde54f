# SPDX-License-Identifier: Apache-2.0
"""`dataflow.concat`: streams joined along their channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, prop_def, result_def, traits_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..formats import IntRange
from ..q.inference import aligned, verify_holds
from .assembly import (
    divisors,
    divisors_text,
    parse_counts,
    parse_optional_lanes,
    parse_result_type,
    parse_streams,
    print_lanes,
    print_operands,
    print_result_type,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class ConcatOp(FoldableOp):
    """Streams joined pixel by pixel: the channels of the first, then those of the second, ...; one beat a cycle.

    `channels` counts those of each stream; elements keep their order within a pixel. Lanes divide each of them. Exact:
    the result has the finest quantum, and its type holds every code of the operands' types.
    ```mlir
    %y = dataflow.concat %a, %b channels [16, 32] lanes 4 -> !q.fixed<8, 0>
    ```
    """

    name = "dataflow.concat"
    inputs = var_operand_def(AnyStream)
    result = result_def(AnyStream)
    channels_attr = prop_def(DenseArrayBase.constr(i64), prop_name="channels")
    traits = traits_def(Pure())

    def __init__(self, inputs: Sequence[SSAValue], channels: Sequence[int], element_type: Attribute, *, lanes: int = 1):
        elements = sum(stream_type(value).elements for value in inputs)
        super().__init__(
            operands=[inputs],
            result_types=[StreamType(element_type, lanes, max(elements // lanes, 1))],
            properties={"channels": DenseArrayBase.from_list(i64, channels)},
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels a pixel of each stream."""
        return self.channels_attr.get_values()

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    def fraction_bits(self) -> int:
        """Those of the finest operand."""
        return max(stream_type(value).format.fraction_bits for value in self.inputs)

    def result_range(self) -> IntRange:
        """Codes that the result can take by the types alone."""
        formats = [stream_type(value).format for value in self.inputs]
        ranges = [aligned(format_.code_range, format_.fraction_bits, self.fraction_bits) for format_ in formats]
        return IntRange(min(range_.lo for range_ in ranges), max(range_.hi for range_ in ranges))

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(gcd(*self.channels))]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> ConcatOp:
        return ConcatOp(inputs, self.channels, self.result_type.element_type, lanes=folding[1])

    @classmethod
    def parse(cls, parser: Parser) -> ConcatOp:
        inputs, channels = parse_streams(parser), parse_counts(parser, "channels")
        lanes = parse_optional_lanes(parser, cls.name, inputs[0])
        op = cls(inputs, channels, parse_result_type(parser), lanes=lanes)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, *self.inputs)
        printer.print_string(f" channels {list(self.channels)}")
        print_lanes(printer, self.input_type, self.result_type)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self._verify_channels()
        lanes, common = self.input_lanes, gcd(*self.channels)
        if common % lanes:
            raise self.fault(
                f"has {lanes} lanes, which do not divide the channels {list(self.channels)}; "
                f"mend: choose one of {divisors_text(common)}"
            )
        elements = sum(stream_type(value).elements for value in self.inputs)
        expected = StreamType(self.result_type.element_type, lanes, elements // lanes)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")
        verify_holds(self.name, expected.element_type, self.result_range(), self.fraction_bits, None)

    def _verify_channels(self) -> None:
        if len(self.inputs) < 2 or len(self.channels) != len(self.inputs):
            raise self.fault(
                f"joins {len(self.inputs)} streams with {len(self.channels)} numbers of channels; "
                "mend: give two streams or more, and the channels of each"
            )
        pixels: set[int] = set()
        for value, channels in zip(self.inputs, self.channels, strict=True):
            elements = stream_type(value).elements
            if channels < 1 or elements % channels:
                raise self.fault(
                    f"takes {channels} channels of a stream of {elements} elements a frame; mend: choose a divisor"
                )
            pixels.add(elements // channels)
        if len(pixels) > 1:
            counts = ", ".join(map(str, sorted(pixels)))
            raise self.fault(f"joins frames of {counts} pixels; mend: give each stream its channels a pixel")
