# SPDX-License-Identifier: Apache-2.0
"""What the ops of the dataflow dialect share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.ir import OpResult, SSAValue
from xdsl.irdl import BaseAttr
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array
from ..q.base import QOp
from ..q.inference import constant_of
from .assembly import divisors_text, lanes_fault
from .types import StreamType, stream_type

AnyStream = BaseAttr(StreamType)


class UnitOp(QOp, ABC):
    """One hardware unit: takes streams, makes streams. Operands that are no streams are constants.

    The lanes of an input stream may differ from `input_lanes`, which is what the unit takes in a beat; the pass
    q-insert-width-converters puts a converter between. The lanes of a result are what the unit makes.
    """

    @property
    @abstractmethod
    def input_lanes(self) -> int:
        """Elements that the unit takes in a beat of each of its inputs."""

    def lanes_taken(self, operand: int) -> int:
        """Those of one of its operands, a stream: `input_lanes` unless the unit says otherwise."""
        return self.input_lanes

    @property
    def streams_in(self) -> tuple[SSAValue, ...]:
        """The streams that it takes, in the order of its operands."""
        return tuple(operand for operand in self.operands if isinstance(operand.type, StreamType))

    @property
    def streams_out(self) -> tuple[OpResult, ...]:
        """The streams that it makes, one a result."""
        return tuple(self.results)

    @property
    def input_type(self) -> StreamType:
        """Type of the first (or only) stream that it takes."""
        return stream_type(self.streams_in[0])

    @property
    def result_type(self) -> StreamType:
        """Type of the first (or only) stream that it makes."""
        return stream_type(self.results[0])

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
    """A unit that does more or less in a cycle: a *folding* is (lanes taken of each input, lanes made)."""

    @abstractmethod
    def foldings(self) -> list[tuple[int, int]]:
        """Every folding that the unit can have within a pixel or vector."""

    def pixel_foldings(self) -> list[tuple[int, int]]:
        """Those of several whole pixels or vectors at once, for when the others are too slow."""
        return []

    @abstractmethod
    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> FoldableOp:
        """A new op that computes the same of the streams `inputs`, with another folding."""

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
