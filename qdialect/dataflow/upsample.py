# SPDX-License-Identifier: Apache-2.0
"""`dataflow.upsample`: each pixel of an image several times."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from .assembly import (
    divisors,
    divisors_text,
    parse_counts,
    parse_optional_lanes,
    parse_stream,
    print_lanes,
    print_operands,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp
from .weighted_sums import Memory, MemoryAttr


@irdl_op_definition
class UpsampleOp(FoldableOp):
    """Nearest-neighbour upsampling: each row `factors[0]` times, each pixel of a row `factors[1]` times.

    An image is [H, W, C], channels vary fastest; lanes are those of the result and divide C. A beat is made in every
    cycle; the memory has what this needs, about a row if rows repeat. Exact.
    ```mlir
    %y = dataflow.upsample %x image [8, 8, 16] factors [2, 2] lanes 4
    ```
    """

    name = "dataflow.upsample"
    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    image_attr = prop_def(DenseArrayBase.constr(i64), prop_name="image")
    factors_attr = prop_def(DenseArrayBase.constr(i64), prop_name="factors")
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        image: Sequence[int],
        factors: Sequence[int],
        *,
        lanes: int = 1,
        memory: Memory | None = None,
    ):
        """`image`: H, W, C. `factors`: of rows, of columns."""
        type_ = stream_type(input)
        super().__init__(
            operands=[input],
            result_types=[StreamType(type_.element_type, lanes, type_.elements * factors[0] * factors[1] // lanes)],
            properties={
                "image": DenseArrayBase.from_list(i64, image),
                "factors": DenseArrayBase.from_list(i64, factors),
                "memory": MemoryAttr(memory) if memory else None,
            },
        )

    @property
    def image(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        height, width, channels = self.image_attr.get_values()
        return height, width, channels

    @property
    def factors(self) -> tuple[int, int]:
        """How often a row comes, and a pixel of it."""
        rows, columns = self.factors_attr.get_values()
        return rows, columns

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.image[2])]

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> UpsampleOp:
        return UpsampleOp(inputs[0], self.image, self.factors, lanes=folding[1], memory=self.memory)

    @classmethod
    def parse(cls, parser: Parser) -> UpsampleOp:
        input, position = parse_stream(parser), parser.pos
        image, factors = parse_counts(parser, "image"), parse_counts(parser, "factors")
        if len(image) != 3 or len(factors) != 2:
            parser.raise_error(
                f"{cls.name} takes image [rows, columns, channels], factors [rows, columns], not {image}, {factors}",
                position,
                parser.pos,
            )
        lanes = parse_optional_lanes(parser, cls.name, input)
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        op = cls(input, image, factors, lanes=lanes, memory=memory)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" image {list(self.image)} factors {list(self.factors)}")
        print_lanes(printer, self.input_type, self.result_type)
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        if len(self.image_attr) != 3 or len(self.factors_attr) != 2 or min(self.factors_attr.get_values()) < 1:
            raise self.fault("takes image [rows, columns, channels] and factors [rows, columns]; mend: write so many")
        height, width, channels = self.image
        if height * width * channels != self.input_type.elements:
            raise self.fault(
                f"takes an image of {height} x {width} x {channels} elements, but a frame of its input has "
                f"{self.input_type.elements}; mend: make both equal"
            )
        lanes = self.input_lanes
        if channels % lanes:
            raise self.fault(
                f"has {lanes} lanes, which do not divide the {channels} channels; "
                f"mend: choose one of {divisors_text(channels)}"
            )
        elements = self.input_type.elements * self.factors[0] * self.factors[1]
        expected = StreamType(self.input_type.element_type, lanes, elements // lanes)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")
