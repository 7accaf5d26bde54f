# SPDX-License-Identifier: Apache-2.0
"""Copies of a stream for several units."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

from ...qdialect.formats import IntegerFormat
from .stream_unit import Unit, require


class StreamFork(Unit):
    """Offers each input beat to `copies` branches at once; it is accepted when the last branch takes it.

    A branch that has taken the beat before the others remembers that in a bit and is offered nothing until the next
    one. No register holds the beat (latency 0): `valid` of a branch follows from that of the input and its bit alone,
    `ready` of the input from the bits and `ready` of the branches.

    Args:
        format, lanes: what a beat holds. copies: number of branches, at least 2.
    """

    def __init__(self, *, format: IntegerFormat, lanes: int, copies: int) -> None:
        require(copies >= 2, "StreamFork", f"{copies} copies", "make at least two")
        self.latency = 0
        super().__init__([(format, lanes)], [(format, lanes)] * copies)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source, branches = self.i_streams[0], self.o_streams
        done = Signal(len(branches))
        satisfied = Signal(len(branches))
        for number, branch in enumerate(branches):
            m.d.comb += [
                Value.cast(branch.payload).eq(Value.cast(source.payload)),
                branch.valid.eq(source.valid & ~done[number]),
            ]
        m.d.comb += [
            satisfied.eq(done | Cat(*(branch.ready for branch in branches))),
            source.ready.eq(satisfied.all()),
        ]
        with m.If(source.valid):
            m.d.sync += done.eq(satisfied)
            with m.If(source.ready):
                m.d.sync += done.eq(0)
        return m
