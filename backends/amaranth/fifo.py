# SPDX-License-Identifier: Apache-2.0
"""First-in first-out buffer of whole beats."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib.memory import Memory

from ...qdialect.cost.latency import fifo_latency
from ...qdialect.formats import IntegerFormat
from .stream_unit import StreamUnit, require

# Memories of up to so many rows are read without a clock, which look-up table memories of all families can.
_ASYNCHRONOUS_DEPTH = 64


class StreamFifo(StreamUnit):
    """Holds up to `depth` beats and cuts the path of `ready` from its output to its input.

    `i_stream.ready` is high in a cycle iff fewer than `depth` beats are held at its start, whatever the output does in
    the same cycle; `o_stream.valid` iff at least one beat is held at its start. A beat that an empty FIFO accepts in
    cycle t is offered from cycle t + 1 on (`fifo_latency()`). It passes a beat every cycle if `depth` >= 2, one every
    second cycle if `depth` is 1.

    Args:
        format, lanes: what a beat holds. depth: capacity in beats, at least 1.
    """

    def __init__(self, *, format: IntegerFormat, lanes: int, depth: int) -> None:
        require(depth >= 1, "StreamFifo", f"depth is {depth}", "give room for at least one beat")
        self._depth = depth
        self.latency = fifo_latency()
        super().__init__(format, lanes, format, lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        payload = Value.cast(self.i_stream.payload)
        level = Signal(range(self._depth + 1))
        write, read = Signal(), Signal()
        m.d.comb += [
            self.i_stream.ready.eq(level != self._depth),
            self.o_stream.valid.eq(level != 0),
            write.eq(self.i_stream.valid & self.i_stream.ready),
            read.eq(self.o_stream.valid & self.o_stream.ready),
        ]
        m.d.sync += level.eq(level + write - read)
        memory = Memory(shape=unsigned(len(payload)), depth=self._depth, init=[])
        m.submodules.memory = memory
        write_port = memory.write_port()
        write_index, _ = _ring_index(m, "write_index", self._depth, write)
        read_index, next_read_index = _ring_index(m, "read_index", self._depth, read)
        m.d.comb += [write_port.addr.eq(write_index), write_port.data.eq(payload), write_port.en.eq(write)]
        if self._depth <= _ASYNCHRONOUS_DEPTH:
            read_port = memory.read_port(domain="comb")
            m.d.comb += read_port.addr.eq(read_index)
        else:
            read_port = memory.read_port(transparent_for=(write_port,))
            m.d.comb += read_port.addr.eq(next_read_index)
        m.d.comb += Value.cast(self.o_stream.payload).eq(read_port.data)
        return m


def _ring_index(m: Module, name: str, depth: int, step: Value) -> tuple[Value, Value]:
    """An index that steps through 0 .. depth - 1 round and round, and its value in the next cycle."""
    index, following = Signal(range(depth), name=name), Signal(range(depth), name=f"{name}_next")
    m.d.comb += following.eq(Mux(step, Mux(index == depth - 1, 0, index + 1), index))
    m.d.sync += index.eq(following)
    return index, following
