# SPDX-License-Identifier: Apache-2.0
"""The FIFO keeps order, capacity and timing for every depth."""

import numpy as np
import pytest
from amaranth.hdl import Module, Value
from amaranth.sim import Simulator, SimulatorContext
from qopt_mlir.backends.amaranth.fifo import StreamFifo
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import FixedFormat

from .streams import random_codes, run

DEPTHS = [1, 2, 3, 4, 5, 64, 65, 100]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("stall", [0, 0.3, 0.6])
def test_order_and_timing(depth: int, stall: float) -> None:
    beats = 150
    codes = random_codes(np.random.default_rng(depth), FixedFormat(3), 2 * beats)
    trace = run(StreamFifo(format=FixedFormat(3), lanes=2, depth=depth), codes, beats, stall=stall)
    assert trace.codes.tolist() == codes.tolist()
    if stall == 0:
        pace = 2 if depth == 1 else 1
        assert trace.accepted == [pace * beat for beat in range(beats)]
        assert trace.offered == [cycle + 1 for cycle in trace.accepted]


@pytest.mark.parametrize("depth", DEPTHS)
def test_capacity_without_reader(depth: int) -> None:
    fifo = StreamFifo(format=FixedFormat(8, signed=False), lanes=1, depth=depth)
    accepted = 0

    async def testbench(ctx: SimulatorContext) -> None:
        nonlocal accepted
        ctx.set(fifo.i_stream.valid, 1)
        for cycle in range(depth + 5):
            ctx.set(Value.cast(fifo.i_stream.payload), cycle)
            await ctx.delay(1e-7)
            assert ctx.get(fifo.o_stream.valid) == (cycle > 0)
            accepted += ctx.get(fifo.i_stream.ready)
            await ctx.tick()
        ctx.set(fifo.o_stream.ready, 1)  # a full FIFO does not accept in the cycle in which it is read
        await ctx.delay(1e-7)
        assert not ctx.get(fifo.i_stream.ready)

    m = Module()
    m.submodules.fifo = fifo
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert accepted == depth


def test_refused_depth() -> None:
    with pytest.raises(QoptError, match="depth is 0"):
        StreamFifo(format=FixedFormat(8), lanes=1, depth=0)
