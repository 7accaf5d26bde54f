# SPDX-License-Identifier: Apache-2.0
"""A memory of a few rows of an image, written as the image comes and read in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib.memory import Memory
from numpy.typing import NDArray

from ...qdialect.cost.latency import line_buffer_latency
from ...qdialect.cost.line_buffer import LineSchedule
from ...qdialect.formats import IntegerFormat
from .shapes import wire_of
from .stream_unit import MEMORY_ATTRIBUTES, Pipeline, StreamUnit, require

_WHERE = "LineBuffer"


@dataclass(frozen=True)
class Loop:
    """A loop of the order of reading: each of its turns goes so many beats, rows and columns on."""

    name: str
    turns: int
    beats: int
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Axis:
    """Rows or columns of the image: how many, how many of padding before and behind, and the loops' steps along it."""

    size: int
    low: int
    high: int
    steps: tuple[int, ...]


class LineBuffer(StreamUnit):
    """Gives beats of the input in the order of nested loops; base of the units that keep rows of an image.

    Writing and reading go on at the same time, each at most a beat a cycle, and frames overlap. Output is made pixel by
    pixel: one starts when `schedule.need` beats are there; its end makes room for those of `schedule.release`. The
    input is ready whenever there is room, whatever the output does. A beat taken in a cycle can be read in the next;
    `latency` = `line_buffer_latency()` from the step that reads. With a memory of `depth` beats a frame takes as many
    cycles as it has input or output beats, whichever are more.

    Args:
        loops: innermost first. pixel_loops: how many of them make a pixel.
        tables: [rows, columns] of what a pixel asks for behind it, and of what it frees, by the turns of the two loops
            behind the pixel's; the row of loops beyond repeats.
        start: place of the first beat of a frame to read, relative to the frame. axes: those with padding.
        pad_code: what padding is made of. memory: a key of `MEMORY_ATTRIBUTES`.
    """

    def __init__(
        self,
        *,
        format: IntegerFormat,
        lanes: int,
        schedule: LineSchedule,
        loops: Sequence[Loop],
        pixel_loops: int,
        tables: tuple[NDArray[np.int64], NDArray[np.int64]],
        start: int = 0,
        axes: Sequence[Axis] = (),
        pad_code: int = 0,
        memory: str = "auto",
    ) -> None:
        known = ", ".join(MEMORY_ATTRIBUTES)
        require(memory in MEMORY_ATTRIBUTES, _WHERE, f"unknown memory '{memory}'", f"use one of {known}")
        super().__init__(format, lanes, format, lanes)
        self._schedule, self._loops, self._pixel_loops, self._tables = schedule, tuple(loops), pixel_loops, tables
        self._start, self._axes, self._pad_code, self._memory = start, tuple(axes), pad_code, memory
        self.depth = schedule.memory_depth(lanes * format.word_length, None if memory == "auto" else memory == "block")
        self.latency = line_buffer_latency()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = Signal()
        counts: list[Value] = []
        lasts: list[Value] = []
        enable: Value = present
        for loop in self._loops:
            count, last = pipe.counter(loop.name, loop.turns, enable)
            enable = enable & last
            counts.append(count)
            lasts.append(last)
        write = self._count_beats(m, pipe, present, counts, lasts)
        beats = tuple(loop.beats for loop in self._loops)
        address = self._walk(pipe, "address", beats, self._schedule.beats, self._start, self.depth, lasts, present)
        word = self._memory_word(m, pipe, write, address)
        outside = self._outside(pipe, lasts, present)
        if outside:
            code = wire_of(self.input_format, self._pad_code)
            pad = Const(code, self.input_format.word_length).replicate(self.input_lanes)
            word = Mux(pipe.flag("padding", Cat(*outside).any()), pad, word)
        pipe.load(Value.cast(self.o_stream.payload), word)
        pipe.load(self.o_stream.valid, pipe.flag("read", present))
        return m

    def _count_beats(
        self, m: Module, pipe: Pipeline, present: Signal, counts: Sequence[Value], lasts: Sequence[Value]
    ) -> Signal:
        """Starts pixels when their beats are there and takes beats when there is room; high when one is taken."""
        need, release = self._schedule.need, self._schedule.release
        asks, frees = (_entry(table, *counts[self._pixel_loops : self._pixel_loops + 2]) for table in self._tables)
        spare = max(0, int((release - need).max()))  # released before they come: nothing needs them
        most = max(int(need.flat[0]), int(self._tables[0].max()))
        ahead = Signal(range(-most, self.depth + spare + 1), init=-int(need.flat[0]))  # beats more than needed
        room = Signal(range(-1, self.depth + spare), init=self.depth - 1)  # free places but one
        write, pixel_ends = Signal(), Signal()
        m.d.comb += [
            present.eq(ahead >= 0),
            self.i_stream.ready.eq(room >= 0),
            write.eq(self.i_stream.valid & self.i_stream.ready),
            pixel_ends.eq(pipe.advance & present & Cat(*lasts[: self._pixel_loops]).all()),
        ]
        m.d.sync += [
            ahead.eq(ahead + write - Mux(pixel_ends, asks, 0)),
            room.eq(room - write + Mux(pixel_ends, frees, 0)),
        ]
        return write

    def _walk(
        self,
        pipe: Pipeline,
        name: str,
        steps: Sequence[int],
        frame: int,
        start: int,
        modulus: int,
        lasts: Sequence[Value],
        present: Value,
    ) -> Signal:
        """A number modulo `modulus`: each turn of a loop adds its step, the end of a frame makes it `frame` more."""
        moves: list[int] = []
        gone = 0  # by the turns of the loops inside
        for loop, step in zip(self._loops, steps, strict=True):
            moves.append((step - gone) % modulus)
            gone += (loop.turns - 1) * step
        position = Signal(range(modulus), name=name, init=start % modulus)
        inner = list(zip(moves, lasts, strict=True))[::-1]
        move: Value = Const((frame - gone) % modulus, range(modulus))
        wrapping: Value = Const((frame - gone) % modulus - modulus, range(-modulus, 0))
        for step, last in inner:
            move = Mux(last, move, Const(step, range(modulus)))
            wrapping = Mux(last, wrapping, Const(step - modulus, range(-modulus, 0)))
        wrapped = position + wrapping
        power_of_two = modulus & (modulus - 1) == 0
        pipe.load(position, position + move if power_of_two else Mux(wrapped < 0, position + move, wrapped), present)
        return position

    def _memory_word(self, m: Module, pipe: Pipeline, write: Value, address: Value) -> Value:
        """Row `address` of the memory of beats, one step later."""
        payload = Value.cast(self.i_stream.payload)
        place = Signal(range(self.depth), name="write_address")
        with m.If(write):
            m.d.sync += place.eq(Mux(place == self.depth - 1, 0, place + 1))
        attributes = MEMORY_ATTRIBUTES[self._memory]
        m.submodules.rows = rows = Memory(shape=unsigned(len(payload)), depth=self.depth, init=[], attrs=attributes)
        write_port, read_port = rows.write_port(), rows.read_port()
        m.d.comb += [
            write_port.addr.eq(place),
            write_port.data.eq(payload),
            write_port.en.eq(write),
            read_port.addr.eq(address),
            read_port.en.eq(pipe.advance),
        ]
        return read_port.data

    def _outside(self, pipe: Pipeline, lasts: Sequence[Value], present: Value) -> list[Value]:
        """For each axis with padding whether the beat lies there."""
        found: list[Value] = []
        for number, axis in enumerate(self._axes):
            if axis.low + axis.high:
                modulus = 1 << (axis.size + axis.low + axis.high - 1).bit_length()
                place = self._walk(pipe, f"place_{number}", axis.steps, 0, -axis.low, modulus, lasts, present)
                found.append(place >= axis.size)  # places before the image wrap to large numbers
        return found


def _entry(table: NDArray[np.int64], column: Value, row: Value) -> Value:
    """`table[row, column]`; the entries are few numbers in long runs."""
    kinds, kind_of_row = np.unique(table, axis=0, return_inverse=True)
    values = [_of_runs(column, [Const(int(entry)) for entry in kind], list(kind)) for kind in kinds]
    numbers = [int(kind) for kind in kind_of_row.reshape(-1)]
    return _of_runs(row, [values[number] for number in numbers], numbers)


def _of_runs(index: Value, values: Sequence[Value], keys: Sequence[int]) -> Value:
    """`values[index]`, where values with equal keys next to each other are equal."""
    result = values[0]
    for place, (before, after) in enumerate(pairwise(keys), start=1):
        if before != after:
            result = Mux(index >= place, values[place], result)
    return result
