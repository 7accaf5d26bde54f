# SPDX-License-Identifier: Apache-2.0
"""Requantiser: multiply, add, shift, round and clip each element."""

from __future__ import annotations

from math import lcm

from amaranth.hdl import Const, Module, Mux, Value

from ...qdialect.cost.latency import requantize_latency
from ...qdialect.formats import FixedFormat, IntegerFormat, IntRange, Rounding, smallest_fixed
from .shapes import code_of, extended, lanes_of, wire_of
from .stream_unit import Pipeline, StreamUnit, integer_array, require

_WHERE = "RequantizeUnit"


class RequantizeUnit(StreamUnit):
    """out = clip(round((multiplier[c] * x + addend[c]) / 2**shift)), exact; c = index in the frame modulo `channels`.

    Every step needs an input beat and makes an output beat. II = 1 cycle a beat; `latency` = `requantize_latency(...)`.

    Args:
        multiplier, addend: integers [C or 1], of any size. shift: bits, at least 0. rounding: any `Rounding`.
        clip: (lo, hi), output codes; lo <= hi, both in the output format.
        input_format, output_format: formats of the elements. lanes: elements a beat. channels: C.
    """

    def __init__(
        self,
        *,
        multiplier: object,
        addend: object,
        shift: int,
        rounding: Rounding,
        clip: tuple[int, int],
        input_format: IntegerFormat,
        output_format: FixedFormat,
        lanes: int,
        channels: int,
    ) -> None:
        self._multiplier = [int(m) for m in integer_array(multiplier, 1, _WHERE, "multiplier")]
        self._addend = [int(a) for a in integer_array(addend, 1, _WHERE, "addend")]
        require(channels >= 1, _WHERE, f"{channels} channels", "give at least one channel")
        for name, values in ("multiplier", self._multiplier), ("addend", self._addend):
            fits = len(values) in (1, channels)
            require(fits, _WHERE, f"{name} has {len(values)} elements for {channels} channels", "give 1 or C")
        require(shift >= 0, _WHERE, f"shift is {shift}", "give a shift of at least 0; scale the multiplier instead")
        lo, hi = clip
        require(lo <= hi, _WHERE, f"clip range [{lo}, {hi}] is empty", "give lo <= hi")
        range_ = output_format.code_range
        message = f"clip range [{lo}, {hi}] exceeds the output format [{range_.lo}, {range_.hi}]"
        require(lo in range_ and hi in range_, _WHERE, message, "choose a wider output format")
        super().__init__(input_format, lanes, output_format, lanes)
        self._shift, self._rounding, self._clip = shift, rounding, IntRange(lo, hi)
        rows = max(len(self._multiplier), len(self._addend))
        self._groups = lcm(rows, lanes) // lanes
        self.latency = requantize_latency(channel_groups=self._groups)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        pipe.load(self.o_stream.valid, pipe.flags("valid", present, self.latency - 1)[-1])
        group, _ = pipe.counter("group", self._groups, present)
        next_group = pipe.register("group_of_addend", group) if self._groups > 1 else group
        words = lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length)
        for lane, word in enumerate(words):
            x = code_of(self.input_format, word)
            multiplier = self._read(pipe, f"multiplier_{lane}", self._multiplier, lane, group)
            if self._groups > 1:
                x = pipe.register(f"input_{lane}", x)
            product = pipe.register(f"product_{lane}", x * multiplier)
            addend = self._read(pipe, f"addend_{lane}", self._addend, lane, next_group)
            total = pipe.register(f"sum_{lane}", product + addend)
            pipe.load(self.o_stream.payload[lane], self._clipped(self._rounded(total)))
        return m

    def _read(self, pipe: Pipeline, name: str, values: list[int], lane: int, group: Value) -> Value:
        """Constant of one lane, one step after `group`."""
        format = smallest_fixed(IntRange(min(values), max(values)))
        rows = [values[(index * self.output_lanes + lane) % len(values)] for index in range(self._groups)]
        wires = [wire_of(format, value) for value in rows]
        return code_of(format, pipe.read(name, wires, format.word_length, group))

    def _rounded(self, total: Value) -> Value:
        """`total / 2**shift` rounded: the floor, plus 1 where the rounding rule says so."""
        if self._shift == 0:
            return total
        remainder = extended(total, self._shift)
        half, rest = remainder[-1], remainder[:-1].any()
        negative: Value = total[-1] if total.shape().signed else Const(0, 1)
        floor = total >> self._shift
        match self._rounding:
            case Rounding.FLOOR:
                return floor
            case Rounding.CEIL:
                return floor + remainder.any()
            case Rounding.DOWN:
                return floor + (remainder.any() & negative)
            case Rounding.UP:
                return floor + (remainder.any() & ~negative)
            case Rounding.HALF_EVEN:
                return floor + (half & (rest | floor[0]))
            case Rounding.HALF_UP:
                return floor + (half & (rest | ~negative))
            case Rounding.HALF_DOWN:
                return floor + (half & (rest | negative))

    def _clipped(self, code: Value) -> Value:
        lo, hi = self._clip.lo, self._clip.hi
        return Mux(code < lo, lo, Mux(code > hi, hi, code))
