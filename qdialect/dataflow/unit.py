# SPDX-License-Identifier: Apache-2.0
"""What the ops of the dataflow dialect share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from xdsl.ir import SSAValue
from xdsl.irdl import BaseAttr, operand_def, result_def
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array
from ..q.base import QOp
from ..q.inference import constant_of
from .types import StreamType, stream_type

AnyStream = BaseAttr(StreamType)


class UnitOp(QOp, ABC):
    """One hardware unit: takes a stream, makes a stream.

    The lanes of the input stream may differ from `input_lanes`, which is what the unit takes in a beat; the pass
    q-insert-width-converters puts a converter between. The lanes of the result are what the unit makes.
    """

    input = operand_def(AnyStream)
    result = result_def(AnyStream)

    @property
    @abstractmethod
    def input_lanes(self) -> int:
        """Elements that the unit takes in a beat."""

    @property
    def input_type(self) -> StreamType:
        return stream_type(self.input)

    @property
    def result_type(self) -> StreamType:
        return stream_type(self.result)

    def constant(self, operand: SSAValue, name: str) -> Array:
        """Codes of a constant operand; VerifyException if it is not a constant."""
        value = constant_of(operand)
        if value is None:
            raise self.fault(f"needs constant {name}; mend: give it the result of a q.constant")
        return value.array

    def verify_same_frame(self) -> None:
        """The result has as many elements a frame as the input."""
        before, after = self.input_type.elements, self.result_type.elements
        if before != after:
            raise self.fault(
                f"keeps the {before} elements of a frame, but its result has {after}; "
                f"mend: write beats = {before // self.result_type.lanes} for lanes = {self.result_type.lanes}"
                if before % self.result_type.lanes == 0
                else f"cannot make beats of {self.result_type.lanes} lanes from {before} elements a frame; "
                f"mend: choose lanes from {divisors_text(before)}"
            )


def divisors(number: int) -> list[int]:
    """All divisors of a positive number in rising order."""
    low = [d for d in range(1, int(number**0.5) + 2) if d * d <= number and number % d == 0]
    return low + [number // d for d in reversed(low) if d * d != number]


def divisors_text(number: int) -> str:
    return ", ".join(map(str, divisors(number)))


def verify_fold(op: UnitOp, name: str, value: int, number: int, what: str) -> None:
    """`value` (PE or SIMD) divides `number` rows or columns."""
    if value < 1 or number % value:
        raise op.fault(
            f"has {name} {value}, which does not divide the {number} {what} of the weights; "
            f"mend: choose one of {divisors_text(number)}"
        )
