# SPDX-License-Identifier: Apache-2.0
"""`dataflow.depth_to_space`: the channels of a pixel become several pixels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Self

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def
from xdsl.parser import Parser
from xdsl.printer import Printer

from .grid import GridOp
from .types import StreamType, stream_type
from .unit import AnyStream
from .weighted_sums import Memory, MemoryAttr


@irdl_op_definition
class DepthToSpaceOp(GridOp):
    """Channels spread over pixels (pixel shuffle): a pixel [f, f, C / f / f] of the image becomes f x f pixels.

    `image` is that of the input. A beat a cycle; the memory has what this needs, a row of the image or half as much
    more. Lanes divide the channels of the result. Exact.
    ```mlir
    %y = dataflow.depth_to_space %x image [8, 8, 16] factors [2, 2] lanes 4
    ```
    """

    name = "dataflow.depth_to_space"
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
        type_ = stream_type(input)
        super().__init__(
            operands=[input],
            result_types=[StreamType(type_.element_type, lanes, max(type_.elements // lanes, 1))],
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

    @property
    def channels_out(self) -> int:
        return self.image[2] // prod(self.factors)

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> DepthToSpaceOp:
        return DepthToSpaceOp(inputs[0], self.image, self.factors, lanes=folding[1], memory=self.memory)

    def parse_more(self, parser: Parser) -> None:
        if parser.parse_optional_keyword("memory"):
            self.memory_attr = MemoryAttr(parser.parse_str_enum(Memory))

    def print_more(self, printer: Printer) -> None:
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")

    def verify_frames(self) -> None:
        (height, width, channels), phases = self.image, prod(self.factors)
        if height * width * channels != self.input_type.elements:
            raise self.fault(
                f"takes an image of {height} x {width} x {channels} elements, but a frame of its input has "
                f"{self.input_type.elements}; mend: make both equal"
            )
        if channels % phases:
            raise self.fault(f"cannot make {phases} pixels of {channels} channels; mend: use other factors")
