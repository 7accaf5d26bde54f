# SPDX-License-Identifier: Apache-2.0
"""`qopt -t coverage` answers with a table, whatever the model is like."""

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends import coverage as module_under_test
from qopt_mlir.backends.coverage import coverage, coverage_text
from qopt_mlir.driver.cli import main
from qopt_mlir.qdialect.text import new_context, parse_module

DENSE = """\
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<7, 0>> {
  %w = q.constant #q.dense<[[1, -1], [2, 3]] : tensor<2x2x!q.fixed<3, 0>>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<7, 0>>
  func.return %y : tensor<1x2x!q.fixed<7, 0>>
}
"""


def verdicts(text: str) -> list[str]:
    return [step.verdict for step in coverage(new_context(), parse_module(text, "dense"))]


def test_module_is_not_changed() -> None:
    module = parse_module(DENSE, "dense")
    before = str(module)
    assert [step.verdict for step in coverage(new_context(), module)] == ["yes"] * 5
    assert str(module) == before


def test_levels_behind_the_graph(tmp_path: Path) -> None:
    (tmp_path / "dense.mlir").write_text(DENSE)
    for pipeline in ("q-to-typed", "q-to-typed,q-to-dataflow"):
        assert main([str(tmp_path / "dense.mlir"), "-p", pipeline, "-o", str(tmp_path / "level.mlir")]) == 0
        assert verdicts((tmp_path / "level.mlir").read_text()) == ["yes"] * 5


def test_damaged_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"\x08\x07damaged")
    assert main([str(tmp_path / "damaged.onnx"), "-t", "coverage"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("import    no        not an ONNX model, or a truncated one (9 bytes), damaged.onnx; give")
    assert out.count("not tried it is not imported") == 4
    assert not err


def test_given_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dense.mlir").write_text(DENSE)
    for name, array, said in (("fits", [[1, 2]], "executes  yes"), ("misfits", [[1, 9]], "executes  no        input")):
        np.save(tmp_path / name, np.array(array))
        assert main([str(tmp_path / "dense.mlir"), "-t", f'coverage{{inputs="{tmp_path / name}.npy"}}']) == 0
        assert said in capsys.readouterr().out


def test_fault_of_the_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(module_under_test, "run_module", fail)
    steps = list(coverage(new_context(), parse_module(DENSE, "dense")))
    assert [step.verdict for step in steps] == ["yes", "no", "yes", "yes", "yes"]
    assert "executes  no        KeyError: 'lost'; a fault of qopt: please report it" in coverage_text(steps)


def test_network_beyond_the_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2^48 numbers: no machine holds them, and no traceback says so."""
    huge = f"tensor<{1 << 24}x{1 << 24}xf32>"
    text = f"""\
func.func @main(%x: tensor<1x1xf32>) -> {huge} {{
  %y = q.expand %x : tensor<1x1xf32> -> {huge}
  func.return %y : {huge}
}}
"""
    (tmp_path / "huge.mlir").write_text(text)
    np.save(tmp_path / "x.npy", np.ones((1, 1), np.float32))
    assert main(["run", str(tmp_path / "huge.mlir"), "--inputs", str(tmp_path / "x.npy")]) == 1
    assert "error: the network needs more memory than there is: " in capsys.readouterr().err
    assert main([str(tmp_path / "huge.mlir"), "-t", "coverage"]) == 0
    assert "executes  no        the network needs more memory than there is: " in capsys.readouterr().out


def test_large_network_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_under_test, "MAX_CONSTANT_BITS", 3)
    steps = list(coverage(new_context(), parse_module(DENSE, "dense")))
    assert [step.verdict for step in steps] == ["yes", "yes", "yes", "yes", "not tried"]
    assert "its constants have 12 bits, more than 3; `qopt build` tries" in coverage_text(steps)
