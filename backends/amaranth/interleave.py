# SPDX-License-Identifier: Apache-2.0
"""Images merged pixel by pixel."""

from __future__ import annotations

from math import prod

from amaranth.hdl import Const, Module, Mux, Signal, Value

from ...qdialect.cost.latency import concat_latency
from ...qdialect.formats import IntegerFormat
from .stream_unit import Pipeline, Unit, require

_WHERE = "InterleaveUnit"


class InterleaveUnit(Unit):
    """Pixel (r, c) of the output comes from stream `r % factors[0] * factors[1] + c % factors[1]`.

    Every step needs a beat of the stream whose turn it is and makes an output beat. II = 1 cycle a beat; `latency` =
    `concat_latency()`.

    Args:
        image: rows, columns, channels, which vary fastest, of the output. factors: of rows, of columns; their product
            is the number of streams. lanes: divides the channels.
    """

    def __init__(
        self, *, image: tuple[int, int, int], factors: tuple[int, int], format: IntegerFormat, lanes: int
    ) -> None:
        require(min(*image, *factors) >= 1, _WHERE, f"image {image}, factors {factors}", "give positive numbers")
        require(prod(factors) >= 2, _WHERE, "one stream", "join two or more")
        divides = lanes >= 1 and image[2] % lanes == 0
        require(divides, _WHERE, f"{lanes} lanes do not divide {image[2]} channels", "use a divisor")
        self._image, self._factors = image, factors
        self.latency = concat_latency()
        super().__init__([(format, lanes)] * prod(factors), [(format, lanes)])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (target,), (rows, columns, channels), (down, right) = self.o_streams, self._image, self._factors
        pipe = Pipeline(m, target)
        present, chosen = Signal(), Signal(len(Value.cast(target.payload)))
        _, pixel_ends = pipe.counter("beat", channels // self.outputs[0][1], present)
        _, row_ends = pipe.counter("column", columns, present & pixel_ends)
        _, frame_ends = pipe.counter("row", rows, present & pixel_ends & row_ends)
        column_phase = self._phase(pipe, "column_phase", right, row_ends, present & pixel_ends)
        row_phase = self._phase(pipe, "row_phase", down, frame_ends, present & pixel_ends & row_ends)
        for number, source in enumerate(self.i_streams):
            phases = divmod(number, right)
            with m.If((row_phase == phases[0]) & (column_phase == phases[1])):
                m.d.comb += [
                    present.eq(source.valid),
                    chosen.eq(Value.cast(source.payload)),
                    source.ready.eq(pipe.advance),
                ]
        pipe.load(target.valid, present)
        pipe.load(Value.cast(target.payload), chosen, present)
        return m

    def _phase(self, pipe: Pipeline, name: str, factor: int, ends: Value, step: Value) -> Value:
        """Counts 0 .. factor - 1 round and round at each `step`, and from 0 again where the axis ends."""
        if factor == 1:
            return Const(0, 1)
        phase = Signal(range(factor), name=name)
        pipe.load(phase, Mux(ends | (phase == factor - 1), 0, phase + 1), step)
        return phase
