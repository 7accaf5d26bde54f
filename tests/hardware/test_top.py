# SPDX-License-Identifier: Apache-2.0
"""The top level gives the same beats in Amaranth's simulator and as Verilog, and its text is stable and clean."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.backends.amaranth import reference
from qopt_mlir.backends.amaranth.arg_max import ArgMaxUnit
from qopt_mlir.backends.amaranth.emit import emit_verilog, sanitised, unique_names
from qopt_mlir.backends.amaranth.fifo import StreamFifo
from qopt_mlir.backends.amaranth.matrix_vector import MatrixVectorUnit
from qopt_mlir.backends.amaranth.stream_unit import StreamUnit
from qopt_mlir.backends.amaranth.threshold import ThresholdUnit
from qopt_mlir.backends.amaranth.top import AxiStreamTop
from qopt_mlir.backends.amaranth.width_converter import WidthConverter
from qopt_mlir.backends.simulators import missing_engine, simulate
from qopt_mlir.backends.simulators.amaranth import simulate_amaranth
from qopt_mlir.backends.simulators.common import Stimulus
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import BipolarFormat, FixedFormat

FRAMES = 6
INPUT, ACCUMULATOR = FixedFormat(10), FixedFormat(13)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(-1, 2, size=(6, 8))
HIDDEN = np.where(RNG.random((4, 6)) < 0.5, -1, 1)
THRESHOLDS = np.sort(RNG.integers(-400, 400, size=(6, 1)), axis=1)


def network() -> list[tuple[str, StreamUnit]]:
    """10-bit inputs -> matrix -> bipolar -> matrix; the names need mending, two FIFOs are equal."""
    bipolar = BipolarFormat()
    hidden = MatrixVectorUnit(
        weights=HIDDEN,
        input_format=bipolar,
        weight_format=bipolar,
        accumulator_format=FixedFormat(4),
        pe=2,
        simd=3,
    )
    return [
        ("/fc.0/MatMul", _first_layer(INPUT)),
        ("act", _activation()),
        ("fifo/0", StreamFifo(format=bipolar, lanes=2, depth=2)),
        ("fifo_0", StreamFifo(format=bipolar, lanes=2, depth=2)),
        ("2to3", WidthConverter(format=bipolar, input_lanes=2, output_lanes=3)),
        ("hidden", hidden),
    ]


def _first_layer(format: FixedFormat) -> MatrixVectorUnit:
    return MatrixVectorUnit(
        weights=WEIGHTS,
        input_format=format,
        weight_format=FixedFormat(2),
        accumulator_format=ACCUMULATOR,
        pe=2,
        simd=4,
    )


def _activation() -> ThresholdUnit:
    return ThresholdUnit(
        thresholds=THRESHOLDS,
        descending=False,
        base=0,
        input_format=ACCUMULATOR,
        output_format=BipolarFormat(),
        lanes=2,
        channels=6,
    )


def stimulus_and_expected(stall: float) -> tuple[Stimulus, NDArray[np.uint8]]:
    frames = np.random.default_rng(1).integers(-512, 512, size=(FRAMES, 8))
    outputs: list[NDArray[np.int64]] = []
    for frame in frames:
        hidden = reference.matrix_vector(frame, WEIGHTS)
        codes = reference.threshold(hidden, THRESHOLDS, np.zeros(6, dtype=bool), 0, BipolarFormat())
        outputs.append(reference.matrix_vector(codes, HIDDEN))
    beats = frames.astype("<i2").reshape(-1, 4).view(np.uint8)
    expected = np.array(outputs).astype(np.int8).reshape(-1, 2).view(np.uint8)
    return Stimulus(
        beats=beats,
        num_output_beats=len(expected),
        output_bytes=2,
        output_frame_beats=2,
        stall=stall,
        timeout_cycles=1000,
    ), expected


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_amaranth_simulation(stall: float) -> None:
    stimulus, expected = stimulus_and_expected(stall)
    result = simulate_amaranth(AxiStreamTop(units=network(), output_beats=2), stimulus)
    assert result.beats.tolist() == expected.tolist()


@pytest.mark.parametrize("engine", ["verilator", "icarus"])
def test_verilog_simulation(engine: str, tmp_path: Path) -> None:
    if missing := missing_engine(engine):  # pyright: ignore[reportArgumentType]
        pytest.skip(missing)
    texts = emit_verilog(name="net", units=network(), output_beats=2)
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    stimulus, expected = stimulus_and_expected(0.4)
    result = simulate(
        sources=[tmp_path / name for name in texts],
        top="net",
        beats=stimulus.beats,
        num_output_beats=stimulus.num_output_beats,
        output_bytes=2,
        output_frame_beats=2,
        engine=engine,  # pyright: ignore[reportArgumentType]
        stall=0.4,
        timeout_cycles=1000,
    )
    assert result.beats.tolist() == expected.tolist()


def test_bipolar_and_unsigned_ends() -> None:
    """A bipolar input is an int8 whose sign counts; an unsigned output is zero-extended."""
    output_format = FixedFormat(9, signed=False)
    unit = ArgMaxUnit(input_format=BipolarFormat(), elements=4, lanes=2, output_format=output_format)
    frames = np.array([[-1, 1, -1, 1], [-1, -1, -1, 1], [-1, -1, 1, 1]], dtype=np.int8)
    stimulus = Stimulus(
        beats=frames.reshape(-1, 2).view(np.uint8), num_output_beats=3, output_bytes=2, output_frame_beats=1
    )
    result = simulate_amaranth(AxiStreamTop(units=[("argmax", unit)], output_beats=1), stimulus)
    assert result.beats.tolist() == [[1, 0], [3, 0], [2, 0]]


def test_emission_is_stable_and_names_no_path() -> None:
    texts = emit_verilog(name="net", units=network(), output_beats=2)
    assert texts == emit_verilog(name="net", units=network(), output_beats=2)
    everything = "".join(texts.values())
    assert str(Path(__file__).parents[2]) not in everything
    assert not re.search(r"\.py\b|src *=|/home|/tmp", everything)


def test_equal_units_share_a_module() -> None:
    texts = emit_verilog(name="net", units=network(), output_beats=2)
    modules = ["net", "net_fc_0_MatMul", "net_act", "net_fifo_0", "net_n2to3", "net_hidden"]
    assert list(texts) == [f"{module}.v" for module in modules]
    for module in modules:
        assert re.findall(r"^module (\w+)", texts[f"{module}.v"], re.MULTILINE) == [module]
    top = texts["net.v"]
    assert re.findall(r"^  net_fifo_0 (\w+)", top, re.MULTILINE) == ["fifo_0", "fifo_0_1"]
    ports = re.search(r"^module net\((.*)\);", top, re.MULTILINE)
    assert ports is not None
    assert sorted(ports[1].split(", ")) == sorted(
        ["aclk", "aresetn"]
        + [f"{side}_axis_{signal}" for side in "sm" for signal in ("tdata", "tvalid", "tready", "tlast")]
    )


@pytest.mark.slow
def test_yosys_reads_without_warning(tmp_path: Path) -> None:
    ys = pytest.importorskip("pyosys.libyosys")
    texts = emit_verilog(name="net", units=network(), output_beats=2)
    design = ys.Design()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        ys.run_pass(f"read_verilog {tmp_path / name}", design)
    log = tmp_path / "log"
    ys.run_pass(f"tee -q -o {log} synth -flatten -top net", design)
    ys.run_pass(f"tee -q -a {log} check -assert", design)
    warnings = [line for line in log.read_text().splitlines() if re.match("warning", line, re.IGNORECASE)]
    assert warnings == []


def test_names() -> None:
    assert sanitised("/a b..c") == "a_b_c"
    assert sanitised("1x") == "n1x"
    assert sanitised("//") == "unit"
    assert unique_names(["a", "a", "a_1", "a", "b/"]) == ["a", "a_1", "a_1_1", "a_2", "b"]


def test_refused_chains() -> None:
    fifo = StreamFifo(format=FixedFormat(3), lanes=1, depth=2)
    with pytest.raises(QoptError, match="there is no unit"):
        AxiStreamTop(units=[], output_beats=1)
    with pytest.raises(QoptError, match="a frame has 0 output beats"):
        AxiStreamTop(units=[("a", fifo)], output_beats=0)
    with pytest.raises(QoptError, match="two units are named 'a'"):
        AxiStreamTop(units=[("a", fifo), ("a", fifo)], output_beats=1)
    other = StreamFifo(format=FixedFormat(4), lanes=1, depth=2)
    with pytest.raises(QoptError, match=r"unit 'a' sends 1 lanes of .*3.* unit 'b' takes 1 lanes of .*4"):
        AxiStreamTop(units=[("a", fifo), ("b", other)], output_beats=1)
