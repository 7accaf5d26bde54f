# SPDX-License-Identifier: Apache-2.0
"""Small siblings of well-known networks, as exporters write them: all levels give the same, in the cycles foretold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Execution, Request, run_folder
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context

from .models import MODELS, frames, generate
from .network import Form

QUICK = [("jet_conv1d", "qonnx"), ("jet_conv1d", "qdq"), ("tcn_chomp", "qonnx")]
UNCOUNTED = r"constants differ along more than one axis[\s\S]*count_include_pad = 1"
REFUSED = {
    ("inception_excluded", "qonnx"): UNCOUNTED,
    ("inception_excluded", "qdq"): UNCOUNTED,
    ("keyword_cnn", "qonnx"): "q.transpose has no hardware unit",
    ("keyword_cnn", "qdq"): "q.transpose has no hardware unit",
    ("mixer", "qonnx"): "q.transpose has no hardware unit",
    ("mixer", "qdq"): "q.transpose has no hardware unit",
}
BITS = {"vgg10": 1, "mobilenet_v2": 2, "resnet18": 3, "unet": 1}  # of QONNX; 4 otherwise
SIDE_BY_SIDE = ("shufflenet", "squeezenet", "unet", "unet_resize", "tiny_yolo")  # tensors of different scales
SIMULATED = [
    ("jet_conv1d", "qonnx"),
    ("unet_resize", "qonnx"),
    ("shufflenet_v1", "qdq"),
    ("tcn", "qdq"),
    ("mobilenet_v2", "qonnx"),
]
FORMS: tuple[Form, ...] = ("qonnx", "qdq")
IN_TURN = [(name, FORMS[index % 2]) for index, name in enumerate(MODELS)]
JOINED: list[tuple[str, Form]] = [(name, "qonnx") for name in SIDE_BY_SIDE]
MORE = [pair for pair in dict.fromkeys(IN_TURN + JOINED) if pair not in REFUSED and pair not in QUICK]


def built(name: str, form: Form, folder: Path) -> None:
    data = generate(name, form, BITS.get(name, 4)).SerializeToString()
    build(new_context(), import_onnx(data), folder, BuildOptions(name), lambda _: None)


def run(name: str, form: Form, folder: Path, count: int, engine: Engine, stall: float = 0.0) -> Execution:
    x = frames(generate(name, form, BITS.get(name, 4)), count)
    execution = run_folder(BuildFolder.open(folder), Request({"": x}, engine, stall=stall, seed=1))
    assert all(comparison.passed for comparison in execution.comparisons), "\n".join(map(str, execution.comparisons))
    return execution


@pytest.mark.parametrize(("name", "form"), QUICK)
def test_dataflow(name: str, form: Form, tmp_path: Path) -> None:
    built(name, form, tmp_path / "build")
    run(name, form, tmp_path / "build", 2, "dataflow")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), MORE)
def test_more(name: str, form: Form, tmp_path: Path) -> None:
    test_dataflow(name, form, tmp_path)


@pytest.mark.parametrize(("name", "form"), REFUSED)
def test_refusals(name: str, form: Form, tmp_path: Path) -> None:
    """What hardware cannot do is named, with the node."""
    with pytest.raises(QoptError, match=REFUSED[name, form]) as caught:
        built(name, form, tmp_path / "build")
    assert "node '" in f"{caught.value.what} {caught.value.where}"
    assert caught.value.mend


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), SIMULATED)
def test_cycles_in_verilog(name: str, form: Form, tmp_path: Path) -> None:
    if missing_engine("verilator"):
        pytest.skip("there is no Verilator")
    folder = tmp_path / "build"
    built(name, form, folder)
    run(name, form, folder, 2, "verilog", stall=0.3)
    timing = run(name, form, folder, 4, "verilog").timing
    foretold = json.loads((folder / "report.json").read_text(encoding="utf-8"))["timing"]
    assert timing is not None
    assert timing.initiation_interval == foretold["initiation_interval_cycles"]
    assert timing.latency == foretold["latency_cycles"]
