# SPDX-License-Identifier: Apache-2.0
"""Look-up table: any function of an element."""

from __future__ import annotations

from math import lcm

from amaranth.hdl import Cat, Module, Value

from ...qdialect.cost.latency import table_latency
from ...qdialect.formats import BipolarFormat, IntegerFormat
from .shapes import codes_by_wire, lanes_of, wire_of
from .stream_unit import MEMORY_ATTRIBUTES, Pipeline, StreamUnit, integer_array, require

_WHERE = "TableUnit"


class TableUnit(StreamUnit):
    """Each element becomes the entry of its code; channels take turns if the table has a row for each.

    Every step needs an input beat and makes an output beat. II = 1 cycle a beat; `latency` = `table_latency()`: the
    register of the memory that holds the table is the output register.

    Args:
        entries: codes of the output format [C or 1, 2^W], that of the lowest input code first.
        lanes: elements a beat; each has a table. memory: a key of `MEMORY_ATTRIBUTES`.
    """

    def __init__(
        self,
        *,
        entries: object,
        input_format: IntegerFormat,
        output_format: IntegerFormat,
        lanes: int,
        memory: str = "auto",
    ) -> None:
        self._entries = integer_array(entries, 2, _WHERE, "entries")
        rows, columns = self._entries.shape
        number = 1 << input_format.word_length
        require(columns == number, _WHERE, f"a row has {columns} entries for {number} codes", "give one a code")
        bipolar = isinstance(output_format, BipolarFormat)
        for code in {int(self._entries.min()), int(self._entries.max())} | (
            {0} if (self._entries == 0).any() else set()
        ):
            possible = code in ((-1, 1) if bipolar else output_format.code_range)
            require(possible, _WHERE, f"entry {code} is no code of the output format", "choose a wider output format")
        known = ", ".join(MEMORY_ATTRIBUTES)
        require(memory in MEMORY_ATTRIBUTES, _WHERE, f"unknown memory '{memory}'", f"use one of {known}")
        super().__init__(input_format, lanes, output_format, lanes)
        self._memory, self._groups = memory, lcm(rows, lanes) // lanes
        self.latency = table_latency()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        pipe.load(self.o_stream.valid, present)
        group, _ = pipe.counter("group", self._groups, present)
        width = self.output_format.word_length
        words = lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length)
        read = [
            pipe.read(f"table_{lane}", self._rows(lane), width, Cat(word, group), self._memory)
            for lane, word in enumerate(words)
        ]
        m.d.comb += Value.cast(self.o_stream.payload).eq(Cat(*read))
        return m

    def _rows(self, lane: int) -> list[int]:
        """Words of the table of a lane: for each channel group and (faster) each input word."""
        codes = codes_by_wire(self.input_format)
        places = {code: place for place, code in enumerate(sorted(codes))}
        channels = [(group * self.output_lanes + lane) % len(self._entries) for group in range(self._groups)]
        return [wire_of(self.output_format, int(self._entries[c, places[code]])) for c in channels for code in codes]
