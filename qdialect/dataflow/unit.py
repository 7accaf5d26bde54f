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
from .assembly import divisors_text, lanes_fault
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
            if before % self.result_type.lanes:
                raise VerifyException(lanes_fault(self.name, self.result_type.lanes, before))
            raise self.fault(
                f"keeps the {before} elements of a frame, but its result has {after}; "
                f"mend: write beats = {before // self.result_type.lanes} for lanes = {self.result_type.lanes}"
            )


class FoldableOp(UnitOp, ABC):
    """A unit that computes, and does more or less of it in a cycle: a *folding* is (lanes taken, lanes made)."""

    @abstractmethod
    def foldings(self) -> list[tuple[int, int]]:
        """Every folding that the unit can have."""

    @abstractmethod
    def folded(self, input: SSAValue, folding: tuple[int, int]) -> FoldableOp:
        """A new op that computes the same of the stream `input`, with another folding."""

    @property
    def follows_input(self) -> bool:
        """True if the unit takes whatever lanes its input stream has, so that a converter never stands before it."""
        return False


def fold_fault(op: str, name: str, value: int, number: int, what: str) -> str | None:
    """Why `value` (PE or SIMD) cannot fold `number` rows or columns, or None."""
    if value >= 1 and number % value == 0:
        return None
    return (
        f"{op} has {name} {value}, which does not divide the {number} {what} of the weights; "
        f"mend: choose one of {divisors_text(number)}"
    )
