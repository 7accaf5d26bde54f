# SPDX-License-Identifier: Apache-2.0
"""The hardware of a module, simulated: every bit as expected, every frame when it was predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.top import element_bytes
from qopt_mlir.backends.hardware import hardware_top
from qopt_mlir.backends.simulators import missing_engine, simulate
from qopt_mlir.backends.simulators.amaranth import simulate_amaranth
from qopt_mlir.backends.simulators.common import Stimulus
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.qdialect.cost import predict_timing
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.formats import BipolarFormat
from xdsl.dialects.builtin import ModuleOp


def check_hardware(module: ModuleOp, x: np.ndarray, expected: np.ndarray) -> None:
    """Frames `x` through Amaranth's simulator, with pauses and (for the timing) without."""
    for stall in (0.0, 0.3):
        stimulus = stimulus_for(module, x, stall)
        result = simulate_amaranth(hardware_top(module), stimulus)
        assert np.array_equal(codes_of(module, result.beats), expected.reshape(-1)), stall
        if stall:
            continue
        units = unit_graph(hardware_function(module))
        timing = predict_timing(units).timing
        ends = result.output_cycles.reshape(len(x), -1)[:, -1] - result.input_cycles[0]
        start = timing.frame_ends[0] - timing.latency
        assert [int(end) for end in ends] == [timing.frame_end(frame) - start for frame in range(len(x))]
        assert int(ends[0]) == timing.latency


def check_verilog(module: ModuleOp, x: np.ndarray, expected: np.ndarray, folder: Path) -> None:
    """Frames `x` through the Verilog, which goes to `folder`, with pauses; skips the test without Verilator."""
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    files = verilog_files(module, "net")
    for name, text in files.items():
        (folder / name).write_text(text)
    stimulus = stimulus_for(module, x, 0.3)
    result = simulate(
        sources=[folder / name for name in files],
        top="net",
        beats=stimulus.beats,
        num_output_beats=stimulus.num_output_beats,
        output_bytes=stimulus.output_bytes,
        output_frame_beats=stimulus.output_frame_beats,
        engine="verilator",
        stall=0.3,
        timeout_cycles=5000,
    )
    assert np.array_equal(codes_of(module, result.beats), expected.reshape(-1))


def stimulus_for(module: ModuleOp, x: np.ndarray, stall: float) -> Stimulus:
    units = unit_graph(hardware_function(module))
    first, last = units[0].input_type, units[-1].result_type
    return Stimulus(
        beats=x.astype(f"<i{element_bytes(first.format)}").reshape(len(x) * first.beats, -1).view(np.uint8),
        num_output_beats=len(x) * last.beats,
        output_bytes=last.lanes * element_bytes(last.format),
        output_frame_beats=last.beats,
        stall=stall,
        timeout_cycles=5000,
    )


def codes_of(module: ModuleOp, beats: np.ndarray) -> np.ndarray:
    """All output elements in order."""
    last = unit_graph(hardware_function(module))[-1].result_type.format
    signed = "i" if isinstance(last, BipolarFormat) or last.signed else "u"
    return beats.reshape(-1).view(f"<{signed}{element_bytes(last)}")
