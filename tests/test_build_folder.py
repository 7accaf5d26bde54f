# SPDX-License-Identifier: Apache-2.0
"""A build of the example network: same bytes twice, and each emitted level can be edited and built from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qopt_mlir.driver.cli import main

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits"
MODEL, IMAGES = EXAMPLE / "digits.onnx", EXAMPLE / "test_images.npy"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builds") / "digits"
    assert main(["build", str(MODEL), "--input-format", "x: uint<8>", "-o", str(folder)]) == 0
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def edited(build: Path, level: str, changes: dict[str, tuple[str, str]], to: Path) -> Path:
    """A copy of a level's text in which, on the one line with the key, the first text becomes the second."""
    lines = (build / "ir" / f"{level}.mlir").read_text().splitlines()
    for key, (old, new) in changes.items():
        (number,) = [i for i, line in enumerate(lines) if key in line]
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new, 1)
    to.write_text("\n".join(lines) + "\n")
    return to


def outputs_equal(folder: Path) -> bool:
    return main(["run", str(folder), "--inputs", str(IMAGES), "--engine", "dataflow"]) == 0


def test_same_build_gives_the_same_bytes(build: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(["build", str(MODEL), "--input-format", "x: uint<8>", "-o", str(again)]) == 0
    assert contents(again) == contents(build)


@pytest.mark.parametrize("level", ["graph", "typed", "dataflow"])
def test_each_level_builds_the_same_hardware(build: Path, tmp_path: Path, level: str) -> None:
    out = tmp_path / "out"
    arguments = ["build", str(build / "ir" / f"{level}.mlir"), "-o", str(out)]
    assert main([*arguments, *(["--input-format", "x: uint<8>"] if level == "graph" else [])]) == 0
    assert {name: text for name, text in contents(out).items() if name.startswith("rtl")} == {
        name: text for name, text in contents(build).items() if name.startswith("rtl")
    }


def test_a_changed_pe_reaches_the_hardware(build: Path, tmp_path: Path) -> None:
    text = edited(build, "dataflow", {"%fc2 = dataflow.matrix_vector": ("pe 1 ", "pe 4 ")}, tmp_path / "net.mlir")
    out = tmp_path / "out"
    assert main(["build", str(text), "-o", str(out), "--name", "digits"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert [unit["pe"] for unit in report["units"] if unit["name"] == "fc2_matrix_vector"] == [4]
    assert (out / "rtl/digits_fc2_matrix_vector.v").read_text() != (
        build / "rtl/digits_fc2_matrix_vector.v"
    ).read_text()
    assert outputs_equal(out)


def test_a_changed_format_reaches_the_hardware(build: Path, tmp_path: Path) -> None:
    narrow, wide = "!q.fixed<13, 0>", "!q.fixed<15, 0>"
    changes = {
        "%fc1 = q.matmul": (f"-> tensor<1x32x{narrow}>", f"-> tensor<1x32x{wide}>"),
        "%fc1_quant = q.threshold": (f": tensor<1x32x{narrow}>", f": tensor<1x32x{wide}>"),
    }
    out = tmp_path / "out"
    assert main(["build", str(edited(build, "typed", changes, tmp_path / "net.mlir")), "-o", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert [unit["output"] for unit in report["units"] if unit["name"] == "fc1_matrix_vector"] == [wide]
    assert outputs_equal(out)


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        (("pe 8 ", "pe 5 "), "PE 5, which does not divide the 32 rows", "choose one of 1, 2, 4, 8, 16, 32"),
        (("-> !q.fixed<13, 0>", "-> !q.fixed<9, 0>"), "!q.fixed<9, 0> holds -256 to 255", "write !q.fixed<13, 0>"),
        (("-> !q.fixed<13, 0>", "-> !q.real"), "cannot carry !q.real", "quantise to !q.fixed"),
        (("simd 8 ", "simd 8 range <-3, 3> "), "states codes from -3 to 3", "run q-infer-ranges"),
    ],
)
def test_a_wrong_edit_is_refused_with_its_place(
    build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], what: str, mend: str
) -> None:
    text = edited(build, "dataflow", {"%fc1 = dataflow.matrix_vector": change}, tmp_path / "net.mlir")
    number = next(i for i, line in enumerate(text.read_text().splitlines(), 1) if "%fc1 = dataflow" in line)
    assert main(["build", str(text), "-o", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert what in message
    assert f"net.mlir:{number}:" in message
    assert f"mend: {mend}" in message or mend in message.partition("mend: ")[2]
    assert not (tmp_path / "out").exists()


NARROW = """
func.func @main(%x: tensor<1x8xf32> {q.name = "x"}) -> (tensor<1x1x!q.fixed<7, 0>> {q.name = "y"}) {
  %w = q.constant #q.dense<[[1], [1], [1], [1], [1], [1], [1], [2]] : tensor<8x1x!q.ufixed<2, 0>>>
  %q = q.quantize %x half_even saturate narrow : tensor<1x8xf32> -> tensor<1x8x!q.fixed<4, 0>>
  %y = q.matmul %q, %w range <-63, 63> : tensor<1x8x!q.fixed<4, 0>>, tensor<8x1x!q.ufixed<2, 0>>
      -> tensor<1x1x!q.fixed<7, 0>>
  func.return %y : tensor<1x1x!q.fixed<7, 0>>
}
"""


def test_golden_vectors_hold_what_the_host_sends(tmp_path: Path) -> None:
    """The lowest code of a narrow quantiser is never sent; accumulators have no room for it."""
    source, folder = tmp_path / "narrow.mlir", tmp_path / "narrow"
    source.write_text(NARROW)
    assert main(["build", str(source), "-o", str(folder)]) == 0
    assert main(["build", str(folder / "ir" / "dataflow.mlir"), "-o", str(tmp_path / "again")]) == 0
    assert contents(folder / "sim") == contents(tmp_path / "again" / "sim")
