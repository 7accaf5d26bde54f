# SPDX-License-Identifier: Apache-2.0
"""Sum of two streams."""

from __future__ import annotations

from amaranth.hdl import Module, Value

from ...qdialect.cost.latency import add_latency
from ...qdialect.formats import FixedFormat, IntegerFormat
from .shapes import aligned_code, lanes_of
from .stream_unit import Pipeline, Unit, require


class AddUnit(Unit):
    """Adds the elements of two streams; quanta are aligned exactly.

    Every step needs a beat of both streams and makes an output beat. II = 1 cycle a beat; `latency` = `add_latency()`.

    Args:
        input_formats: of the two streams. output_format: has the fraction bits of the finer one, and holds every sum
            that occurs. lanes: elements a beat.
    """

    def __init__(
        self, *, input_formats: tuple[IntegerFormat, IntegerFormat], output_format: FixedFormat, lanes: int
    ) -> None:
        finest = max(format.fraction_bits for format in input_formats)
        message = f"sums have {finest} fraction bits, the output format {output_format.fraction_bits}"
        require(output_format.fraction_bits == finest, "AddUnit", message, "give the output format as many")
        self.latency = add_latency()
        super().__init__([(format, lanes) for format in input_formats], [(output_format, lanes)])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (a, b), (target,), ((format, lanes),) = self.i_streams, self.o_streams, self.outputs
        pipe = Pipeline(m, target)
        present = a.valid & b.valid
        m.d.comb += [a.ready.eq(pipe.advance & b.valid), b.ready.eq(pipe.advance & a.valid)]
        pipe.load(target.valid, present)
        words = [
            [
                aligned_code(own, bits, format.fraction_bits)
                for bits in lanes_of(Value.cast(side.payload), own.word_length)
            ]
            for side, (own, _) in zip((a, b), self.inputs, strict=True)
        ]
        for lane in range(lanes):
            pipe.load(target.payload[lane], words[0][lane] + words[1][lane], present)
        return m
