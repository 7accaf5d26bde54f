# SPDX-License-Identifier: Apache-2.0
"""`dataflow.threshold`: multi-threshold activation of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import Array
from ..q.base import IntegerTensor
from ..q.quantize import verify_threshold_codes, verify_thresholds
from ..types import element_type, integer_format, shape_of
from .assembly import (
    divisors,
    parse_integer,
    parse_next_value,
    parse_optional_lanes,
    parse_optional_value,
    parse_result_type,
    parse_stream,
    print_lanes,
    print_operands,
    print_optional_value,
    print_result_type,
)
from .types import StreamType, count, stream_type
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class ThresholdOp(FoldableOp):
    """Multi-threshold activation: counts the thresholds that an element reaches, one beat a cycle.

    `code = base + #{k : x >= T[c][k]}`, or `base + B - #{...}` in channels that `descending` flags with 1; thresholds
    are [C or 1, B], the channel c of an element is its index in the frame modulo C. A `!q.bipolar` result has one
    threshold and base -1, and gives -1 or +1. Lanes are those of the result. Exact.
    ```mlir
    %y = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
    ```
    """

    name = "dataflow.threshold"
    input = operand_def(AnyStream)
    thresholds = operand_def(IntegerTensor)
    descending = opt_operand_def(IntegerTensor)
    result = result_def(AnyStream)
    base_attr = prop_def(IntegerAttr.constr(i64), prop_name="base")
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        thresholds: SSAValue,
        result_element: Attribute,
        base: int,
        *,
        descending: SSAValue | None = None,
        lanes: int = 1,
    ):
        elements = stream_type(input).elements
        super().__init__(
            operands=[input, thresholds, descending],
            result_types=[StreamType(result_element, lanes, elements // lanes)],
            properties={"base": count(base)},
        )

    @property
    def base(self) -> int:
        """Output code below all thresholds (bipolar: -1)."""
        return self.base_attr.value.data

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    def channels(self) -> int:
        """Rows of thresholds."""
        return shape_of(self.thresholds)[0]

    @property
    def threshold_codes(self) -> Array:
        """Thresholds in quanta of the input: the least codes that reach them."""
        codes = self.constant(self.thresholds, "thresholds")
        own = integer_format(element_type(self.thresholds)).fraction_bits
        shift = self.input_type.format.fraction_bits - own
        if shift == 0:
            return codes
        codes = codes.astype(object)
        return codes * (1 << shift) if shift > 0 else -(-codes // (1 << -shift))

    @property
    def descending_flags(self) -> Array | None:
        return None if self.descending is None else self.constant(self.descending, "descending")

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> ThresholdOp:
        type_ = self.result_type.element_type
        return ThresholdOp(inputs[0], self.thresholds, type_, self.base, descending=self.descending, lanes=folding[1])

    @classmethod
    def parse(cls, parser: Parser) -> ThresholdOp:
        input, thresholds = parse_stream(parser), parse_next_value(parser)
        descending = parse_optional_value(parser, "descending")
        base = parse_integer(parser, "base")
        lanes = parse_optional_lanes(parser, cls.name, input)
        op = cls(input, thresholds, parse_result_type(parser), base, descending=descending, lanes=lanes)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.thresholds)
        print_optional_value(printer, "descending", self.descending)
        printer.print_string(f" base {self.base}")
        print_lanes(printer, self.input_type, self.result_type)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_same_frame()
        shape, elements = shape_of(self.thresholds), self.input_type.elements
        if len(shape) == 2 and shape[0] and elements % shape[0]:
            raise self.fault(
                f"has {shape[0]} rows of thresholds, which do not divide the {elements} elements of a frame; "
                "mend: give one row, or one for each channel"
            )
        verify_thresholds(self, self.thresholds, self.descending, shape[:1])
        verify_threshold_codes(self, self.result_type.element_type, self.base, shape[1])
