# SPDX-License-Identifier: Apache-2.0
"""`dataflow.interleave`: images merged pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Self

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, var_operand_def

from .grid import GridOp
from .types import StreamType, stream_type
from .unit import AnyStream


@irdl_op_definition
class InterleaveOp(GridOp):
    """Images merged in turns: pixel (r, c) of the result comes from the stream of the phases `r % f, c % f`.

    `image` is that of the result; there is a stream for each pair of phases, those of columns fastest, all of one
    element type. Along an axis, the first phases may have one pixel more. A beat a cycle; the rows that wait for their
    turn are kept by the FIFOs in front. Lanes divide C. Exact.
    ```mlir
    %y = dataflow.interleave %a, %b, %c, %d image [7, 7, 16] factors [2, 2] lanes 4
    ```
    """

    name = "dataflow.interleave"
    inputs = var_operand_def(AnyStream)

    def __init__(self, inputs: Sequence[SSAValue], image: Sequence[int], factors: Sequence[int], *, lanes: int = 1):
        """`image`: H, W, C of the result. `factors`: of rows, of columns."""
        element = stream_type(inputs[0]).element_type
        super().__init__(
            operands=[inputs],
            result_types=[StreamType(element, lanes, max(prod(image) // lanes, 1))],
            properties={
                "image": DenseArrayBase.from_list(i64, image),
                "factors": DenseArrayBase.from_list(i64, factors),
            },
        )

    @classmethod
    def of(cls, streams: Sequence[SSAValue], image: Sequence[int], factors: Sequence[int], lanes: int) -> Self:
        return cls(streams, image, factors, lanes=lanes)

    @property
    def channels_out(self) -> int:
        return self.image[2]

    def part(self, number: int) -> tuple[int, int]:
        """Rows and columns of the image of stream `number`."""
        phases = divmod(number, self.factors[1])
        rows, columns = (
            len(range(phase, size, step)) for phase, size, step in zip(phases, self.image, self.factors, strict=False)
        )
        return rows, columns

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> InterleaveOp:
        return InterleaveOp(inputs, self.image, self.factors, lanes=folding[1])

    def verify_frames(self) -> None:
        if len(self.inputs) != prod(self.factors):
            raise self.fault(
                f"merges {len(self.inputs)} streams by factors {list(self.factors)}; mend: give one for each phase"
            )
        for number, value in enumerate(self.inputs):
            (rows, columns), type_ = self.part(number), stream_type(value)
            if type_.elements != rows * columns * self.channels_out:
                raise self.fault(
                    f"takes {rows} x {columns} x {self.channels_out} elements of stream {number}, "
                    f"which has {type_.elements} a frame; mend: make both equal"
                )
            if type_.element_type != self.input_type.element_type:
                raise self.fault(
                    f"takes streams of one element type, not {self.input_type.element_type} and "
                    f"{type_.element_type}; mend: requantise one of them"
                )
