# SPDX-License-Identifier: Apache-2.0
"""Time of `qopt build` and `qopt --help`, and how it grows with a network's depth and width.

Goals: a build of the TFC networks within 10 s, `qopt --help` within 0.3 s, and Verilog written in time that grows no
faster than the network. The growing networks are multi-layer perceptrons with seeded random 2-bit weights, written as
QONNX, at the default folding. CPU is the time of all processes that the command starts, Yosys included.
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

import numpy as np
import onnx
from common import arguments, present_models, publish, run, table
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
BUILD_GOAL, HELP_GOAL = 10.0, 0.3  # seconds of wall clock


def perceptron(widths: Sequence[int]) -> onnx.ModelProto:
    """A network with 2-bit weights and activations; widths[0] inputs, widths[-1] outputs."""
    generator = np.random.default_rng(SEED)
    constants: dict[str, np.ndarray] = {
        "one": np.float32(1), "zero": np.float32(0), "two": np.float32(2), "scale": np.float32(0.37)
    }  # fmt: skip
    nodes: list[NodeProto] = []

    def add(kind: str, inputs: list[str], domain: str = "", **attributes: object) -> str:
        name = f"{kind}_{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name=name, domain=domain, **attributes))
        return nodes[-1].output[0]

    def quantised(value: str, scale: str) -> str:
        attributes = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
        return add("Quant", [value, scale, "zero", "two"], "qonnx.custom_op.general", **attributes)

    value = quantised("x", "one")
    for index, (columns, rows) in enumerate(pairwise(widths)):
        constants[f"w{index}"] = generator.integers(-1, 2, (columns, rows)).astype(np.float32)
        value = add("MatMul", [value, quantised(f"w{index}", "one")])
        if index < len(widths) - 2:
            constants[f"b{index}"] = generator.normal(0, 0.2, rows).astype(np.float32)
            constants[f"m{index}"] = generator.uniform(0.5, 2, rows).astype(np.float32) / np.float32(columns**0.5)
            value = quantised(add("Add", [add("Mul", [value, f"m{index}"]), f"b{index}"]), "scale")
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, widths[0]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, widths[-1]])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


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
        for model in present_models():
            formats = [part for text in model.input_formats for part in ("--input-format", text)]
            command = [*QOPT, "build", model.path, "-o", Path(folder) / model.name, "--force", *formats]
            wall, cpu = timed(command, runs)
            goal = BUILD_GOAL if model.name.startswith("tfc") else None
            rows.append((f"qopt build {model.name}.onnx", wall, cpu, goal, _met(wall, goal)))
    return table(titles, rows)


def _met(value: float, goal: float | None) -> str | None:
    return None if goal is None else "yes" if value <= goal else "no"


def growth_table(networks: Sequence[tuple[int, Sequence[int]]], variable: str, runs: int) -> str:
    """A row for each (value of the variable, widths of the layers), and the exponent from row to row."""
    rows: list[tuple[object, ...]] = []
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for value, widths in networks:
            model = Path(folder) / f"{variable}_{value}.onnx"
            onnx.save(perceptron(widths), model)
            wall, _ = timed([*QOPT, "build", model, "-o", Path(folder) / model.stem, "--force"], runs)
            seconds, size = emission_seconds(model.read_bytes(), runs)
            weights = sum(a * b for a, b in pairwise(widths))
            exponent = None if before is None else log(seconds / before[1]) / log(weights / before[0])
            rows.append((value, weights, wall, seconds, seconds / weights * 1e6, size // 1024, exponent))
            before = weights, seconds
    titles = [variable, "weights", "build s", "emission CPU s", "us a weight", "Verilog KiB", "exponent"]
    return table(titles, rows)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each measurement; tables show medians")
    options = parser.parse_args()
    by_depth = [(depth, [DEPTH_WIDTH] * depth + [10]) for depth in DEPTHS]
    by_width = [(width, [width] * WIDTH_DEPTH + [10]) for width in WIDTHS]
    texts = [
        models_table(options.runs),
        f"Growth with depth, layers of {DEPTH_WIDTH}. *Exponent*: of emission time against weights, 1 is linear.",
        growth_table(by_depth, "layers", options.runs),
        f"Growth with width, {WIDTH_DEPTH} layers.",
        growth_table(by_width, "width", options.runs),
    ]
    publish(__file__, "Build time", texts, options.write)


if __name__ == "__main__":
    main()
