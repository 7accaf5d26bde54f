# SPDX-License-Identifier: Apache-2.0
"""Time of `qopt build` and `qopt --help`, and how it grows with a network's depth and width.

Goals: a build of the TFC networks within 10 s, `qopt --help` within 0.3 s, and Verilog written in time that grows no
faster than the network. The growing networks are multi-layer perceptrons and chains of convolutions with seeded random
2-bit weights, written as QONNX, at the default folding. CPU is the time of all processes that the command starts, Yosys
included.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from common import IMAGE_MODELS, MODELS, arguments, present_models, publish, run, table
from onnx import NodeProto, TensorProto, helper, numpy_helper
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.text import new_context

QOPT = [sys.executable, "-m", "qopt_mlir.driver.cli"]
SEED = 7
DEPTHS, DEPTH_WIDTH = (2, 4, 8, 16), 64
WIDTHS, WIDTH_DEPTH = (64, 128, 256, 512), 4
SIDE, CHANNELS, CONVOLUTIONS = 16, (8, 16, 32, 64), 4  # pixels a side of images; channels; layers
BUILD_GOAL, HELP_GOAL = 10.0, 0.3  # seconds of wall clock


class Layers:
    """Layers with 2-bit weights and activations, one behind the other."""

    def __init__(self, shape: Sequence[int]):
        self.shape: tuple[int, ...] = (1, *shape)
        self.generator = np.random.default_rng(SEED)
        self.constants: dict[str, np.ndarray | np.floating] = {
            "one": np.float32(1), "zero": np.float32(0), "two": np.float32(2), "scale": np.float32(0.37)
        }  # fmt: skip
        self.nodes: list[NodeProto] = []
        self.value = self.quantised("x", "one")

    def add(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name=name, domain=domain, **attributes))
        return self.nodes[-1].output[0]

    def quantised(self, value: str, scale: str) -> str:
        attributes: dict[str, Any] = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
        return self.add("Quant", [value, scale, "zero", "two"], "qonnx.custom_op.general", **attributes)

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants[f"{name}{len(self.nodes)}"] = values.astype(np.float32)
        return f"{name}{len(self.nodes)}"

    def product(self, kind: str, shape: Sequence[int], **attributes: Any) -> None:
        weights = self.constant("w", self.generator.integers(-1, 2, shape))
        self.value = self.add(kind, [self.value, self.quantised(weights, "one")], **attributes)

    def activation(self, channels: tuple[int, ...], terms: int) -> None:
        """A scale and an offset for each channel of a sum of so many terms, and a quantiser."""
        factors = self.constant("m", self.generator.uniform(0.5, 2, channels) / terms**0.5)
        scaled = self.add("Mul", [self.value, factors])
        self.value = self.quantised(
            self.add("Add", [scaled, self.constant("b", self.generator.normal(0, 0.2, channels))]), "scale"
        )

    def model(self, shape: Sequence[int]) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "layers",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(self.value, TensorProto.FLOAT, (1, *shape))],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def perceptron(widths: Sequence[int]) -> onnx.ModelProto:
    """widths[0] inputs, widths[-1] outputs."""
    layers = Layers(widths[:1])
    for index, (columns, rows) in enumerate(pairwise(widths)):
        layers.product("MatMul", (columns, rows))
        if index < len(widths) - 2:
            layers.activation((rows,), columns)
    return layers.model(widths[-1:])


def convolutions(widths: Sequence[int]) -> onnx.ModelProto:
    """3x3 convolutions of images of SIDE pixels a side; widths[0] channels in, widths[-1] out."""
    layers = Layers((widths[0], SIDE, SIDE))
    for index, (columns, rows) in enumerate(pairwise(widths)):
        layers.product("Conv", (rows, columns, 3, 3), pads=[1, 1, 1, 1])
        if index < len(widths) - 2:
            layers.activation((rows, 1, 1), 9 * columns)
    return layers.model((widths[-1], SIDE, SIDE))


def emission_seconds(content: bytes, runs: int) -> tuple[float, int]:
    """Seconds of processor time, Yosys included, to write the Verilog of a network (median), and its bytes."""
    module = import_onnx(content, name="perceptron.onnx")
    run_passes(new_context(), module, parse_passes(f"{to_typed()},{to_dataflow(200e6)}"))
    times: list[float] = []
    size = 0
    for _ in range(runs):
        start = sum(os.times()[:4])
        size = sum(map(len, verilog_files(module, "perceptron").values()))
        times.append(sum(os.times()[:4]) - start)
    return statistics.median(times), size


def timed(command: Sequence[object], runs: int) -> tuple[float, float]:
    """Median seconds of wall clock and of processor time."""
    finished = [run(command) for _ in range(runs)]
    return statistics.median(f.wall for f in finished), statistics.median(f.cpu for f in finished)


def models_table(runs: int) -> str:
    titles = ["command", "wall s", "CPU s", "goal s", "met"]
    wall, cpu = timed([*QOPT, "--help"], 3 * runs)
    rows: list[tuple[object, ...]] = [("qopt --help", wall, cpu, HELP_GOAL, _met(wall, HELP_GOAL))]
    with tempfile.TemporaryDirectory() as folder:
        for model in present_models((*MODELS, *IMAGE_MODELS)):
            formats = [part for text in model.input_formats for part in ("--input-format", text)]
            command = [*QOPT, "build", model.path, "-o", Path(folder) / model.name, "--force", *formats]
            wall, cpu = timed(command, 1 if model in IMAGE_MODELS else runs)
            goal = BUILD_GOAL if model.name.startswith("tfc") else None
            rows.append((f"qopt build {model.name}.onnx", wall, cpu, goal, _met(wall, goal)))
    return table(titles, rows)


def _met(value: float, goal: float | None) -> str | None:
    return None if goal is None else "yes" if value <= goal else "no"


def growth_table(networks: Sequence[tuple[int, Sequence[int]]], variable: str, runs: int) -> str:
    """Of perceptrons: a row for each (value of the variable, widths of the layers), the exponent from row to row."""
    rows: list[tuple[object, ...]] = []
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for value, widths in networks:
            content = perceptron(widths).SerializeToString()
            wall, _ = build_times(content, Path(folder) / f"{variable}_{value}", runs)
            seconds, size = emission_seconds(content, runs)
            weights = sum(a * b for a, b in pairwise(widths))
            exponent = None if before is None else log(seconds / before[1]) / log(weights / before[0])
            rows.append((value, weights, wall, seconds, seconds / weights * 1e6, size // 1024, exponent))
            before = weights, seconds
    titles = [variable, "weights", "build s", "emission CPU s", "us a weight", "Verilog KiB", "exponent"]
    return table(titles, rows)


def convolution_table(networks: Sequence[tuple[int, Sequence[int]]], variable: str, runs: int) -> str:
    """Of convolutions: the whole build, FIFO sizing included, with the exponent against the variable."""
    rows: list[tuple[object, ...]] = []
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for value, widths in networks:
            path = Path(folder) / f"{variable}_{value}"
            wall, cpu = build_times(convolutions(widths).SerializeToString(), path, runs)
            exponent = None if before is None else log(cpu / before[1]) / log(value / before[0])
            weights = sum(9 * a * b for a, b in pairwise(widths))
            rows.append((value, weights, wall, cpu, cpu / value, exponent))
            before = value, cpu
    return table([variable, "weights", "build s", "CPU s", f"CPU s by {variable}", "exponent"], rows)


def build_times(content: bytes, path: Path, runs: int) -> tuple[float, float]:
    """Median seconds of wall clock and of processor time of `qopt build`."""
    model = path.with_suffix(".onnx")
    model.write_bytes(content)
    return timed([*QOPT, "build", model, "-o", path, "--force"], runs)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each measurement; tables show medians")
    options = parser.parse_args()
    by_depth = [(depth, [DEPTH_WIDTH] * depth + [10]) for depth in DEPTHS]
    by_width = [(width, [width] * WIDTH_DEPTH + [10]) for width in WIDTHS]
    chains = [(depth, [CHANNELS[1]] * (depth + 1)) for depth in DEPTHS]
    wide = [(channels, [channels] * (CONVOLUTIONS + 1)) for channels in CHANNELS]
    texts = [
        models_table(options.runs),
        f"Growth with depth, layers of {DEPTH_WIDTH}. *Exponent*: of emission time against weights, 1 is linear.",
        growth_table(by_depth, "layers", options.runs),
        f"Growth with width, {WIDTH_DEPTH} layers.",
        growth_table(by_width, "width", options.runs),
        f"Growth of convolutions with depth, {CHANNELS[1]} channels, images of {SIDE}x{SIDE}. *Exponent*: of the "
        "processor time of the whole build against the layers.",
        convolution_table(chains, "layers", options.runs),
        f"Growth of convolutions with width, {CONVOLUTIONS} layers. *Exponent*: against the channels; the weights grow "
        "with their square.",
        convolution_table(wide, "channels", options.runs),
    ]
    publish(__file__, "Build time", texts, options.write)


if __name__ == "__main__":
    main()
