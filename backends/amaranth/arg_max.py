# SPDX-License-Identifier: Apache-2.0
"""Index of the largest element of a frame."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2

from ...qdialect.cost.latency import arg_max_latency
from ...qdialect.formats import FixedFormat, IntegerFormat
from .shapes import code_of, lanes_of
from .stream_unit import Pipeline, StreamUnit, require

_WHERE = "ArgMaxUnit"


@dataclass(frozen=True)
class _Candidate:
    """An element's code and its index within the beat."""

    code: Value
    lane: Value


class ArgMaxUnit(StreamUnit):
    """Index of the largest of the `elements` of a frame; of several largest the lowest index.

    Every step needs an input beat; the step of the frame's last beat makes the one output beat of one lane.
    II = elements / lanes cycles a frame; `latency` = `arg_max_latency(lanes=lanes)`.

    Args:
        input_format: format of the elements. elements: elements of a frame, a multiple of `lanes`.
        output_format: unsigned or signed integer format that holds `elements - 1`.
    """

    def __init__(self, *, input_format: IntegerFormat, elements: int, lanes: int, output_format: FixedFormat) -> None:
        require(elements >= 1, _WHERE, f"a frame has {elements} elements", "give at least one element")
        require(
            lanes >= 1 and elements % lanes == 0, _WHERE, f"{lanes} lanes do not divide {elements}", "use a divisor"
        )
        fits = elements - 1 in output_format.code_range
        require(fits, _WHERE, f"index {elements - 1} does not fit the output format", "choose a wider output format")
        self._beats = elements // lanes
        self.latency = arg_max_latency(lanes=lanes)
        super().__init__(input_format, lanes, output_format, 1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        _, last = pipe.counter("beat", self._beats, present)
        levels = ceil_log2(self.input_lanes)
        valid = [present, *pipe.flags("valid", present, levels)][-1]
        last = [last, *pipe.flags("last", last, levels)][-1]
        self._keep_best(pipe, self._best_of_beat(pipe), valid, last)
        pipe.load(self.o_stream.valid, valid & last)
        return m

    def _best_of_beat(self, pipe: Pipeline) -> _Candidate:
        """A tournament between the lanes, one register a level; the lower lane wins a tie."""
        words = lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length)
        players = [_Candidate(code_of(self.input_format, word), Const(0, 0)) for word in words]
        level = 0
        while len(players) > 1:
            pairs = zip(players[0::2], players[1::2], strict=False)
            winners = [_winner(a, b) for a, b in pairs] + [_pad(p) for p in players[len(players) & ~1 :]]
            wires = pipe.registers(f"level_{level}", [w for winner in winners for w in (winner.code, winner.lane)])
            players = [_Candidate(code, lane) for code, lane in zip(wires[0::2], wires[1::2], strict=True)]
            level += 1
        return players[0]

    def _keep_best(self, pipe: Pipeline, best: _Candidate, valid: Value, last: Value) -> None:
        """Compares the best of each beat with the best so far; the index is kept in the output register."""
        m = pipe.m
        code = Signal(best.code.shape(), reset_less=True)
        first, better = Signal(init=1), Signal()
        offset, _ = pipe.counter("offset", self._beats, valid)
        index = offset * self.input_lanes + best.lane
        m.d.comb += better.eq(first | (best.code > code))
        pipe.load(first, last, valid)
        pipe.load(code, best.code, valid & better)
        pipe.load(self.o_stream.payload[0], index, valid & better)


def _winner(low: _Candidate, high: _Candidate) -> _Candidate:
    higher = high.code > low.code
    code = Mux(higher, high.code, low.code)
    return _Candidate(code, Cat(Mux(higher, high.lane, low.lane), higher))


def _pad(lone: _Candidate) -> _Candidate:
    """An odd candidate goes through; its lane within the group is the lower one."""
    return _Candidate(lone.code, Cat(lone.lane, Const(0, 1)))
