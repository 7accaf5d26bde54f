# SPDX-License-Identifier: Apache-2.0
"""`dataflow.add`, `dataflow.sub`, `dataflow.mul`: two streams joined element by element."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import RangeAttr
from ..formats import IntRange
from ..q.inference import aligned, verify_holds
from ..types import BipolarType, fixed_type
from .assembly import (
    divisors,
    divisors_text,
    parse_next_stream,
    parse_optional_counts,
    parse_optional_lanes,
    parse_range,
    parse_result_type,
    parse_stream,
    print_lanes,
    print_operands,
    print_range,
    print_result_type,
)
from .types import StreamType, stream_type
from .unit import AnyStream, FoldableOp


class JoinOp(FoldableOp, ABC):
    """Two streams joined element by element, one beat a cycle; the smaller one may repeat its elements.

    `repeats [times, run]`: each run of elements of the smaller stream meets `times` runs of the larger one. So
    `repeats [64, 16]` gives 64 pixels the same 16 channels, `repeats [16, 1]` gives 16 channels one number a pixel.
    Lanes, those of the result, divide the run; of a run of one element, which is taken alone, they divide the times.
    """

    lhs = operand_def(AnyStream)
    rhs = operand_def(AnyStream)
    result = result_def(AnyStream)
    repeats_attr = opt_prop_def(DenseArrayBase.constr(i64), prop_name="repeats")
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        element_type: Attribute,
        *,
        lanes: int = 1,
        range: RangeAttr | None = None,
        repeats: Sequence[int] | None = None,
    ):
        elements = max(stream_type(lhs).elements, stream_type(rhs).elements)
        super().__init__(
            operands=[lhs, rhs],
            result_types=[StreamType(element_type, lanes, elements // lanes)],
            properties={
                "range": range,
                "repeats": None if repeats is None else DenseArrayBase.from_list(i64, list(repeats)),
            },
        )

    @property
    def repeats(self) -> tuple[int, int] | None:
        """(times, run) of the smaller stream; None if both are of one size."""
        if self.repeats_attr is None:
            return None
        times, run = self.repeats_attr.get_values()
        return times, run

    @property
    def repeated(self) -> int | None:
        """The operand that repeats its elements: 0 or 1; None if both are of one size."""
        if self.repeats is None:
            return None
        return int(stream_type(self.lhs).elements > stream_type(self.rhs).elements)

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes

    def lanes_taken(self, operand: int) -> int:
        alone = self.repeats is not None and self.repeats[1] == 1 and operand == self.repeated
        return 1 if alone else self.input_lanes

    def runs(self, operand: int) -> tuple[int, int, int]:
        """Shape of a frame of an operand as [outer, times, run] that broadcasts to that of the result."""
        if self.repeats is None:
            return 1, 1, self.result_type.elements
        times, run = self.repeats
        return self.result_type.elements // (times * run), 1 if operand == self.repeated else times, run

    @property
    @abstractmethod
    def fraction_bits(self) -> int:
        """Those of the exact result."""

    @abstractmethod
    def result_range(self) -> IntRange:
        """Codes that the result can take by the types alone."""

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self._lanes_divide())]

    def _lanes_divide(self) -> int:
        if self.repeats is None:
            return self.result_type.elements
        times, run = self.repeats
        return times if run == 1 else run

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> JoinOp:
        lhs, rhs = inputs
        type_ = self.result_type.element_type
        return type(self)(lhs, rhs, type_, lanes=folding[1], range=self.range, repeats=self.repeats)

    @classmethod
    def parse(cls, parser: Parser) -> JoinOp:
        lhs, rhs = parse_stream(parser), parse_next_stream(parser)
        repeats = parse_optional_counts(parser, "repeats", 2)
        larger = max(lhs, rhs, key=lambda stream: stream_type(stream).elements)
        lanes = parse_optional_lanes(parser, cls.name, larger)
        range_ = parse_range(parser) if parser.parse_optional_keyword("range") else None
        op = cls(lhs, rhs, parse_result_type(parser), lanes=lanes, range=range_, repeats=repeats)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.lhs, self.rhs)
        if self.repeats is not None:
            printer.print_string(f" repeats {list(self.repeats)}")
        larger = max(self.operands, key=lambda stream: stream_type(stream).elements)
        print_lanes(printer, stream_type(larger), self.result_type)
        print_range(printer, "range", self.range)
        print_result_type(printer, self.result_type.element_type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        elements = [stream_type(value).elements for value in self.operands]
        if max(elements) != self.result_type.elements:
            raise self.fault(
                f"makes frames of {max(elements)} elements, not of {self.result_type.elements}; "
                f"mend: write beats = {max(elements) // self.result_type.lanes} for lanes = {self.result_type.lanes}"
            )
        if self.repeats is not None:
            self._verify_repeats(min(elements), max(elements), *self.repeats)
        elif elements[0] != elements[1]:
            raise self.fault(
                f"joins frames of equal size, not of {elements[0]} and {elements[1]} elements; mend: make both "
                "equal, or write 'repeats [times, run]'"
            )
        if isinstance(self.result_type.element_type, BipolarType):
            best = fixed_type(self.result_range(), self.fraction_bits)
            raise self.fault(f"gives numbers, not signs; mend: write {best}, and a threshold behind it")
        verify_holds(self.name, self.result_type.element_type, self.result_range(), self.fraction_bits, self.range)

    def _verify_repeats(self, smaller: int, larger: int, times: int, run: int) -> None:
        if times < 2 or smaller * times != larger:
            mend = f"write repeats [{larger // smaller}, {run}]" if larger > smaller else "remove 'repeats'"
            raise self.fault(f"repeats {smaller} elements {times} times for {larger}; mend: {mend}")
        if smaller % run:
            raise self.fault(
                f"repeats runs of {run} of {smaller} elements; mend: choose a run from {divisors_text(smaller)}"
            )
        if self._lanes_divide() % self.input_lanes:
            what = "times" if run == 1 else "run"
            raise self.fault(
                f"has {self.input_lanes} lanes, which do not divide the {what} of {self._lanes_divide()}; "
                f"mend: choose one of {divisors_text(self._lanes_divide())}"
            )


class SumOp(JoinOp, ABC):
    """Sum or difference: quanta are aligned exactly."""

    SIGN: ClassVar[int]  # of the second operand

    @property
    def fraction_bits(self) -> int:
        """Those of the finer operand."""
        return max(stream_type(value).format.fraction_bits for value in self.operands)

    def result_range(self) -> IntRange:
        formats = [stream_type(value).format for value in self.operands]
        a, b = (aligned(format_.code_range, format_.fraction_bits, self.fraction_bits) for format_ in formats)
        return IntRange(a.lo + b.lo, a.hi + b.hi) if self.SIGN > 0 else IntRange(a.lo - b.hi, a.hi - b.lo)


@irdl_op_definition
class AddOp(SumOp):
    """Sum of two streams, element by element, one beat a cycle; their quanta may differ.

    Exact: the result has the finer quantum, and its type holds every sum of codes of the operands' types, or every
    code of `range`, a proof. Lanes are those of the result. `repeats [times, run]`: each run of elements of the smaller
    stream meets `times` runs of the larger one.
    ```mlir
    %y = dataflow.add %a, %b lanes 4 -> !q.fixed<9, 0>
    ```
    """

    name = "dataflow.add"
    SIGN: ClassVar = 1


@irdl_op_definition
class SubOp(SumOp):
    """Difference of two streams, element by element, one beat a cycle; their quanta may differ.

    Exact: as `dataflow.add`, with the second stream negated.
    ```mlir
    %y = dataflow.sub %a, %b lanes 4 -> !q.fixed<9, 0>
    ```
    """

    name = "dataflow.sub"
    SIGN: ClassVar = -1


@irdl_op_definition
class MulOp(JoinOp):
    """Product of two streams, element by element, one beat a cycle; fraction bits add.

    Exact: the type of the result holds every product of codes of the operands' types, or every code of `range`, a
    proof. Lanes are those of the result. `repeats [times, run]`: each run of elements of the smaller stream meets
    `times` runs of the larger one: [64, 16] scales 16 channels of 64 pixels (squeeze and excitation), [16, 1] scales
    each pixel of 16 channels by one number.
    ```mlir
    %y = dataflow.mul %x, %gate repeats [64, 16] lanes 4 -> !q.fixed<16, 0>
    ```
    """

    name = "dataflow.mul"

    @property
    def fraction_bits(self) -> int:
        """Those of both operands together."""
        return sum(stream_type(value).format.fraction_bits for value in self.operands)

    def result_range(self) -> IntRange:
        a, b = (stream_type(value).format.code_range for value in self.operands)
        corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
        return IntRange(min(corners), max(corners))


def repeats_of(smaller: Sequence[int], larger: Sequence[int]) -> tuple[int, int] | None:
    """(times, run) as which a tensor of the shape `smaller` broadcasts to `larger`, element by element in order.

    None if it does not, or if its elements repeat along axes with others between.
    """
    shape = [1] * (len(larger) - len(smaller)) + list(smaller)
    if len(shape) != len(larger) or any(a not in (1, b) for a, b in zip(shape, larger, strict=True)):
        return None
    axes = [axis for axis, size in enumerate(larger) if size > 1]
    repeated = [axis for axis in axes if shape[axis] == 1]
    if not repeated:
        return None
    first, last = axes.index(repeated[0]), axes.index(repeated[-1])
    if axes[first : last + 1] != repeated:
        return None
    times, run = 1, 1
    for axis in axes[first:]:
        times, run = (times * larger[axis], run) if axis in repeated else (times, run * larger[axis])
    return times, run
