# SPDX-License-Identifier: Apache-2.0
"""Amaranth's own simulator on a top component, before any Verilog: slow (500 cycles a second), needs no compiler."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from amaranth.lib import wiring
from amaranth.sim import Simulator

from ...qdialect.errors import QoptError
from .common import DRAIN_CYCLES, RESET_CYCLES, SimulationResult, Stimulus, protocol_error


def simulate_amaranth(top: wiring.Component, stimulus: Stimulus) -> SimulationResult:
    """Run `stimulus` through `top`, which has the flat AXI4-Stream ports and makes its own clock domain from `aclk`.

    Raises QoptError if the design stops or breaks a rule of its streams.
    """
    harness = _Harness(top, stimulus)
    simulator = Simulator(top)
    simulator.add_testbench(harness.run)
    simulator.run()
    return SimulationResult(
        np.frombuffer(b"".join(harness.outputs), np.uint8).reshape(-1, stimulus.output_bytes),
        np.array(harness.input_cycles, np.int64),
        np.array(harness.output_cycles, np.int64),
        "amaranth",
    )


class _Harness:
    """The loop of harness.cpp, on Amaranth's signals. Setting a signal settles the design at once."""

    def __init__(self, top: Any, stimulus: Stimulus):
        self._top, self._stimulus = top, stimulus
        self._random = random.Random(stimulus.seed)
        self._offering = False
        self._held: tuple[int, int] | None = None  # data and tlast of a beat that waits for tready
        self.outputs: list[bytes] = []
        self.input_cycles: list[int] = []
        self.output_cycles: list[int] = []

    async def run(self, ctx: Any) -> None:
        for _ in range(RESET_CYCLES):
            self._clock(ctx)
        ctx.set(self._top.aresetn, 1)
        cycle, idle, drained = 0, 0, 0
        while drained < DRAIN_CYCLES:
            moved = self._drive(ctx, cycle)
            moved |= self._look(ctx, cycle)
            drained += self._done
            idle = 0 if moved or self._done else idle + 1
            if idle > self._stimulus.timeout_cycles:
                raise self._stopped(cycle)
            self._clock(ctx)
            cycle += 1

    @property
    def _done(self) -> bool:
        stimulus = self._stimulus
        return len(self.input_cycles) == len(stimulus.beats) and len(self.outputs) == stimulus.num_output_beats

    def _stalls(self) -> bool:
        return self._random.random() < self._stimulus.stall

    def _clock(self, ctx: Any) -> None:
        ctx.set(self._top.aclk, 1)
        ctx.set(self._top.aclk, 0)

    def _drive(self, ctx: Any, cycle: int) -> bool:
        """Set the inputs of this cycle; whether the design takes an input beat at its end."""
        top, sent, frame = self._top, len(self.input_cycles), self._stimulus.input_frame_beats
        if not self._offering and sent < len(self._stimulus.beats) and not self._stalls():
            self._offering = True
            ctx.set(top.s_axis_tdata, int.from_bytes(self._stimulus.beats[sent].tobytes(), "little"))
            ctx.set(top.s_axis_tlast, int(frame is not None and (sent + 1) % frame == 0))
        ctx.set(top.s_axis_tvalid, int(self._offering))
        ctx.set(top.m_axis_tready, int(self._done or not self._stalls()))
        taken = self._offering and bool(ctx.get(top.s_axis_tready))
        if taken:
            self.input_cycles.append(cycle)
            self._offering = False
        return taken

    def _look(self, ctx: Any, cycle: int) -> bool:
        """Check the outputs of this cycle; whether an output beat is taken at its end."""
        top, received = self._top, len(self.outputs)
        valid, ready = bool(ctx.get(top.m_axis_tvalid)), bool(ctx.get(top.m_axis_tready))
        beat = (ctx.get(top.m_axis_tdata), ctx.get(top.m_axis_tlast))
        if self._held is not None and not (valid and beat == self._held):
            verb = "changes" if valid else "is withdrawn"
            raise self._error(f"output beat {received} {verb} before it was taken (cycle {cycle})")
        if valid and received == self._stimulus.num_output_beats:
            raise self._error(f"an output beat too many comes after the expected {received} (cycle {cycle})")
        self._held = beat if valid and not ready else None
        if not (valid and ready):
            return False
        frame = self._stimulus.output_frame_beats
        if frame is not None and beat[1] != ((received + 1) % frame == 0):
            what = f"output beat {received} has tlast {beat[1]}, but a frame has {frame} beats (cycle {cycle})"
            raise self._error(what)
        self.outputs.append(beat[0].to_bytes(self._stimulus.output_bytes, "little"))
        self.output_cycles.append(cycle)
        return True

    def _stopped(self, cycle: int) -> QoptError:
        stimulus = self._stimulus
        return self._error(
            f"no beat moves for {stimulus.timeout_cycles} cycles: stopped at cycle {cycle} with "
            f"{len(self.input_cycles)} of {len(stimulus.beats)} input beats taken and "
            f"{len(self.outputs)} of {stimulus.num_output_beats} output beats given"
        )

    def _error(self, what: str) -> QoptError:
        return protocol_error(what, type(self._top).__name__, "Amaranth's simulator")
