# SPDX-License-Identifier: Apache-2.0
"""`qopt run` on arrays that do not fit: a message, exit 1 (2 for wrong options), never a traceback or a wrap."""

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.driver.cli import main

IDENTITY = """\
func.func @main(%x: tensor<1x2x!q.fixed<{width}, 0>>) -> tensor<1x2x!q.fixed<{width}, 0>> {{
  func.return %x : tensor<1x2x!q.fixed<{width}, 0>>
}}
"""
FRAMES = np.array([[1, 2], [3, 0]])


class Runner:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.folder, self.capsys = folder, capsys
        self.save("x", FRAMES)
        self.model(8)

    def model(self, width: int) -> None:
        (self.folder / "model.mlir").write_text(IDENTITY.format(width=width))

    def save(self, name: str, array: object) -> str:
        np.save(self.folder / name, np.asarray(array))
        return str(self.folder / f"{name}.npy")

    def __call__(self, *options: str, inputs: str = "x.npy") -> tuple[int, str]:
        """Exit code; standard error, or standard output if there is no error."""
        try:
            code = main(["run", str(self.folder / "model.mlir"), "--inputs", str(self.folder / inputs), *options])
        except SystemExit as exit_:
            code = int(str(exit_.code))
        out, err = self.capsys.readouterr()
        return code, err or out


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(tmp_path, capsys)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 2), np.int64), "holds an array of shape [0, 2], without frames"),
        (np.array(3), "holds an array of shape [], without frames"),
        (np.ones((2, 2), complex), "holds more than arrays of numbers: complex128"),
        (np.full((2, 2), "1"), "holds more than arrays of numbers: <U1"),
        (np.full((2, 2), np.nan), "holds NaN or infinity"),
        (np.ones((2, 3), np.int64), "has the shape [2, 3], one frame is [1, 2]"),
        (np.full((2, 2), 128), "holds 128, which is no code"),
        (np.full((2, 2), 2**64 - 1, np.uint64), "holds 18446744073709551615, which is no code"),
    ],
)
def test_inputs_that_do_not_fit(run: Runner, array: np.ndarray, message: str) -> None:
    run.save("bad", array)
    code, text = run(inputs="bad.npy")
    assert (code, message in text, "mend: " in text) == (1, True, True), text


def test_large_unsigned_codes_do_not_wrap(run: Runner) -> None:
    run.model(64)
    run.save("bad", np.full((2, 2), 2**64 - 1, np.uint64))  # as int64 this is -1, which the type could hold
    code, text = run(inputs="bad.npy")
    assert code == 1
    assert "18446744073709551615" in text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1 2 3",
        b"\x93NUMPY\x01\x00garbage",
        b"PK\x03\x04garbage",
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (((((1".ljust(117) + b"\n",
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000, 64), }".ljust(117)
        + b"\n",
    ],
)
def test_files_that_are_no_arrays(run: Runner, data: bytes) -> None:
    (run.folder / "bad.npy").write_bytes(data)
    for options, inputs in (([], "bad.npy"), (["--expect", str(run.folder / "bad.npy")], "x.npy")):
        code, text = run(*options, inputs=inputs)
        assert code == 1
        assert "bad.npy' is no .npy or .npz file of numbers: " in text
        assert len(text) < 500


def test_an_npz_without_arrays(run: Runner) -> None:
    np.savez(run.folder / "empty.npz")
    assert run(inputs="empty.npz")[0] == 1
    assert "holds no array" in run("--labels", str(run.folder / "empty.npz"))[1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1], "1 labels for 2 frames"),
        ([[1, 0], [0, 1]], "labels of shape [2, 2] are not one whole number a frame"),
        ([0.5, 1], "are not one whole number a frame"),
        ([np.nan, 1], "are not one whole number a frame"),
        (["a", "b"], "holds more than arrays of numbers"),
        (1, "without frames"),
    ],
)
def test_labels_that_do_not_fit(run: Runner, labels: object, message: str) -> None:
    code, text = run("--labels", run.save("labels", labels))
    assert (code, message in text, "mend: " in text) == (1, True, True), text


def test_labels_count(run: Runner) -> None:
    assert "accuracy 50.00 % (1 of 2)" in run("--labels", run.save("labels", [1, 1]))[1]


@pytest.mark.parametrize("value", [np.nan, np.inf, 9.0])
def test_expected_values_that_differ(run: Runner, value: float) -> None:
    expected = FRAMES.astype(float)
    expected[1, 0] = value
    code, text = run("--expect", run.save("y", expected))
    assert code == 1
    assert f"3 of 4 outputs equal; first difference: frame 1, element [0, 0] is 3.0, not {value}" in text


def test_expected_values_of_another_shape(run: Runner) -> None:
    assert "give expected values for each frame" in run("--expect", run.save("y", [[1, 2]]))[1]
    np.savez(run.folder / "two.npz", a=FRAMES, b=FRAMES)
    assert "mend: give one array for each output" in run("--expect", str(run.folder / "two.npz"))[1]
    assert "mend: check the path" in run("--expect", "")[1]


@pytest.mark.parametrize(
    "option",
    [
        "--samples=0",
        "--samples=-1",
        "--stall=1",
        "--stall=-0.1",
        "--stall=nan",
        "--seed=-1",
        "--seed=99999999999999999999",
        "--tolerance=nan",
        "--tolerance=-1",
        "--engine=foo",
    ],
)
def test_options_out_of_range(run: Runner, option: str) -> None:
    code, text = run(option)
    assert code == 2
    assert f"argument {option.partition('=')[0]}: " in text


def test_options_that_do_not_apply(run: Runner) -> None:
    assert "--shape is for .onnx models" in run("--shape", "x=1,2")[1]
    assert "is not at the dataflow level" in run("--engine", "dataflow")[1]


def test_a_function_without_outputs(run: Runner) -> None:
    (run.folder / "model.mlir").write_text("func.func @main(%x: tensor<1x2xf32>) {\n  func.return\n}\n")
    code, text = run()
    assert code == 1
    assert "error: @main has no outputs" in text


def test_damaged_ir_of_a_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ir").mkdir()
    (tmp_path / "interface.json").write_text("{}")
    (tmp_path / "ir" / "typed.mlir").write_bytes(b"\xff\xfe")
    np.save(tmp_path / "x", FRAMES)
    assert main(["run", str(tmp_path), "--inputs", str(tmp_path / "x.npy")]) == 1
    assert "typed.mlir' is no text: " in capsys.readouterr().err
