# SPDX-License-Identifier: Apache-2.0
"""Amaranth's simulator agrees with the Verilog simulators on the same design, and finds the same faults."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from qopt_mlir.backends.simulators import Stimulus, missing_engine, simulate
from qopt_mlir.backends.simulators.amaranth import simulate_amaranth
from qopt_mlir.qdialect.errors import QoptError


class Stage(wiring.Component):
    """A register stage of 9 bytes that adds 1; `fault` breaks it."""

    def __init__(self, fault: str = ""):
        self.fault = fault
        inputs = {
            "aclk": In(1),
            "aresetn": In(1),
            "s_axis_tdata": In(72),
            "s_axis_tvalid": In(1),
            "s_axis_tlast": In(1),
        }
        outputs = {"s_axis_tready": Out(1), "m_axis_tdata": Out(72), "m_axis_tvalid": Out(1), "m_axis_tlast": Out(1)}
        super().__init__({**inputs, **outputs, "m_axis_tready": In(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain()
        m.d.comb += [sync.clk.eq(self.aclk), sync.rst.eq(~self.aresetn)]
        advance = ~self.m_axis_tvalid | (Const(1) if self.fault == "overwrites" else self.m_axis_tready)
        m.d.comb += self.s_axis_tready.eq(self.aresetn & advance & (self.fault != "deadlocks"))
        with m.If(advance):
            m.d.sync += [
                self.m_axis_tvalid.eq(self.s_axis_tvalid & self.s_axis_tready),
                self.m_axis_tdata.eq(self.s_axis_tdata + 1),
                self.m_axis_tlast.eq(self.s_axis_tlast & (self.fault != "forgets tlast")),
            ]
        return m


def stimulus(**changes: Any) -> Stimulus:
    beats = np.random.default_rng(6).integers(0, 256, (30, 9), dtype=np.uint8)
    frames = {"input_frame_beats": 5, "output_frame_beats": 5, "timeout_cycles": 50}
    return Stimulus(**{"beats": beats, "num_output_beats": 30, "output_bytes": 9, **frames, **changes})


def test_beats_come_through() -> None:
    sent = stimulus(stall=0.4, seed=2)
    expected = [(int.from_bytes(beat.tobytes(), "little") + 1).to_bytes(9, "little") for beat in sent.beats]
    for result in (simulate_amaranth(Stage(), sent), simulate_amaranth(Stage(), stimulus())):
        assert result.beats.tobytes() == b"".join(expected)


@pytest.mark.parametrize("engine", ["verilator", "icarus"])
def test_cycles_equal_those_of_the_verilog(tmp_path: Path, engine: Any) -> None:
    if reason := missing_engine(engine):
        pytest.skip(reason)
    path = tmp_path / "stage.v"
    path.write_text(verilog.convert(Stage(), name="stage", emit_src=False))
    one = simulate_amaranth(Stage(), stimulus())
    fields = vars(stimulus())
    other = simulate(sources=[path], top="stage", engine=engine, **fields)
    assert np.array_equal(one.beats, other.beats)
    assert np.array_equal(one.input_cycles, other.input_cycles)
    assert np.array_equal(one.output_cycles, other.output_cycles)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("overwrites", r"output beat \d+ (changes|is withdrawn) before it was taken"),
        ("deadlocks", "no beat moves for 50 cycles: stopped at cycle 50 with 0 of 30 input beats taken"),
        ("forgets tlast", "output beat 4 has tlast 0, but a frame has 5 beats"),
    ],
)
def test_faults_are_found(fault: str, message: str) -> None:
    with pytest.raises(QoptError, match=message):
        simulate_amaranth(Stage(fault), stimulus(stall=0.4))


def test_a_beat_too_many_is_found() -> None:
    with pytest.raises(QoptError, match="an output beat too many comes after the expected 29"):
        simulate_amaranth(Stage(), stimulus(num_output_beats=29, output_frame_beats=None))
