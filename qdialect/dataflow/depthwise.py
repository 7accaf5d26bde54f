# SPDX-License-Identifier: Apache-2.0
"""`dataflow.depthwise`: the windows of each channel times the channel's own weights."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from ..attrs import RangeAttr
from ..q.inference import verify_holds
from ..types import shape_of
from .assembly import (
    divisors,
    parse_next_value,
    parse_optional_value,
    parse_range,
    parse_result_type,
    parse_stream,
    print_operands,
    print_optional_value,
    print_range,
    print_result_type,
)
from .sliding_window import verify_windows
from .types import StreamType, stream_type
from .weighted_sums import Memory, MemoryAttr, WeightedSumsOp


@irdl_op_definition
class DepthwiseOp(WeightedSumsOp):
    """Depthwise matrix-vector unit: `out[c] = bias[c] + sum over k of weights[c, k] * x[c, k]`, PE channels a beat.

    x is the windows of a `dataflow.sliding_window ... depthwise`, whose lanes are the PE; weights are [C, taps of the
    kernel]. A beat of windows takes a cycle. Exact: the result type holds every result that the types and constants
    allow, or every code of `range`, a proof.
    ```mlir
    %a = dataflow.depthwise %windows, %w bias %b -> !q.fixed<12, 0>
    ```
    """

    name = "dataflow.depthwise"

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        accumulator: Attribute,
        *,
        bias: SSAValue | None = None,
        memory: Memory | None = None,
        range: RangeAttr | None = None,
    ):
        """`accumulator`: element type of the result."""
        windows, taps = stream_type(input), max(shape_of(weights)[1], 1)
        super().__init__(
            operands=[input, weights, bias],
            result_types=[StreamType(accumulator, windows.lanes, max(windows.beats // taps, 1))],
            properties={"memory": MemoryAttr(memory) if memory else None, "range": range},
        )

    @property
    def input_lanes(self) -> int:
        return self.input_type.lanes

    @property
    def follows_input(self) -> bool:
        return True

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.rows)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> DepthwiseOp:
        type_ = self.result_type.element_type
        return DepthwiseOp(inputs[0], self.weights, type_, bias=self.bias, memory=self.memory, range=self.range)

    @classmethod
    def parse(cls, parser: Parser) -> DepthwiseOp:
        input, position = parse_stream(parser), parser.pos
        weights = parse_next_value(parser)
        if not isinstance(weights.type, TensorType) or len(weights.type.get_shape()) != 2:
            parser.raise_error(f"weights are a tensor [channels, taps], not {weights.type}", position, parser.pos)
        bias = parse_optional_value(parser, "bias")
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        op = cls(input, weights, parse_result_type(parser), bias=bias, memory=memory, range=range_)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.weights)
        print_optional_value(printer, "bias", self.bias)
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        print_range(printer, "range", self.range)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_constants()
        channels = verify_windows(self, self.columns).image[2]
        if channels != self.rows:
            raise self.fault(
                f"has weights for {self.rows} channels, but its windows have {channels}; "
                "mend: give the weights one row a channel"
            )
        windows = self.input_type
        expected = StreamType(self.result_type.element_type, windows.lanes, windows.beats // self.columns)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")
        verify_holds(self.name, expected.element_type, self.result_range(), self.fraction_bits, self.range)
