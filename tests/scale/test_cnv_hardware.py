# SPDX-License-Identifier: Apache-2.0
"""A narrow CNV as Verilog: every bit as the typed level says, a frame as often as predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.amaranth.top import element_bytes
from qopt_mlir.backends.simulators import missing_engine, simulate
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.cost import predict_timing, unit_cost
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

from .networks import topologies

CYCLES = 8192
FRAMES = 4


def folded(bits: int, width: float) -> tuple[ModuleOp, ModuleOp]:
    """CNV at the typed level, and folded."""
    module = import_onnx(topologies.generate("cnv", bits=bits, width=width).SerializeToString())
    run_passes(new_context(), module, parse_passes(to_typed(["image: fixed<8, 7>"])))
    typed = module.clone()
    run_passes(new_context(), module, parse_passes(to_dataflow(200e6, 200e6 / CYCLES)))
    return typed, module


@pytest.mark.slow
@pytest.mark.parametrize("bits", [1, 2])
def test_verilog_takes_a_frame_as_often_as_predicted(bits: int, tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    typed, module = folded(bits, 1 / 8)
    units = unit_graph(hardware_function(module))
    timing = predict_timing(units).timing
    assert timing.initiation_interval == max(unit_cost(unit).cycles for unit in units) <= CYCLES
    first, last = units[0].input_type, units[-1].result_type
    images = np.random.default_rng(bits).integers(-128, 128, (FRAMES, 32, 32, 3), dtype=np.int64)
    expected = np.asarray(compile_function(typed, "hardware").run_codes({0: images})[0]).reshape(-1)
    files = verilog_files(module, "net")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = simulate(
        sources=[tmp_path / name for name in files],
        top="net",
        beats=images.astype(f"<i{element_bytes(first.format)}").reshape(FRAMES * first.beats, -1).view(np.uint8),
        num_output_beats=FRAMES * last.beats,
        output_bytes=last.lanes * element_bytes(last.format),
        output_frame_beats=last.beats,
        engine="verilator",
    )
    codes = result.beats.reshape(-1).view(f"<i{element_bytes(last.format)}")
    assert np.array_equal(codes, expected)
    ends = result.output_cycles.reshape(FRAMES, -1)[:, -1]
    start = ends[0] - timing.frame_ends[0]
    assert [int(end - start) for end in ends] == [timing.frame_end(frame) for frame in range(FRAMES)]
