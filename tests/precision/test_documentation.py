# SPDX-License-Identifier: Apache-2.0
"""The commands and specifications of docs/precision.md run."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from qopt_mlir.backends.files import check_replaceable
from qopt_mlir.driver.cli import main as qopt
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.parser import parse_specification, read_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.report import QuantizationReport
from qopt_mlir.qdialect.text import new_context

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RECIPES = re.findall(r"^\| .*? \| (`.*`) \|$", PAGE[PAGE.index("### Recipes") : PAGE.index("A mistake is shown")], re.M)
SPECIFICATIONS = re.findall(r"^```spec\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_page_has_examples() -> None:
    assert len(COMMANDS) == 3
    assert len(SPECIFICATIONS) == 2
    assert len(RECIPES) == 11


@pytest.mark.parametrize("command", COMMANDS, ids=["pass", "build", "share"])
def test_commands(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples" / "float_digits", tmp_path / "examples" / "float_digits")
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "qopt"
    assert qopt(arguments) == 0
    output = "".join(capfd.readouterr())
    assert "fc1 " in output
    assert "first choice as in float32" in output
    written = tmp_path / arguments[arguments.index("-o") + 1]
    assert written.exists()
    if written.is_dir():
        assert "fc1 " in (written / "precision.txt").read_text(encoding="utf-8")
        check_replaceable(written, force=True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("weight = fixed<8", "unexpected"),
        ('layers "*" { share = 4 per layer }', "the specification gives the weight of 'fc1' no format"),
        ('layers "fd1" { weight = fixed<8> }', 'no layer matches "fd1"'),
        ('layers "*" { weight = e4m3; activation = fixed<8, 3> }', "bad.spec:1:23\n"),
        ('layers "*" { weight = fixed<8>; activation = fixed<8, 3> }\nlayers "fc2" { keep }', "bad.spec:2:16\n"),
    ],
)
def test_builds_refuse(text: str, what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.spec").write_text(text)
    model = str(ROOT / "examples/float_digits/digits.onnx")
    assert qopt(["build", model, "--spec", str(tmp_path / "bad.spec"), "-o", str(tmp_path / "b")]) == 1
    assert what in capfd.readouterr().err
    assert not (tmp_path / "b").exists()


EVERYTHING = """
data { file = "FILE" calibration = x_train test = x_test labels y_test }
layers "*" { weight = fixed<3..6>
             activation = fixed<4..6> }
layers matmul { share = 8 per layer }
bound = agreement 94 %
"""


def test_builds_quantise_shorten_and_share(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = ROOT / "examples/float_digits"
    text = EVERYTHING.replace("FILE", str(folder / "digits.npz"))
    (tmp_path / "all.spec").write_text(text.replace(" calibration", "\n calibration").replace(" test =", "\n test ="))
    build = ["build", str(folder / "digits.onnx"), "--spec", str(tmp_path / "all.spec"), "-o", str(tmp_path / "b")]
    assert qopt(build) == 0, capfd.readouterr().err
    assert "!q.shared<" in (tmp_path / "b/ir/dataflow.mlir").read_text(encoding="utf-8")
    report = (tmp_path / "b/precision.txt").read_text(encoding="utf-8")
    parts = ("calibrated on 1437 frames", "q-optimize-word-lengths: cost", "weights of 'fc1' share")
    assert all(part in report for part in parts)


def test_quantised_levels_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    typed = tmp_path / "typed.mlir"
    model, specification = (
        str(ROOT / "examples/digits/digits.onnx"),
        str(ROOT / "examples/float_digits/eight_bits.spec"),
    )
    assert qopt([model, "-p", "q-to-typed", "-o", str(typed)]) == 0
    assert qopt(["build", str(typed), "--spec", specification, "-o", str(tmp_path / "b")]) == 1
    assert "--spec quantises a network of the graph level" in capfd.readouterr().err


def test_specifications_of_the_page() -> None:
    for text in SPECIFICATIONS:
        stated = parse_specification(text)
        assert parse_specification(str(stated)) == stated


@pytest.mark.parametrize("lines", RECIPES)
def test_recipes(lines: str) -> None:
    """Each can be quantised by, does what it says of weights, and does not lose what the network knows."""
    folder = ROOT / "examples" / "float_digits"
    arrays = "calibration = x_train labels y_train; test = x_test labels y_test"
    data = f'data {{ file = "digits.npz"; {arrays}; samples = 300 }}'
    start = re.search(r"goes below `(.*?)`", PAGE)
    assert start is not None
    reports: list[QuantizationReport] = []
    for more in ("", "\n".join(re.findall(r"`(.*?)`", lines))):
        specification = parse_specification(f"{data}\n{start[1]}\n{more}", "recipe.spec", folder)
        module = import_onnx(str(folder / "digits.onnx"), shapes={})
        reports.append(quantize_network(new_context(), module, specification))
    before, after = reports
    searched = "bound" in lines  # by what comes behind
    assert searched or "weight" not in lines or after.layers != before.layers
    assert after.score is not None
    assert after.score.agreement is not None
    assert after.score.agreement > 95


def test_the_mistake_of_the_page(tmp_path: Path) -> None:
    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    path = tmp_path / "digits.spec"
    path.write_text('layers "*" {\n\n\n\n    wieght = fixed<8>\n}\n')
    with pytest.raises(Exception, match="wieght") as caught:
        read_specification(path)
    assert str(caught.value).replace(str(path), "digits.spec") == shown[1].rstrip("\n")
