# SPDX-License-Identifier: Apache-2.0
"""What `dataflow.interleave`, `dataflow.depth_to_space` and `dataflow.upsample` share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Self

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from .assembly import (
    divisors,
    divisors_text,
    parse_counts,
    parse_optional_lanes,
    parse_streams,
    print_lanes,
    print_operands,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp
from .weighted_sums import Memory, MemoryAttr


class GridOp(FoldableOp):
    """What the units share: an image [H, W, C], channels fastest, and factors of rows and columns."""

    result = result_def(AnyStream)
    image_attr = prop_def(DenseArrayBase.constr(i64), prop_name="image")
    factors_attr = prop_def(DenseArrayBase.constr(i64), prop_name="factors")
    traits = traits_def(Pure())

    @property
    def image(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        height, width, channels = self.image_attr.get_values()
        return height, width, channels

    @property
    def factors(self) -> tuple[int, int]:
        """How many rows and columns of the finer grid come of one."""
        rows, columns = self.factors_attr.get_values()
        return rows, columns

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    @property
    @abstractmethod
    def channels_out(self) -> int:
        """Channels of a pixel of the result, which lanes divide."""

    @classmethod
    def elements_out(cls, image: Sequence[int], factors: Sequence[int]) -> int:
        """Elements of a frame of the result."""
        return prod(image)

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.channels_out)]

    @classmethod
    @abstractmethod
    def of(cls, streams: Sequence[SSAValue], image: Sequence[int], factors: Sequence[int], lanes: int) -> Self:
        """The unit for these streams."""

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        inputs, position = parse_streams(parser), parser.pos
        image, factors = parse_counts(parser, "image"), parse_counts(parser, "factors")
        if len(image) != 3 or len(factors) != 2:
            parser.raise_error(
                f"{cls.name} takes image [rows, columns, channels], factors [rows, columns], not {image}, {factors}",
                position,
                parser.pos,
            )
        op = cls.of(inputs, image, factors, parse_optional_lanes(parser, cls.name, inputs[0]))
        op.parse_more(parser)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def parse_more(self, parser: Parser) -> None:
        """What stands behind the lanes."""

    def print(self, printer: Printer) -> None:
        print_operands(printer, *self.streams_in)
        printer.print_string(f" image {list(self.image)} factors {list(self.factors)}")
        print_lanes(printer, self.input_type, self.result_type)
        self.print_more(printer)
        printer.print_op_attributes(self.attributes)

    def print_more(self, printer: Printer) -> None:
        """What stands behind the lanes."""

    def verify_(self) -> None:
        numbers = (*self.image_attr.get_values(), *self.factors_attr.get_values())
        if len(self.image_attr) != 3 or len(self.factors_attr) != 2 or min(numbers) < 1:
            raise self.fault("takes image [rows, columns, channels] and factors [rows, columns]; mend: write so many")
        self.verify_frames()
        lanes = self.input_lanes
        if self.channels_out % lanes:
            raise self.fault(
                f"has {lanes} lanes, which do not divide the {self.channels_out} channels of its result; "
                f"mend: choose one of {divisors_text(self.channels_out)}"
            )
        elements = self.elements_out(self.image, self.factors)
        expected = StreamType(self.input_type.element_type, lanes, elements // lanes)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")

    @abstractmethod
    def verify_frames(self) -> None:
        """VerifyException unless the streams carry the image."""


class BufferedGridOp(GridOp):
    """A unit of one stream, whose image is that of the input; a memory keeps pixels until they are read again."""

    input = operand_def(AnyStream)
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")

    def __init__(
        self,
        input: SSAValue,
        image: Sequence[int],
        factors: Sequence[int],
        *,
        lanes: int = 1,
        memory: Memory | None = None,
    ):
        """`image`: H, W, C of the input. `factors`: of rows, of columns."""
        elements = self.elements_out(image, factors)
        super().__init__(
            operands=[input],
            result_types=[StreamType(stream_type(input).element_type, lanes, max(elements // lanes, 1))],
            properties={
                "image": DenseArrayBase.from_list(i64, image),
                "factors": DenseArrayBase.from_list(i64, factors),
                "memory": MemoryAttr(memory) if memory else None,
            },
        )

    @classmethod
    def of(cls, streams: Sequence[SSAValue], image: Sequence[int], factors: Sequence[int], lanes: int) -> Self:
        return cls(streams[0], image, factors, lanes=lanes)

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> Self:
        return type(self)(inputs[0], self.image, self.factors, lanes=folding[1], memory=self.memory)

    def parse_more(self, parser: Parser) -> None:
        if parser.parse_optional_keyword("memory"):
            self.memory_attr = MemoryAttr(parser.parse_str_enum(Memory))

    def print_more(self, printer: Printer) -> None:
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")

    def verify_frames(self) -> None:
        height, width, channels = self.image
        if height * width * channels != self.input_type.elements:
            raise self.fault(
                f"takes an image of {height} x {width} x {channels} elements, but a frame of its input has "
                f"{self.input_type.elements}; mend: make both equal"
            )
