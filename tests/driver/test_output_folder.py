# SPDX-License-Identifier: Apache-2.0
"""Where `qopt build` writes: whole folders or nothing, and never over what a user has made."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from qopt_mlir.backends.files import new_folder
from qopt_mlir.driver.cli import main
from qopt_mlir.qdialect.errors import QoptError

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"


def fill(path: Path, text: str, force: bool = False) -> None:
    with new_folder(path, force) as folder:
        (folder / "interface.json").write_text(text)


def test_a_build_is_replaced_with_force_only(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    with pytest.raises(QoptError, match="give --force"):
        fill(tmp_path / "out", "2")
    fill(tmp_path / "out", "3", force=True)
    assert (tmp_path / "out" / "interface.json").read_text() == "3"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("files", [["thesis.tex"], ["thesis.tex", "interface.json"], ["rtl"]])
def test_files_of_a_user_stay(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("precious")
    with pytest.raises(QoptError, match="which no build made"):
        fill(tmp_path, "", force=True)
    assert sorted(os.listdir(tmp_path)) == sorted(files)


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    with pytest.raises(QoptError, match="Is a directory"), new_folder(tmp_path / "out", True) as folder:
        folder.write_text("half")
    assert (tmp_path / "out" / "interface.json").read_text() == "1"
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_exchanged_comes_back(tmp_path: Path) -> None:
    fill(tmp_path / "out", "1")
    with pytest.raises(QoptError, match="cannot write"), new_folder(tmp_path / "out", True) as folder:
        folder.rmdir()  # so that the second of the two renamings fails
    assert (tmp_path / "out" / "interface.json").read_text() == "1"


def test_the_folder_behind_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    fill(tmp_path / "link", "1")
    assert (tmp_path / "real" / "interface.json").read_text() == "1"
    assert (tmp_path / "link").is_symlink()


def test_places_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nothing")
    for path, message in {
        ".": "is the current folder",
        "/": "is the current folder, or above it",
        "file": "is not a folder",
        "file/out": "cannot write",
        "dangling": "is a link to nothing",
        "x" * 300: "File name too long",
        "/proc/out": "cannot write",
    }.items():
        with pytest.raises(QoptError, match=message):
            fill(Path(path), "", force=True)
    assert sorted(os.listdir(tmp_path)) == ["dangling", "file"]


def test_a_build_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM once the build has begun to write: neither a half folder nor one aside remains."""
    command = [sys.executable, "-m", "qopt_mlir.driver.cli", "build", str(EXAMPLE), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(tmp_path.iterdir()):
            pass
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--fps", "5"], ["--max-lut", "5000"], ["--max-bram18", "0"]])
def test_folding_belongs_above_the_dataflow_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    dataflow = tmp_path / "dataflow.mlir"
    assert main([str(EXAMPLE), "-p", "q-to-typed,q-to-dataflow", "-o", str(dataflow)]) == 0
    assert main(["build", str(dataflow), "-o", str(tmp_path / "out"), *arguments]) == 1
    assert "or build from ir/typed.mlir" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
