# SPDX-License-Identifier: Apache-2.0
"""Multi-threshold activation: the output code counts the thresholds that an element reaches."""

from __future__ import annotations

from math import lcm

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Value

from ...qdialect.cost.latency import reachable_thresholds, threshold_latency, threshold_stages
from ...qdialect.formats import BipolarFormat, IntegerFormat, IntRange, smallest_fixed
from .shapes import code_of, lanes_of, wire_of
from .stream_unit import Pipeline, StreamUnit, integer_array, require

_WHERE = "ThresholdUnit"


class ThresholdUnit(StreamUnit):
    """count = number of thresholds T of the element's channel with x >= T; output code = base + count.

    In descending channels the output code is base + B - count, B the number of thresholds. A bipolar output has B = 1
    and base 0 and sends +1 for output code 1, -1 for 0. The channel of an element is its index in the frame modulo
    `channels`. Every step needs an input beat and makes an output beat. II = 1 cycle a beat; `latency` =
    `threshold_latency(...)`.
    Up to two thresholds are compared side by side; more by binary search, one comparison and one register a bit.
    Thresholds that every element reaches in all channels, or none in any, are left out (`reachable_thresholds`).

    Args:
        thresholds: integer codes of the input format [C or 1, B], each row ascending; may lie outside the format.
        descending: bool [C or 1], or one bool for all.
        base: output code of count 0. lanes: elements a beat. channels: C.
    """

    def __init__(
        self,
        *,
        thresholds: object,
        descending: object,
        base: int,
        input_format: IntegerFormat,
        output_format: IntegerFormat,
        lanes: int,
        channels: int,
    ) -> None:
        table = integer_array(thresholds, 2, _WHERE, "thresholds")
        require(channels >= 1, _WHERE, f"{channels} channels", "give at least one channel")
        rows, count = table.shape
        require(rows in (1, channels), _WHERE, f"{rows} rows of thresholds for {channels} channels", "give 1 or C rows")
        require(bool((table[:, 1:] >= table[:, :-1]).all()), _WHERE, "thresholds are not ascending", "sort each row")
        flags = np.atleast_1d(np.asarray(descending, dtype=bool))
        require(flags.shape in ((1,), (rows,)), _WHERE, f"descending has shape {flags.shape}", "give 1 or C flags")
        _check_output(base, count, output_format)
        super().__init__(input_format, lanes, output_format, lanes)
        codes = input_format.code_range
        kept = reachable_thresholds(table, codes)
        # x >= T is x > T - 1; the limit is the largest code if none reaches T, the least - 1 if all do
        self._limits = np.clip(table[:, kept], codes.lo, codes.hi + 1) - 1
        self._stages = threshold_stages(self._limits.shape[1])
        ends = [int(self._limits.min()), int(self._limits.max())] if self._limits.size else [0]
        if self._stages > 1 and self._limits.shape[1] + 1 < 1 << self._stages:
            ends.append(codes.hi)  # stands for the columns that a search asks for and the table has not
        self._limit_format = smallest_fixed(IntRange(min(ends), max(ends)))
        self._descending = np.broadcast_to(flags, (rows,))
        self._lowest = base + kept.start  # output code if no kept threshold is reached, ascending
        self._highest = base + count - kept.start  # the same, descending
        self._groups = lcm(rows, lanes) // lanes
        self.latency = threshold_latency(num_thresholds=self._limits.shape[1], channel_groups=self._groups)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        pipe.load(self.o_stream.valid, [present, *pipe.flags("valid", present, self.latency - 1)][-1])
        group, _ = pipe.counter("group", self._groups, present)
        words = lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length)
        groups = [group]
        for stage in range(1, self._stages):
            groups.append(pipe.register(f"group_{stage}", groups[-1]))
        for lane, word in enumerate(words):
            code = self._code(pipe, lane, code_of(self.input_format, word), groups)
            pipe.load(self.o_stream.payload[lane], code)
        return m

    def _code(self, pipe: Pipeline, lane: int, x: Value, groups: list[Value]) -> Value:
        """Output code of one lane, ready for the output register; `groups` is the channel group in each stage."""
        channels = [(group * self.output_lanes + lane) % len(self._limits) for group in range(self._groups)]
        width = self._limit_format.word_length
        count: Value = Const(0, 0)
        for stage, group in enumerate(groups):
            rows = self._limit_rows(channels, stage)
            words = [sum(wire_of(self._limit_format, limit) << (i * width) for i, limit in enumerate(r)) for r in rows]
            limits = pipe.read(f"limits_{lane}_{stage}", words, width * len(rows[0]), Cat(count, group))
            if len(rows) > 1:
                x, count = pipe.registers(f"lane_{lane}_{stage}", [x, count])
            reached = [x > code_of(self._limit_format, limit) for limit in lanes_of(limits, width)]
            count = Cat(*reached, count) if len(groups) > 1 else sum(reached, Const(0, 1))
        flags = [int(self._descending[channel]) for channel in channels]
        down = pipe.read(f"descending_{lane}", flags, 1, groups[-1])
        return Mux(down, self._highest - count, self._lowest + count)

    def _limit_rows(self, channels: list[int], stage: int) -> list[list[int]]:
        """Table of one lane and stage: what to compare with, for each channel group and (faster) each count so far."""
        limits = self._limits[channels]
        if self._stages == 1:
            return [[int(limit) for limit in row] for row in limits]
        remaining = self._stages - stage
        columns = [(2 * prefix + 1 << (remaining - 1)) - 1 for prefix in range(1 << stage)]
        never = self.input_format.code_range.hi
        return [[int(row[column]) if column < len(row) else never] for row in limits for column in columns]


def _check_output(base: int, count: int, format: IntegerFormat) -> None:
    if isinstance(format, BipolarFormat):
        message = f"a bipolar output has {count} thresholds and base {base}"
        require(count == 1 and base == 0, _WHERE, message, "give one threshold and base 0")
        return
    range_ = format.code_range
    message = f"output codes {base} .. {base + count} exceed the output format [{range_.lo}, {range_.hi}]"
    require(IntRange(base, base + count) in range_, _WHERE, message, "choose a wider output format")
