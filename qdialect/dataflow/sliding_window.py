# SPDX-License-Identifier: Apache-2.0
"""`dataflow.sliding_window`: the windows of an image, one after the other (im2col of a stream)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, UnitAttr, i64
from xdsl.ir import OpResult, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array
from ..formats import BipolarFormat
from ..q.window import Window
from .assembly import (
    divisors,
    divisors_text,
    parse_counts,
    parse_optional_count,
    parse_optional_integer,
    parse_optional_integers,
    parse_optional_lanes,
    parse_stream,
    print_lanes,
    print_operands,
)
from .fifo import FifoOp
from .fork import ForkOp
from .types import StreamType, count, stream_type
from .unit import AnyStream, FoldableOp, UnitOp
from .weighted_sums import Memory, MemoryAttr
from .window_scan import WindowScan


@irdl_op_definition
class SlidingWindowOp(FoldableOp):
    """Sliding-window unit: the window around each output pixel, from a memory of a few rows of the image.

    An image is [H, W, C], channels vary fastest; lanes divide C and are both taken and made. The windows come row by
    row, each as [kernel row, kernel column, C]; with `depthwise` as [C / lanes, kernel row, kernel column, lanes],
    channel group by channel group, which only units that follow the lanes of their input understand. `pads` (top, left,
    bottom, right) are made of the code `pad_value`, not stored. A frame takes as many cycles as input or output beats,
    whichever are more: the memory has the rows that this needs.

    `pixels`: a beat is not lanes but the whole windows of so many output pixels of a row, which it divides. Beats taken
    are whole pixels, as many as the windows go on by. A frame takes a cycle an input beat, and those of the last
    windows behind the image.
    ```mlir
    %y = dataflow.sliding_window %x image [32, 32, 16] kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] lanes 4
    %z = dataflow.sliding_window %x image [32, 32, 16] kernel [3, 3] pads [1, 1, 1, 1] pixels 2
    ```
    """

    name = "dataflow.sliding_window"
    input = operand_def(AnyStream)
    result = result_def(AnyStream)
    image_attr = prop_def(DenseArrayBase.constr(i64), prop_name="image")
    kernel_attr = prop_def(DenseArrayBase.constr(i64), prop_name="kernel")
    strides_attr = prop_def(DenseArrayBase.constr(i64), prop_name="strides")
    pads_attr = prop_def(DenseArrayBase.constr(i64), prop_name="pads")
    dilations_attr = prop_def(DenseArrayBase.constr(i64), prop_name="dilations")
    pad_value_attr = prop_def(IntegerAttr.constr(i64), prop_name="pad_value")
    depthwise_attr = opt_prop_def(UnitAttr, prop_name="depthwise")
    pixels_attr = opt_prop_def(IntegerAttr.constr(i64), prop_name="pixels")
    memory_attr = opt_prop_def(MemoryAttr, prop_name="memory")
    traits = traits_def(Pure())

    def __init__(
        self,
        input: SSAValue,
        image: Sequence[int],
        window: Window,
        *,
        pad_value: int = 0,
        depthwise: bool = False,
        lanes: int = 1,
        pixels: int | None = None,
        memory: Memory | None = None,
    ):
        """`image`: H, W, C. `pixels`: whole windows, instead of `lanes`."""
        positions = window.positions(self.name, image[:2])
        lanes = lanes if pixels is None else pixels * window.num_taps * image[2]
        beats = prod(positions) * window.num_taps * image[2] // lanes
        arrays = {
            "image": image,
            "kernel": window.kernel,
            "strides": window.strides,
            "pads": window.pads,
            "dilations": window.dilations,
        }
        super().__init__(
            operands=[input],
            result_types=[StreamType(stream_type(input).element_type, lanes, max(beats, 1))],
            properties={
                **{name: DenseArrayBase.from_list(i64, numbers) for name, numbers in arrays.items()},
                "pad_value": count(pad_value),
                "depthwise": UnitAttr() if depthwise else None,
                "pixels": None if pixels is None else count(pixels),
                "memory": MemoryAttr(memory) if memory else None,
            },
        )

    @property
    def image(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        height, width, channels = self.image_attr.get_values()
        return height, width, channels

    @property
    def window(self) -> Window:
        attributes = (self.kernel_attr, self.strides_attr, self.pads_attr, self.dilations_attr)
        return Window(*(attribute.get_values() for attribute in attributes))

    @property
    def positions(self) -> tuple[int, ...]:
        """Rows and columns of the output."""
        return self.window.positions(self.name, self.image[:2])

    @property
    def pad_value(self) -> int:
        return self.pad_value_attr.value.data

    @property
    def depthwise(self) -> bool:
        return self.depthwise_attr is not None

    @property
    def memory(self) -> Memory | None:
        return self.memory_attr.data if self.memory_attr else None

    @property
    def pixels(self) -> int | None:
        """Output pixels whose whole windows are a beat; None: a beat is some channels of a tap."""
        return None if self.pixels_attr is None else self.pixels_attr.value.data

    def scan(self, pixels: int) -> WindowScan:
        """The walk over the image that makes so many pixels at once."""
        rows, columns = self.positions
        return WindowScan(*self.image[:2], self.window, (rows, columns), pixels)

    @property
    def input_lanes(self) -> int:
        return self.result_type.lanes if self.pixels is None else self.scan(self.pixels).input_pixels * self.image[2]

    def gather(self) -> Callable[[Array], Array]:
        """A function from arrays [frames, rows * columns, channels] to the elements of the result [frames, ...]."""
        (height, width, channels), lanes, taps = self.image, self.input_lanes, self.window.num_taps
        (row, column), pad, depthwise = self._indices(), self.pad_value, self.depthwise
        row, column = row[:, None, :, None], column[None, :, None, :]  # output row, column, kernel row, column
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        pixels = np.where(inside, row * width + column, height * width).reshape(-1)  # padding is the pixel behind

        def windows(images: Array) -> Array:
            padding = np.full((len(images), 1, channels), pad, images.dtype)
            found = np.concatenate([images, padding], axis=1)[:, pixels]
            return found.reshape(len(images), -1, taps, channels // lanes, lanes).swapaxes(2, 3) if depthwise else found

        return windows

    def _indices(self) -> list[Array]:
        """Rows and columns under each tap at each position, also where that is outside."""
        window = self.window
        return [
            np.arange(number)[:, None] * stride - low + np.arange(taps) * dilation
            for number, stride, low, taps, dilation in zip(
                self.positions, window.strides, window.low, window.kernel, window.dilations, strict=True
            )
        ]

    def foldings(self) -> list[tuple[int, int]]:
        return [(lanes, lanes) for lanes in divisors(self.image[2])]

    def pixel_foldings(self) -> list[tuple[int, int]]:
        if self.depthwise:
            return []
        scans = [self.scan(pixels) for pixels in divisors(self.positions[1])]
        channels, taps = self.image[2], self.window.num_taps
        return [
            (scan.input_pixels * channels, scan.pixels * taps * channels)
            for scan in scans
            if scan.pixels * taps > 1 and scan.possible
        ]

    def pixels_of(self, made: int) -> int | None:
        """`pixels` of the folding that makes so many lanes: with more than the channels they are whole windows."""
        channels = self.image[2]
        return None if made <= channels else made // (channels * self.window.num_taps)

    def folded(self, inputs: Sequence[SSAValue], folding: tuple[int, int]) -> SlidingWindowOp:
        return SlidingWindowOp(
            inputs[0],
            self.image,
            self.window,
            pad_value=self.pad_value,
            depthwise=self.depthwise,
            lanes=folding[1],
            pixels=self.pixels_of(folding[1]),
            memory=self.memory,
        )

    @classmethod
    def parse(cls, parser: Parser) -> SlidingWindowOp:
        input, position = parse_stream(parser), parser.pos
        image, kernel = parse_counts(parser, "image"), parse_counts(parser, "kernel")
        if len(image) != 3 or len(kernel) != 2:
            parser.raise_error(
                f"{cls.name} takes image [rows, columns, channels], kernel [rows, columns], not {image}, {kernel}",
                position,
                parser.pos,
            )
        strides = parse_optional_integers(parser, "strides") or (1, 1)
        pads = parse_optional_integers(parser, "pads") or (0, 0, 0, 0)
        dilations = parse_optional_integers(parser, "dilations") or (1, 1)
        window = Window(tuple(kernel), tuple(strides), tuple(pads), tuple(dilations))
        try:
            window.check(cls.name)
            window.positions(cls.name, image[:2])
        except VerifyException as fault:
            parser.raise_error(str(fault), position, parser.pos)
        pad_value = parse_optional_integer(parser, "pad_value") or 0
        depthwise = parser.parse_optional_keyword("depthwise") is not None
        beat = _parse_beat(parser, input, image, window)
        memory = parser.parse_str_enum(Memory) if parser.parse_optional_keyword("memory") else None
        op = cls(input, image, window, pad_value=pad_value, depthwise=depthwise, memory=memory, **beat)
        op.attributes.update(parser.parse_optional_attr_dict())
        return op

    def print(self, printer: Printer) -> None:
        print_operands(printer, self.input)
        printer.print_string(f" image {list(self.image)} kernel {list(self.window.kernel)}")
        for name, numbers, usual in (
            ("strides", self.window.strides, 1),
            ("pads", self.window.pads, 0),
            ("dilations", self.window.dilations, 1),
        ):
            if any(number != usual for number in numbers):
                printer.print_string(f" {name} {list(numbers)}")
        if self.pad_value != 0:
            printer.print_string(f" pad_value {self.pad_value}")
        if self.depthwise:
            printer.print_string(" depthwise")
        if self.pixels is None:
            print_lanes(printer, self.input_type, self.result_type)
        else:
            printer.print_string(f" pixels {self.pixels}")
        if self.memory is not None:
            printer.print_string(f" memory {self.memory.value}")
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        if len(self.image_attr) != 3 or len(self.kernel_attr) != 2:
            raise self.fault("takes image [rows, columns, channels] and kernel [rows, columns]; mend: write so many")
        height, width, channels = self.image
        if height * width * channels != self.input_type.elements:
            raise self.fault(
                f"takes an image of {height} x {width} x {channels} elements, but a frame of its input has "
                f"{self.input_type.elements}; mend: make both equal"
            )
        self.window.check(self.name)
        self._verify_beat(channels)
        lanes, format_ = self.result_type.lanes, self.input_type.format
        if self.pixels is not None:
            lanes = self.pixels * self.window.num_taps * channels
        elements = prod(self.positions) * self.window.num_taps * channels
        expected = StreamType(self.input_type.element_type, lanes, elements // lanes)
        if self.result_type != expected:
            raise self.fault(f"makes {expected}, not {self.result_type}; mend: write {expected}")
        possible = self.pad_value in ((-1, 1) if isinstance(format_, BipolarFormat) else format_.code_range)
        if any(self.window.pads) and not possible:
            raise self.fault(
                f"pads with the code {self.pad_value}, which {expected.element_type} cannot hold; "
                "mend: write pad_value with a code that it holds"
            )

    def _verify_beat(self, channels: int) -> None:
        """VerifyException unless lanes divide the channels, or pixels are windows that can be made at once."""
        lanes = self.result_type.lanes
        if self.pixels is not None:
            if self.depthwise:
                raise self.fault("makes whole windows (pixels), not channel groups (depthwise); mend: remove one word")
            if (text := self.scan(self.pixels).fault) is not None:
                raise self.fault(text)
        elif channels % lanes:
            raise self.fault(
                f"has {lanes} lanes, which do not divide the {channels} channels; "
                f"mend: choose one of {divisors_text(channels)}"
            )


def _parse_beat(parser: Parser, input: SSAValue, image: Sequence[int], window: Window) -> dict[str, int]:
    """`pixels 2`, or `lanes 4`, or nothing: the lanes of the input."""
    position, pixels = parser.pos, parse_optional_count(parser, "pixels")
    if pixels is not None:
        height, width = window.positions(SlidingWindowOp.name, image[:2])
        fault = WindowScan(image[0], image[1], window, (height, width), pixels).fault
        if fault is not None:  # before units behind it find that a frame has too few elements
            parser.raise_error(f"{SlidingWindowOp.name} {fault}", position, parser.pos)
        return {"pixels": pixels}
    return {"lanes": parse_optional_lanes(parser, SlidingWindowOp.name, input)}


def windows_behind(stream: SSAValue) -> SlidingWindowOp | None:
    """The depthwise windows that a stream carries, maybe through FIFOs and forks; None if it carries something else."""
    while isinstance(stream, OpResult) and isinstance(stream.op, FifoOp | ForkOp):
        stream = stream.op.operands[0]
    if isinstance(stream, OpResult) and isinstance(stream.op, SlidingWindowOp) and stream.op.depthwise:
        return stream.op
    return None


def verify_windows(op: UnitOp, taps: int) -> SlidingWindowOp:
    """The windows of `taps` taps that the unit takes channel group by channel group; VerifyException if it does not."""
    windows = windows_behind(op.operands[0])
    if windows is None or windows.window.num_taps != taps:
        raise op.fault(
            f"takes windows of {taps} taps, channel group by channel group; mend: put a dataflow.sliding_window ... "
            "depthwise with such a kernel before it, and no width converter between"
        )
    return windows
