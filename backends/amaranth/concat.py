# SPDX-License-Identifier: Apache-2.0
"""Streams joined along their channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from amaranth.hdl import Cat, Module, Signal, Value

from ...qdialect.cost.latency import concat_latency
from ...qdialect.formats import BipolarFormat, IntegerFormat
from .shapes import aligned_code, extended, lanes_of
from .stream_unit import Pipeline, Unit, require

_WHERE = "ConcatUnit"


class ConcatUnit(Unit):
    """For each pixel the channels of the first stream, then those of the second, ...; quanta are aligned exactly.

    Every step needs a beat of the stream whose turn it is and makes an output beat. II = 1 cycle a beat; `latency` =
    `concat_latency()`.

    Args:
        input_formats: of the streams. channels: of each stream, multiples of `lanes`. output_format: has the fraction
            bits of the finest stream and holds all their codes; bipolar if all streams are.
    """

    def __init__(
        self,
        *,
        input_formats: Sequence[IntegerFormat],
        channels: Sequence[int],
        output_format: IntegerFormat,
        lanes: int,
    ) -> None:
        require(len(input_formats) == len(channels) >= 2, _WHERE, f"{len(channels)} streams", "join two or more")
        for number in channels:
            message = f"{lanes} lanes do not divide {number} channels"
            require(number >= 1 and lanes >= 1 and number % lanes == 0, _WHERE, message, "use a divisor")
        self._beats = [number // lanes for number in channels]
        self.latency = concat_latency()
        super().__init__([(format, lanes) for format in input_formats], [(output_format, lanes)])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (target,), ends = self.o_streams, list(accumulate(self._beats))
        pipe = Pipeline(m, target)
        present, chosen = Signal(), Signal(len(Value.cast(target.payload)))
        beat, _ = pipe.counter("beat", ends[-1], present)
        for source, (format, _), start, end in zip(self.i_streams, self.inputs, [0, *ends], ends, strict=False):
            with m.If((beat >= start) & (beat < end)):
                m.d.comb += [
                    present.eq(source.valid),
                    chosen.eq(self._aligned(format, Value.cast(source.payload))),
                    source.ready.eq(pipe.advance),
                ]
        pipe.load(target.valid, present)
        pipe.load(Value.cast(target.payload), chosen, present)
        return m

    def _aligned(self, format: IntegerFormat, word: Value) -> Value:
        """A beat of a stream in the output format."""
        ((output, _),) = self.outputs
        if isinstance(output, BipolarFormat):
            return word
        codes = [aligned_code(format, bits, output.fraction_bits) for bits in lanes_of(word, format.word_length)]
        return Cat(*(extended(code, output.word_length) for code in codes))
