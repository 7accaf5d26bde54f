# SPDX-License-Identifier: Apache-2.0
"""Sum, difference or product of two streams."""

from __future__ import annotations

from typing import Literal, TypeAlias

from amaranth.hdl import Module, Mux, Signal, Value, unsigned

from ...qdialect.cost.latency import product_latency, sum_latency
from ...qdialect.formats import FixedFormat, IntegerFormat
from .delay import delayed
from .shapes import aligned_code, code_of, lanes_of
from .stream_unit import Pipeline, Unit, require

_WHERE = "JoinUnit"
Kind: TypeAlias = Literal["add", "sub", "mul"]


class JoinUnit(Unit):
    """Joins the elements of two streams; of sums and differences the quanta are aligned exactly.

    Every step needs a beat of both streams and makes an output beat; where one repeats its elements, it is taken in the
    first steps of a round and kept. II = 1 cycle a beat; `latency` = `sum_latency()` or `product_latency()`.

    Args:
        kind: "add", "sub" or "mul". input_formats: of the two streams. output_format: has the fraction bits of the
            finer one, of products those of both together, and holds every result that occurs. lanes: elements a beat.
        repeats: (times, run) of the stream `repeated`: each run of its elements meets `times` runs of the other.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        input_formats: tuple[IntegerFormat, IntegerFormat],
        output_format: FixedFormat,
        lanes: int,
        repeats: tuple[int, int] | None = None,
        repeated: int = 1,
    ) -> None:
        bits = [format.fraction_bits for format in input_formats]
        exact = sum(bits) if kind == "mul" else max(bits)
        message = f"results have {exact} fraction bits, the output format {output_format.fraction_bits}"
        require(output_format.fraction_bits == exact, _WHERE, message, "give the output format as many")
        self._kind: Kind = kind
        self._repeated, (self._times, self._run) = repeated, repeats or (1, lanes)
        divided = self._times if self._run == 1 else self._run
        require(divided % lanes == 0 or repeats is None, _WHERE, f"{lanes} lanes do not divide {divided}", "use others")
        self.latency = product_latency() if kind == "mul" else sum_latency()
        taken = [lanes, lanes]
        if repeats is not None and self._run == 1:
            taken[repeated] = 1
        super().__init__(list(zip(input_formats, taken, strict=True)), [(output_format, lanes)])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (target,), ((_, lanes),) = self.o_streams, self.outputs
        pipe = Pipeline(m, target)
        words = [Value.cast(side.payload) for side in self.i_streams]
        present = Signal()
        if self._times == 1:
            a, b = self.i_streams
            m.d.comb += [present.eq(a.valid & b.valid), a.ready.eq(pipe.advance & b.valid)]
            m.d.comb += b.ready.eq(pipe.advance & a.valid)
        else:
            words[self._repeated] = self._kept(pipe, present)
        factors = [lanes_of(word, format.word_length) for word, (format, _) in zip(words, self.inputs, strict=True)]
        factors = [own * (lanes // len(own)) for own in factors]
        valid = present
        if self._kind == "mul":
            valid = pipe.flag("valid", present)
            factors = [pipe.registers(f"factor_{side}", own) for side, own in enumerate(factors)]
        pipe.load(target.valid, valid)
        for lane, pair in enumerate(zip(*factors, strict=True)):
            pipe.load(target.payload[lane], self._joined(*pair), valid)
        return m

    def _kept(self, pipe: Pipeline, present: Signal) -> Value:
        """The beat of the repeated stream for each step: taken in the first run of a round, then kept."""
        m, small, large = pipe.m, self.i_streams[self._repeated], self.i_streams[1 - self._repeated]
        ((_, lanes),) = self.outputs
        beats, turns = max(self._run // lanes, 1), self._times if self._run > 1 else self._times // lanes
        _, ends = pipe.counter("beat", beats, present)
        turn, _ = pipe.counter("turn", turns, present & ends)
        first, word = Signal(), Signal(unsigned(len(Value.cast(small.payload))), name="repeated")
        m.d.comb += [
            first.eq(turn == 0),
            present.eq(large.valid & (small.valid | ~first)),
            large.ready.eq(pipe.advance & (small.valid | ~first)),
            small.ready.eq(pipe.advance & first & large.valid),
        ]
        before = delayed(pipe, "kept", word, beats, present)
        m.d.comb += word.eq(Mux(first, Value.cast(small.payload), before))
        return word

    def _joined(self, a: Value, b: Value) -> Value:
        (first, _), (second, _) = self.inputs
        if self._kind == "mul":
            return code_of(first, a) * code_of(second, b)
        ((output, _),) = self.outputs
        x, y = (aligned_code(format, bits, output.fraction_bits) for format, bits in ((first, a), (second, b)))
        return x + y if self._kind == "add" else x - y
