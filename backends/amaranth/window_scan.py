# SPDX-License-Identifier: Apache-2.0
"""Sliding-window unit that makes whole windows, some pixels of a row at once."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...qdialect.cost.latency import window_scan_latency
from ...qdialect.dataflow.window_scan import WindowScan
from ...qdialect.formats import IntegerFormat
from .delay import delayed
from .shapes import lanes_of, wire_of
from .stream_unit import Pipeline, StreamUnit, require

_WHERE = "WindowScanUnit"


class WindowScanUnit(StreamUnit):
    """The windows of an image, row by row, `scan.pixels` of them a beat, as [kernel row, kernel column, channels] each.

    A step goes on by a beat of the image: each row under the kernel is the row below it some steps ago, and keeps the
    beats that the windows reach over. Which beat a kernel element is in is fixed, so windows are wires; what lies
    outside the image is `pad_code`. Behind the image steps go on without input until the last windows are made.
    II = `scan.steps`; `latency` = `window_scan_latency()`.
    """

    def __init__(self, *, scan: WindowScan, channels: int, format: IntegerFormat, pad_code: int = 0) -> None:
        fault = scan.fault
        require(fault is None, _WHERE, f"{fault}".partition("; ")[0], f"{fault}".partition("mend: ")[2])
        taps = scan.window.num_taps
        super().__init__(format, scan.input_pixels * channels, format, scan.pixels * taps * channels)
        self._scan, self._pad_code = scan, pad_code
        self._pixel_width = channels * format.word_length
        self.latency = window_scan_latency()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present, row, column = self._walk(m, pipe)
        rows = self._rows(pipe, present)
        scan, elements = self._scan, list[Value]()
        row_flags = [self._at_row(row, scan.row_flags(tap)) for tap in range(len(rows))]
        for pixel, columns in enumerate(scan.columns):
            flags = [self._at_column(column, scan.column_flags(pixel, tap)) for tap in range(len(columns))]
            for row_flag, beats in zip(row_flags, rows, strict=True):
                for flag, place in zip(flags, columns, strict=True):
                    elements.append(self._padded(self._pixel(beats, place), [row_flag, flag]))
        makes = present & self._at_row(row, [True] * scan.positions[0])
        makes &= self._at_column(column, [True] * (scan.positions[1] // scan.pixels))
        pipe.load(Value.cast(self.o_stream.payload), Cat(*elements), makes)
        pipe.load(self.o_stream.valid, makes)
        return m

    def _walk(self, m: Module, pipe: Pipeline) -> tuple[Value, Value, Value]:
        """(a step is made, row and column of the walk, where the windows of a row begin in column 0)."""
        scan = self._scan
        self._first_row, start = divmod(-scan.newest, scan.row_beats)
        last_row, last = divmod(start + scan.steps - 1, scan.row_beats)
        row, column = Signal(range(last_row + 1)), Signal(range(scan.row_beats), init=start)
        present, needs_input, row_ends, frame_ends = Signal(), Signal(), Signal(), Signal()
        end_row, end = divmod(start + scan.beats, scan.row_beats)
        m.d.comb += [
            needs_input.eq((row < end_row) | ((row == end_row) & (column < end))),
            present.eq(~needs_input | self.i_stream.valid),
            self.i_stream.ready.eq(pipe.advance & needs_input),
            row_ends.eq(column == scan.row_beats - 1),
            frame_ends.eq((row == last_row) & (column == last)),
        ]
        pipe.load(column, Mux(frame_ends, start, Mux(row_ends, 0, column + 1)), present)
        pipe.load(row, Mux(frame_ends, 0, row + row_ends), present)
        return present, row, column

    def _rows(self, pipe: Pipeline, present: Value) -> list[list[Value]]:
        """For each kernel row its beats, the oldest first."""
        scan, beat = self._scan, Value.cast(self.i_stream.payload)
        rows: list[list[Value]] = []
        for tap in reversed(range(scan.window.kernel[0])):
            beats = [beat]
            for age in range(scan.newest - scan.oldest):
                beats.insert(0, delayed(pipe, f"row_{tap}_beat_{age}", beats[0], 1, present))
            rows.insert(0, beats)
            if tap:
                beat = pipe.named(f"row_{tap - 1}", delayed(pipe, f"rows_{tap}", beat, scan.row_delay, present))
        return rows

    def _pixel(self, beats: Sequence[Value], place: int) -> Value:
        number, pixel = divmod(place, self._scan.input_pixels)
        return lanes_of(beats[number - self._scan.oldest], self._pixel_width)[pixel]

    def _padded(self, pixel: Value, outside: Sequence[Value | None]) -> Value:
        flags = [flag for flag in outside if flag is not None]
        if not flags:
            return pixel
        width = self.input_format.word_length
        pad = Const(wire_of(self.input_format, self._pad_code), width).replicate(self._pixel_width // width)
        return Mux(Cat(*flags).any(), pad, pixel)

    def _at_row(self, row: Value, flags: Sequence[bool]) -> Value | None:
        """The flag of the output row that the walk is at; None if all are low."""
        scan = self._scan
        places = [lowest - self._first_row for lowest in scan.lowest_rows]
        return _flag_at(row, dict(zip(places, flags, strict=True)))

    def _at_column(self, column: Value, flags: Sequence[bool]) -> Value | None:
        return _flag_at(column, {number * self._scan.pace: flag for number, flag in enumerate(flags)})


def _flag_at(index: Value, flags: dict[int, bool]) -> Value | None:
    """A flag by its index, low for others; None if all are low."""
    word = sum(1 << place for place, flag in flags.items() if flag)
    return Const(word, max(word.bit_length(), 1 << len(index))).bit_select(index, 1) if word else None
