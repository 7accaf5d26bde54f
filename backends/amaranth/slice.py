# SPDX-License-Identifier: Apache-2.0
"""A part of each frame."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...qdialect.cost.latency import slice_latency
from ...qdialect.dataflow.slice import Axis
from ...qdialect.formats import IntegerFormat
from .shapes import lanes_of
from .stream_unit import Pipeline, StreamUnit, require

_WHERE = "SliceUnit"


class SliceUnit(StreamUnit):
    """Drops beats by nested counters; of each beat that is kept it gives some lanes, in any order.

    Every step needs an input beat; one whose place is kept along all axes makes an output beat. II = 1 cycle an input
    beat; `latency` = `slice_latency()`.

    Args:
        axes: innermost first, of beats; the last one begins again behind its end. Without any, all beats are kept.
        lanes: of the input. picks: which of them each lane of the output is.
    """

    def __init__(self, *, axes: Sequence[Axis], format: IntegerFormat, lanes: int, picks: Sequence[int]) -> None:
        for axis in axes:
            inside = min(axis.size, axis.step) >= 1 and axis.start >= 0
            inside &= axis.start + (axis.size - 1) * axis.step < axis.length
            require(inside, _WHERE, f"{axis} keeps places that are not there", "stay within the axis")
        known = len(picks) >= 1 and all(0 <= lane < lanes for lane in picks)
        require(known, _WHERE, f"{list(picks)} are no lanes of {lanes}", "pick lanes of the input")
        self._axes, self._picks = tuple(axes), tuple(picks)
        self.latency = slice_latency()
        super().__init__(format, lanes, format, len(picks))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        valid = self.i_stream.valid
        kept: Value = Const(1, 1)
        enable: Value = valid
        for number, axis in enumerate(self._axes):
            place, last = pipe.counter(f"place_{number}", axis.length, enable)
            kept = kept & self._inside(pipe, number, axis, place, last, enable)
            enable = enable & last
        lanes = lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length)
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        pipe.load(self.o_stream.valid, valid & kept)
        pipe.load(Value.cast(self.o_stream.payload), Cat(*(lanes[pick] for pick in self._picks)), valid)
        return m

    def _inside(self, pipe: Pipeline, number: int, axis: Axis, place: Value, last: Value, enable: Value) -> Value:
        """Whether the place is kept."""
        end = axis.start + (axis.size - 1) * axis.step
        inside: Value = Const(1, 1)
        if axis.start:
            inside = inside & (place >= axis.start)
        if end + axis.step < axis.length:
            inside = inside & (place <= end)
        if axis.step == 1:
            return inside
        first = -axis.start % axis.step
        phase = Signal(range(axis.step), name=f"phase_{number}", init=first)
        pipe.load(phase, Mux(last, first, Mux(phase == axis.step - 1, 0, phase + 1)), enable)
        return inside & (phase == 0)
