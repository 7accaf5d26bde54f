# SPDX-License-Identifier: Apache-2.0
"""`dataflow.requantize`: multiply, add, shift, round, clip."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import Array, RangeAttr, RoundingAttr
from ..formats import FixedFormat, Rounding
from ..q.base import IntegerTensor
from ..types import element_type, integer_format, shape_of
from .assembly import (
    divisors,
    parse_integer,
    parse_next_value,
    parse_optional_lanes,
    parse_range,
    parse_result_type,
    parse_stream,
    print_lanes,
    print_operands,
    print_range,
    print_result_type,
)
from .types import StreamType, count, stream_type
from .unit import AnyStream, FoldableOp


@irdl_op_definition
class RequantizeOp(FoldableOp):
    """Requantiser: `code = clip(round((multiplier[c] * x + addend[c]) / 2^shift))`, one beat a cycle.

    All are integer codes; multiplier and addend are constants [C or 1] without fraction bits, the channel c of an
    element is its index in the frame modulo C. Lanes are those of the result. Exact but for the named rounding.
    ```mlir
    %y = dataflow.requantize %a, %m, %b shift 12 half_even clip <-127, 127> -> !q.fixed<8, 0>
    ```
    """

    name = "dataflow.requantize"
    input = operand_def(AnyStream)
    multiplier = operand_def(IntegerTensor)
    addend = operand_def(IntegerTensor)
    result = result_def(AnyStream)
    shift_attr = prop_def(IntegerAttr.constr(i64), prop_name="shift")
    rounding_attr = prop_def(RoundingAttr, prop_name="rounding")
    clip = prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        multiplier: SSAValue,
        addend: SSAValue,
        element_type: Attribute,
        *,
        shift: int,
        clip: RangeAttr,
        rounding: Rounding = Rounding.HALF_EVEN,
        lanes: int = 1,
    ):
        elements = stream_type(input).elements
        super().__init__(
            operands=[input, multiplier, addend],
            result_types=[StreamType(element_type, lanes, elements // lanes)],
            properties={"shift": count(shift), "rounding": RoundingAttr(rounding), "clip": clip},
        )

    @property
    def shift(self) -> int:
        return self.shift_attr.value.data

    @property
    def rounding(self) -> Rounding:
        return self.rounding_attr.data

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    def channels(self) -> int:
        """Period of the constants."""
        return max(shape_of(self.multiplier)[0], shape_of(self.addend)[0])

    @property
    def multiplier_codes(self) -> Array:
        return self.constant(self.multiplier, "multiplier")

    @property
    def addend_codes(self) -> Array:
        return self.constant(self.addend, "addend")

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.input_type.elements)]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> RequantizeOp:
        return RequantizeOp(
            inputs[0],
            self.multiplier,
            self.addend,
            self.result_type.element_type,
            shift=self.shift,
            clip=self.clip,
            rounding=self.rounding,
            lanes=folding[1],
        )

    @classmethod
    def parse(cls, parser: Parser) -> RequantizeOp:
        input, multiplier, addend = parse_stream(parser), parse_next_value(parser), parse_next_value(parser)
        shift = parse_integer(parser, "shift")
        rounding = parser.parse_str_enum(Rounding)  # pyright: ignore[reportArgumentType]  (xDSL has a StrEnum of its own)
        parser.parse_keyword("clip")
        clip = parse_range(parser)
        lanes = parse_optional_lanes(parser, cls.name, input)
        type_ = parse_result_type(parser)
        op = cls(input, multiplier, addend, type_, shift=shift, clip=clip, rounding=rounding, lanes=lanes)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input, self.multiplier, self.addend)
        printer.print_string(f" shift {self.shift} {self.rounding.value}")
        print_range(printer, "clip", self.clip)
        print_lanes(printer, self.input_type, self.result_type)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        self.verify_same_frame()
        self._verify_constants()
        format_, clip = self.result_type.format, self.clip.range
        if not isinstance(format_, FixedFormat):
            raise self.fault(f"makes !q.fixed or !q.ufixed, not {self.result_type.element_type}; mend: use thresholds")
        if self.shift < 0:
            raise self.fault(f"has shift {self.shift}; mend: scale multiplier and addend by 2^{-self.shift}, shift 0")
        if clip not in format_.code_range:
            held = format_.code_range
            raise self.fault(
                f"clips to [{clip.lo}, {clip.hi}], but {self.result_type.element_type} holds {held.lo} to {held.hi}; "
                f"mend: clip to <{max(clip.lo, held.lo)}, {min(clip.hi, held.hi)}> or widen the type"
            )

    def _verify_constants(self) -> None:
        lengths: set[int] = set()
        for name, operand in (("multiplier", self.multiplier), ("addend", self.addend)):
            self.constant(operand, name)
            shape = shape_of(operand)
            if len(shape) != 1 or not shape[0]:
                raise self.fault(f"needs {name} of shape [C or 1], got {list(shape)}; mend: reshape it")
            if integer_format(element_type(operand)).fraction_bits:
                raise self.fault(
                    f"needs {name} without fraction bits, got {element_type(operand)}; mend: count them in shift"
                )
            lengths.add(shape[0])
        channels = max(lengths)
        if lengths - {1, channels}:
            raise self.fault(f"has {min(lengths)} and {channels} constants; mend: give one or one a channel to both")
        if self.input_type.elements % channels:
            raise self.fault(
                f"has constants for {channels} channels, which do not divide the {self.input_type.elements} elements "
                "of a frame; mend: give one constant, or one for each channel"
            )
