# SPDX-License-Identifier: Apache-2.0
"""Converter between numbers of lanes: the same elements in the same order, more or fewer in a beat."""

from __future__ import annotations

from math import lcm

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream

from ...qdialect.cost.latency import width_converter_latency
from ...qdialect.formats import IntegerFormat
from .shapes import stream_signature
from .stream_unit import Pipeline, StreamUnit


class WidthConverter(StreamUnit):
    """Regroups a stream of `input_lanes` elements a beat into beats of `output_lanes`.

    Widening (output lanes = R * input lanes): a rigid pipeline whose every step needs an input beat; each R-th step
    makes an output beat, 1 cycle later. Narrowing (input lanes = R * output lanes): every step makes an output beat,
    1 cycle later; each first of R steps needs an input beat. Equal lanes: one register, every step does both. Any other
    pair: a widening stage to the least common multiple L of both, whose output stream feeds a narrowing stage from L;
    each stage is a rigid pipeline of its own (its own `advance`) with latency 1. Either way the busier side moves a
    beat every cycle: II = max(L / input lanes, L / output lanes) cycles for L elements. A frame is a whole number of
    beats on both sides, so nothing remains between frames.
    """

    def __init__(self, *, format: IntegerFormat, input_lanes: int, output_lanes: int) -> None:
        super().__init__(format, input_lanes, format, output_lanes)
        self.latency = width_converter_latency(input_lanes=input_lanes, output_lanes=output_lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        common = lcm(self.input_lanes, self.output_lanes)
        source = self.i_stream
        if common in (self.input_lanes, self.output_lanes):
            wide = self.o_stream if common == self.output_lanes else source
        else:
            wide = stream_signature(self.input_format, common).create(path=("wide",))
        if wide is not source:
            _widen(m, source, wide, common // self.input_lanes)
        if wide is not self.o_stream:
            _narrow(m, wide, self.o_stream, common // self.output_lanes)
        return m


def _widen(m: Module, source: stream.Interface, wide: stream.Interface, ratio: int) -> None:
    """Shifts `ratio` beats into the output register."""
    pipe = Pipeline(m, wide)
    beat, word = Value.cast(source.payload), Value.cast(wide.payload)
    _, last = pipe.counter("widen", ratio, source.valid)
    m.d.comb += source.ready.eq(pipe.advance)
    pipe.load(wide.valid, source.valid & last)
    pipe.load(word, Cat(word, beat)[len(beat) :], source.valid)


def _narrow(m: Module, wide: stream.Interface, target: stream.Interface, ratio: int) -> None:
    """Loads a wide beat and shifts it out."""
    pipe = Pipeline(m, target)
    word, beat = Value.cast(wide.payload), Value.cast(target.payload)
    needs_input, present = Signal(name="needs_input", init=1), Signal()
    _, last = pipe.counter("narrow", ratio, present)
    rest = Signal(len(word), name="rest", reset_less=True)
    m.d.comb += [
        present.eq(~needs_input | wide.valid),
        wide.ready.eq(pipe.advance & needs_input),
        beat.eq(rest[: len(beat)]),
    ]
    pipe.load(needs_input, last, present)
    pipe.load(target.valid, present)
    pipe.load(rest, Mux(needs_input, word, rest >> len(beat)), present)
