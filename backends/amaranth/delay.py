# SPDX-License-Identifier: Apache-2.0
"""Numbers that are needed again some steps later."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal, Value, unsigned
from amaranth.lib.memory import Memory

from ...qdialect.cost.unit import DISTRIBUTED_DELAY
from .stream_unit import Pipeline


def delayed(pipe: Pipeline, name: str, word: Value, steps: int, enable: Value) -> Value:
    """`word` as it was `steps` steps ago; only advances with `enable` count as steps."""
    if steps == 0:
        return word
    if steps == 1:
        register = Signal(unsigned(len(word)), name=name, reset_less=True)
        pipe.load(register, word, enable)
        return register
    m = pipe.m
    memory = Memory(shape=unsigned(len(word)), depth=steps, init=[])
    m.submodules[name] = memory
    place, last = pipe.counter(f"{name}_place", steps, enable)
    write = memory.write_port()
    m.d.comb += [write.addr.eq(place), write.data.eq(word), write.en.eq(pipe.advance & enable)]
    if steps <= DISTRIBUTED_DELAY:
        read = memory.read_port(domain="comb")
        m.d.comb += read.addr.eq(place)
    else:  # read for the next step
        read = memory.read_port()
        m.d.comb += [read.addr.eq(Mux(last, 0, place + 1)), read.en.eq(pipe.advance & enable)]
    return read.data
