# SPDX-License-Identifier: Apache-2.0
"""Accuracy after post-training quantisation of float networks, to 8 bits and to weights of 4 bits; and their Verilog.

Calibration frames are apart from those that are scored. With `--verilog` the networks of 8 bits and those of 4-bit
reconstructed weights are built, and frames are run through their Verilog in a simulator, with stalls at both ends, and
compared with the reference.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, Model, arguments, present_models, publish, table
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.data import drawn
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.scoring import Score
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

DATASETS = DATA.parent / "datasets"
KWS = "scale = 0.58470; offset = -48.5301"
KWS_FORMAT = "int<8> scale 5847/10000 offset -485301/10000"
ASYMMETRIC = "layers input { activation = fixed<8> asymmetric }"
STALL = 0.2  # of the cycles at either end of the Verilog
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Network:
    """A float network and its data.

    Attributes:
        data: how stored numbers are scaled, and how many calibrate.
        frames, labels: arrays to score on.
        train: frames to calibrate with; None: a fifth of `frames`, drawn by chance, which are not scored.
        extra: rules on top of the format of all layers.
    """

    model: Model
    dataset: str
    frames: str
    labels: str
    train: str | None
    data: str = ""
    extra: str = ""

    def arrays(self) -> dict[str, Any]:
        """Frames to calibrate with, frames to score on, and labels."""
        stored = np.load(DATASETS / self.dataset)
        frames, labels = stored[self.frames], stored[self.labels]
        if self.train is not None:
            return {"calibration": stored[self.train], "frames": frames, "labels": labels}
        chosen = np.zeros(len(frames), bool)
        chosen[drawn(len(frames), len(frames) // 5)] = True
        return {"calibration": frames[chosen], "frames": frames[~chosen], "labels": labels[~chosen]}

    def text(self, rules: str) -> str:
        """A specification for `data.npz` with these rules."""
        data = f'file = "data.npz"; calibration = calibration; test = frames labels labels; {self.data}'
        return f"data {{ {data} }}\n{rules}\n{self.extra}\n"


NETWORKS = (
    Network(
        Model("mnist_conv_cntk", ("Input3: uint<8>",)), "mnist.npz", "x_test", "y_test", "x_train", "samples = 1000"
    ),
    Network(
        Model("vnn_mnistfc_256x2", ("0: uint<8> scale 1/255",)),
        "mnist.npz",
        "x_test",
        "y_test",
        "x_train",
        "samples = 1000; scale = 1/255",
    ),
    Network(
        Model("mlperftiny_ic_resnet8_fp32", ("input_1: uint<8>",)),
        "cifar10_jpeg_subset.npz",
        "x_test",
        "y_test",
        "x_train",
        "samples = 500",
    ),
    Network(
        Model("mlperftiny_kws_dscnn_fp32", (f"input_1: {KWS_FORMAT}",)),
        "kws_mlperftiny_1000.npz",
        "x_mfcc_int8",
        "y",
        None,
        KWS,
        ASYMMETRIC,
    ),
    Network(
        Model("alibaba_kws", (f"x:0: {KWS_FORMAT}",)),
        "kws_mlperftiny_1000.npz",
        "x_mfcc_int8",
        "y",
        None,
        KWS,
        ASYMMETRIC,
    ),
)
RULES = {
    "8 bits": 'layers "*" { weight = fixed<8> per channel; activation = fixed<8> }',
    "4-bit weights, nearest": 'layers "*" { weight = fixed<4> per channel; activation = fixed<8> }',
    "4-bit weights, reconstructed": (
        'layers "*" { weight = fixed<4> per channel; activation = fixed<8> }\nrounding = reconstruct'
    ),
}
SIMULATED = ("8 bits", "4-bit weights, reconstructed")


def quantised(network: Network, rules: str, folder: Path) -> tuple[ModuleOp, Score]:
    """The quantised network and its score on the data of `folder`."""
    module = import_onnx(str(network.model.path), shapes={})
    specification = parse_specification(network.text(rules), network.model.name, folder)
    report = quantize_network(new_context(), module, specification)
    assert report.score is not None
    return module, report.score


def simulated(network: Network, module: ModuleOp, frames: Array, folder: Path) -> str:
    """`equal of all` outputs of the Verilog, under stalls, that equal those of the reference, for a few frames."""
    options = BuildOptions(name=network.model.name, input_formats=network.model.input_formats)
    target = Path(tempfile.mkdtemp(dir=folder))
    build(new_context(), module, target / "build", options, lambda _: None)
    scale = 1 / 255 if "1/255" in network.data else 0.5847 if network.data == KWS else 1.0
    offset = -48.5301 if network.data == KWS else 0.0
    numbers = (frames * scale + offset).astype(np.float32)
    run = run_folder(BuildFolder.open(target / "build"), Request({"": numbers}, "verilog", STALL))
    last = run.comparisons[-1]
    return f"{last.equal} of {last.total} ({run.engine})"


def measure(network: Network, frames: int) -> tuple[list[object], list[list[object]]]:
    """The row of the table of accuracy, and those of the table of the Verilog (none without frames)."""
    row: list[object] = [network.model.name]
    verilog: list[list[object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, arrays = Path(name), network.arrays()
        np.savez(folder / "data.npz", **arrays)
        for title, rules in RULES.items():
            module, score = quantised(network, rules, folder)
            assert score.accuracy is not None
            row += [f"{score.frames}", f"{score.float_accuracy:.2f} %"] if len(row) == 1 else []
            row.append(f"{score.accuracy:.2f} %")
            row += [f"{score.agreement:.2f} %"] if title == "8 bits" else []
            if frames and title in SIMULATED:
                equal = simulated(network, module, arrays["frames"][:frames], folder)
                verilog.append([network.model.name, title, frames, equal])
    print(*row, *verilog, file=sys.stderr)
    return row, verilog


def exact_images(network: Network) -> list[object]:
    """The row of the hundred exact CIFAR images, calibrated on the JPEG set."""
    exact = np.load(DATASETS / "cifar10_exact_100.npz")
    row: list[object] = [f"{network.model.name}, exact images"]
    with tempfile.TemporaryDirectory() as name:
        folder, arrays = Path(name), network.arrays()
        np.savez(folder / "data.npz", calibration=arrays["calibration"], frames=exact["x"], labels=exact["y"])
        for index, rules in enumerate(RULES.values()):
            score = quantised(network, rules, folder)[1]
            row += [f"{score.frames}", f"{score.float_accuracy:.2f} %"] if not index else []
            row += [f"{score.accuracy:.2f} %"]
            row += [f"{score.agreement:.2f} %"] if not index else []
    return row


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--verilog", type=int, default=0, metavar="FRAMES", help="simulate this many frames of each")
    parser.add_argument("--only", help="name of one network")
    options = parser.parse_args()
    names = {model.name for model in present_models([network.model for network in NETWORKS])}
    chosen = [n for n in NETWORKS if n.model.name in names and options.only in (None, n.model.name)]
    measured = [measure(network, options.verilog) for network in chosen]
    rows = [row for row, _ in measured]
    rows += [exact_images(network) for network in chosen if "cifar" in network.dataset]
    texts = [table(["network", "frames", "float", "8 bits", "8 bits: first choice kept", *list(RULES)[1:]], rows)]
    if options.verilog:
        titles = ["network", "formats", "frames", "outputs of the Verilog, under stalls, that equal the reference"]
        texts.append(table(titles, [row for _, verilog in measured for row in verilog]))
    publish(__file__, "Post-training quantisation", texts, options.write and options.only is None)


if __name__ == "__main__":
    main()
