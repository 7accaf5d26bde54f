# SPDX-License-Identifier: Apache-2.0
"""Drives a component's streams in Amaranth's simulator, with or without random stalls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Value
from amaranth.sim import Simulator
from qopt_mlir.backends.amaranth.shapes import wire_of
from qopt_mlir.backends.amaranth.stream_unit import StreamUnit
from qopt_mlir.qdialect.formats import BipolarFormat, IntegerFormat

MAX_CYCLES = 200_000


@dataclass(frozen=True)
class Trace:
    """What a simulation saw: cycle of each accepted input beat, first offered and taken cycle of each output beat."""

    accepted: list[int]
    offered: list[int]
    taken: list[int]
    codes: np.ndarray  # all output elements in order


def pack(codes: Sequence[int], format: IntegerFormat) -> int:
    """A beat as an unsigned number, lane 0 lowest."""
    return sum(wire_of(format, int(code)) << (lane * format.word_length) for lane, code in enumerate(codes))


def unpack(word: int, format: IntegerFormat, lanes: int) -> list[int]:
    width = format.word_length
    wires = [(word >> (lane * width)) & ((1 << width) - 1) for lane in range(lanes)]
    if isinstance(format, BipolarFormat):
        return [2 * wire - 1 for wire in wires]
    return [wire - (1 << width) if format.signed and wire >> (width - 1) else wire for wire in wires]


def random_codes(rng: np.random.Generator, format: IntegerFormat, size: int) -> np.ndarray:
    """Random codes with many at the ends of the range; the first frame-sized stretches are constant corners."""
    range_ = format.code_range
    codes = rng.integers(range_.lo, range_.hi, size=size, endpoint=True)
    corners = rng.random(size) < 0.3
    codes[corners] = rng.choice([range_.lo, range_.hi], size=int(corners.sum()))
    if isinstance(format, BipolarFormat):
        codes = np.where(codes >= 0, 1, -1)
    return codes.astype(np.int64)


def run(unit: StreamUnit, codes: np.ndarray, output_beats: int, *, stall: float = 0.0, seed: int = 0) -> Trace:
    """Sends all elements and collects `output_beats` beats; each side pauses a cycle with probability `stall`.

    Also checks the stream contract: an offered beat stays until it is taken, and no beat follows the last one.
    """
    beats = codes.reshape(-1, unit.input_lanes)
    words = [pack(beat, unit.input_format) for beat in beats.tolist()]
    driver = _Driver(unit, words, output_beats, stall, seed)
    m = Module()
    m.submodules.unit = unit
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(driver.testbench)
    simulator.run()
    outputs = [unpack(word, unit.output_format, unit.output_lanes) for word in driver.words_out]
    return Trace(driver.accepted, driver.offered, driver.taken, np.array(outputs, dtype=np.int64).reshape(-1))


class _Driver:
    def __init__(self, unit: StreamUnit, words: list[int], output_beats: int, stall: float, seed: int) -> None:
        self.unit, self.words, self.output_beats, self.stall = unit, words, output_beats, stall
        self.rng = random.Random(seed)
        self.accepted: list[int] = []
        self.offered: list[int] = []
        self.taken: list[int] = []
        self.words_out: list[int] = []
        self.held: int | None = None

    async def testbench(self, ctx: Any) -> None:
        i_stream, o_stream = self.unit.i_stream, self.unit.o_stream
        payload = Value.cast(i_stream.payload)
        sending = False
        extra = 2 * self.unit.latency + 4  # cycles after the last beat in which nothing more may come
        for cycle in range(MAX_CYCLES):
            sent = len(self.accepted)
            sending = sent < len(self.words) and (sending or self.rng.random() >= self.stall)
            ctx.set(i_stream.valid, sending)
            ctx.set(payload, self.words[sent] if sending else self.rng.getrandbits(len(payload)))
            ctx.set(o_stream.ready, self.rng.random() >= self.stall)
            await ctx.delay(1e-7)
            if sending and ctx.get(i_stream.ready):
                self.accepted.append(cycle)
                sending = False
            self._observe(ctx, cycle)
            await ctx.tick()
            if len(self.taken) >= self.output_beats and len(self.accepted) == len(self.words):
                extra -= 1
                if extra == 0:
                    return
        raise AssertionError(f"{len(self.taken)} of {self.output_beats} beats after {MAX_CYCLES} cycles")

    def _observe(self, ctx: Any, cycle: int) -> None:
        o_stream = self.unit.o_stream
        word = ctx.get(Value.cast(o_stream.payload))
        if not ctx.get(o_stream.valid):
            assert self.held is None, f"valid was withdrawn in cycle {cycle}"
            return
        if self.held is None:
            self.offered.append(cycle)
        else:
            assert word == self.held, f"payload changed while waiting in cycle {cycle}"
        self.held = None if ctx.get(o_stream.ready) else word
        if self.held is None:
            self.taken.append(cycle)
            self.words_out.append(word)
            assert len(self.taken) <= self.output_beats, f"a beat too many in cycle {cycle}"
