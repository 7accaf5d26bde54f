# SPDX-License-Identifier: Apache-2.0
"""`dataflow.slice`: a part of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from ..attrs import Array
from .assembly import divisors, parse_optional_integers, parse_stream, print_operands
from .types import Count, StreamType, count, stream_type
from .unit import AnyStream, FoldableOp

AXES = 3  # rows, columns, channels


class PixelBeats(NamedTuple):
    """The beats of a pixel that make a beat: `size` of them, from `start` by steps of `step`; `lanes` of each."""

    start: int
    size: int
    step: int
    lanes: tuple[int, ...]


class Axis(NamedTuple):
    """Of `length` places `size` are kept, from `start` by steps of `step`."""

    length: int
    start: int
    size: int
    step: int

    @property
    def whole(self) -> bool:
        """Whether all places are kept."""
        return self.size == self.length


def pixel_beats(order: Array, taken: int, made: int) -> PixelBeats | None:
    """How the channels `order` of a pixel come of beats of `taken` lanes as beats of `made`.

    None if a beat of the result needs several beats, or if beats that are kept are not evenly spaced and wired alike.
    """
    beats, lanes = np.divmod(order.reshape(-1, made), taken)
    steps = np.diff(beats[:, 0])
    step = int(steps[0]) if steps.size else 1
    if step < 1 or (beats != beats[:, :1]).any() or (lanes != lanes[0]).any() or (steps != step).any():
        return None
    return PixelBeats(int(beats[0, 0]), len(beats), step, tuple(lanes[0].tolist()))


@lru_cache(maxsize=1024)
def _foldings(channels: int, order: tuple[int, ...]) -> list[tuple[int, int]]:
    places = np.array(order)
    pairs = [(taken, made) for taken in divisors(channels) for made in divisors(len(order))]
    return [pair for pair in pairs if pixel_beats(places, *pair) is not None]


@irdl_op_definition
class SliceOp(FoldableOp):
    """Part of an image [H, W, C], channels fastest: element k of an axis is element `starts + k * steps`, k < `sizes`.

    `order`, where it stands, lists the channels of the result instead, in any order. Each beat of the result is made of
    one beat of the input, the others are dropped; where channels change their order, beats are whole pixels. A beat is
    taken in every cycle; no memory. `lanes` are those taken and those made. Exact.
    ```mlir
    %y = dataflow.slice %x image [8, 8, 16] starts [0, 1, 8] sizes [8, 3, 8] steps [1, 2, 1] lanes [4, 4]
    ```
    """

    name = "dataflow.slice"
    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    image_attr = prop_def(DenseArrayBase.constr(i64), prop_name="image")
    starts_attr = prop_def(DenseArrayBase.constr(i64), prop_name="starts")
    sizes_attr = prop_def(DenseArrayBase.constr(i64), prop_name="sizes")
    steps_attr = prop_def(DenseArrayBase.constr(i64), prop_name="steps")
    order_attr = opt_prop_def(DenseArrayBase.constr(i64), prop_name="order")
    input_lanes_attr = prop_def(Count, prop_name="input_lanes")
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        image: Sequence[int],
        starts: Sequence[int],
        sizes: Sequence[int],
        steps: Sequence[int],
        *,
        order: Sequence[int] | None = None,
        lanes: tuple[int, int] | None = None,
    ):
        """Lists have a number for rows, columns, channels. `lanes`: taken, made; else the fewest that there can be."""
        if lanes is None:
            lanes = _foldings(image[2], tuple(_order(starts, sizes, steps, order)))[0]
        numbers = {"image": image, "starts": starts, "sizes": sizes, "steps": steps, "order": order}
        super().__init__(
            operands=[input],
            result_types=[StreamType(stream_type(input).element_type, lanes[1], max(prod(sizes) // lanes[1], 1))],
            properties={
                "input_lanes": count(lanes[0]),
                **{name: DenseArrayBase.from_list(i64, list(list_)) for name, list_ in numbers.items() if list_},
            },
        )

    @property
    def image(self) -> tuple[int, int, int]:
        """Rows, columns, channels of the input."""
        return _three(self.image_attr.get_values())

    @property
    def starts(self) -> tuple[int, int, int]:
        return _three(self.starts_attr.get_values())

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows, columns, channels of the result."""
        return _three(self.sizes_attr.get_values())

    @property
    def steps(self) -> tuple[int, int, int]:
        return _three(self.steps_attr.get_values())

    @property
    def order(self) -> Array:
        """Which channel of a pixel each channel of the result is."""
        listed = None if self.order_attr is None else self.order_attr.get_values()
        return _order(self.starts, self.sizes, self.steps, listed)

    @property
    def input_lanes(self) -> int:
        return self.input_lanes_attr.value.data

    def pixel_beats(self, taken: int, made: int) -> PixelBeats:
        """Which beats of a pixel are kept, and what of each, with these lanes, which are a folding."""
        found = pixel_beats(self.order, taken, made)
        assert found is not None, "the verifier asks for it"
        return found

    def axes(self, taken: int, made: int) -> list[Axis]:
        """The counters of beats that tell which are kept, innermost first; none if all are."""
        beats = self.pixel_beats(taken, made)
        found = [Axis(self.image[2] // taken, beats.start, beats.size, beats.step)]
        for axis in (1, 0):
            outer = Axis(self.image[axis], self.starts[axis], self.sizes[axis], self.steps[axis])
            inner = found[-1]
            if inner.length == 1:
                found[-1] = outer
            elif inner.whole and outer.step == 1:  # both count as one
                found[-1] = Axis(outer.length * inner.length, outer.start * inner.length, outer.size * inner.length, 1)
            else:
                found.append(outer)
        while found and found[-1].whole:
            found.pop()
        return found

    def part(self, frames: Array) -> Array:
        """The part of frames [N, H, W, C]."""
        rows, columns = (
            slice(start, start + size * step, step)
            for start, size, step in zip(self.starts[:2], self.sizes[:2], self.steps[:2], strict=True)
        )
        return frames[:, rows, columns][..., self.order]

    def foldings(self) -> list[tuple[int, int]]:
        return _foldings(self.image[2], tuple(self.order.tolist()))

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> SliceOp:
        order = None if self.order_attr is None else self.order_attr.get_values()
        return SliceOp(inputs[0], self.image, self.starts, self.sizes, self.steps, order=order, lanes=folding)

    @classmethod
    def parse(cls, parser: Parser) -> SliceOp:
        input, position = parse_stream(parser), parser.pos
        lists = [parse_optional_integers(parser, name) or [] for name in ("image", "starts", "sizes", "steps")]
        order = parse_optional_integers(parser, "order")
        lanes = parse_optional_integers(parser, "lanes") or []
        if any(len(numbers) != AXES for numbers in lists) or len(lanes) != 2 or min(lanes) < 1:
            parser.raise_error(
                f"{cls.name} takes image, starts, sizes, steps [rows, columns, channels] and lanes [taken, made]",
                position,
                parser.pos,
            )
        op = cls(input, *lists, order=order, lanes=(lanes[0], lanes[1]))
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        for name in ("image", "starts", "sizes", "steps"):
            printer.print_string(f" {name} {list(getattr(self, name))}")
        if self.order_attr is not None:
            printer.print_string(f" order {list(self.order_attr.get_values())}")
        printer.print_string(f" lanes [{self.input_lanes}, {self.result_type.lanes}]")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        lists = (self.image_attr, self.starts_attr, self.sizes_attr, self.steps_attr)
        if any(len(numbers) != AXES for numbers in lists):
            raise self.fault("takes a number for rows, columns and channels each; mend: write three in each list")
        self._verify_part()
        if prod(self.image) != self.input_type.elements:
            raise self.fault(
                f"takes an image of {' x '.join(map(str, self.image))} elements, but a frame of its input has "
                f"{self.input_type.elements}; mend: make both equal"
            )
        folding = (self.input_lanes, self.result_type.lanes)
        if folding not in self.foldings():
            known = ", ".join(str(list(pair)) for pair in self.foldings())
            raise self.fault(
                f"cannot make beats of {folding[1]} lanes, each of one beat of {folding[0]}; "
                f"mend: choose lanes from {known}"
            )
        expected = StreamType(self.input_type.element_type, folding[1], prod(self.sizes) // folding[1])
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")

    def _verify_part(self) -> None:
        """The part lies within the image."""
        for axis, numbers in enumerate(zip(self.image, self.starts, self.sizes, self.steps, strict=True)):
            length, start, size, step = numbers
            if axis == 2 and self.order_attr is not None:
                break
            if min(size, step) < 1 or start < 0 or start + (size - 1) * step >= length:
                raise self.fault(
                    f"takes {size} elements from {start} by steps of {step} of axis {axis}, which has {length}; "
                    "mend: stay within the image"
                )
        if self.order_attr is None:
            return
        order = self.order
        if order.size != self.sizes[2] or order.min() < 0 or order.max() >= self.image[2]:
            raise self.fault(
                f"lists {order.size} channels for {self.sizes[2]} from 0 to {self.image[2] - 1}; mend: list so many"
            )


def _three(numbers: Sequence[int]) -> tuple[int, int, int]:
    rows, columns, channels = numbers
    return rows, columns, channels


def _order(starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int], listed: Sequence[int] | None) -> Array:
    return np.asarray(listed) if listed else starts[2] + steps[2] * np.arange(sizes[2])
