# SPDX-License-Identifier: Apache-2.0
"""Float networks whose branches meet in products, gates and differences, quantised and made hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper
from qopt_mlir.backends.execute import Engine
from qopt_mlir.backends.simulators import missing_engine
from xdsl.dialects.builtin import ModuleOp

from .networks import Builder, check_quantised


def gated_residual_network(gate: str = "Sigmoid", expanded: bool = False) -> ModuleOp:
    """[1, 3, 6, 6] -> [1, 4]: a residual block whose branch is scaled by squeeze and excitation.

    The gates may be written out for every pixel, as PyTorch's `expand_as` does.
    """
    net = Builder(3)
    start = net.add("Relu", [net.conv("x", "conv1", (4, 3, 3, 3), pads=[1, 1, 1, 1])], "relu1")
    deep = net.conv(start, "conv2", (4, 4, 3, 3), pads=[1, 1, 1, 1])
    squeezed = net.add("GlobalAveragePool", [deep], "squeeze")
    narrow = net.add("Relu", [net.conv(squeezed, "reduce", (2, 4, 1, 1))], "relu2")
    gates = net.add(gate, [net.conv(narrow, "widen", (4, 2, 1, 1))], "gate")
    if expanded:
        net.constants.append(numpy_helper.from_array(np.array([1, 4, 6, 6]), "shape"))
        gates = net.add("Expand", [gates, "shape"], "expand")
    scaled = net.add("Mul", [deep, gates], "scale")
    joined = net.add("Relu", [net.add("Add", [scaled, start], "join")], "relu3")
    flat = net.add("Flatten", [net.add("GlobalAveragePool", [joined], "average")], "flatten")
    return net.module((1, 3, 6, 6), net.gemm(flat, "fc", (4, 4)), (1, 4))


def difference_network() -> ModuleOp:
    """[1, 3, 6, 6] -> [1, 4, 6, 6]: the difference of two convolutions, times the second."""
    net = Builder(4)
    first = net.conv("x", "conv1", (4, 3, 3, 3), pads=[1, 1, 1, 1])
    second = net.add("Relu", [net.conv("x", "conv2", (4, 3, 1, 1))], "relu2")
    product = net.add("Mul", [net.add("Sub", [first, second], "sub"), second], "mul")
    return net.module((1, 3, 6, 6), net.conv(product, "conv3", (4, 4, 1, 1)), (1, 4, 6, 6))


def dense_block(activation: str) -> ModuleOp:
    """[1, 3, 6, 6] -> [1, 4, 6, 6]: layers whose sums are joined, normalised and rectified together, as in DenseNet."""
    net = Builder(5)
    first = net.conv("x", "conv1", (4, 3, 3, 3), pads=[1, 1, 1, 1])
    rectified = net.add("Relu", [net.conv("x", "conv2", (2, 3, 1, 1))], "relu2")
    both = net.add("Concat", [first, rectified], "concat1", axis=1)
    normalised = net.add(activation, [net.batch_norm(both, "bn1", 6)], "act1")
    second = net.conv(normalised, "conv3", (3, 6, 3, 3), pads=[1, 1, 1, 1])
    all_three = net.add("Concat", [both, second], "concat2", axis=1)
    last = net.add(activation, [net.batch_norm(all_three, "bn2", 9)], "act2")
    return net.module((1, 3, 6, 6), net.conv(last, "conv4", (4, 9, 1, 1)), (1, 4, 6, 6))


def check(module: ModuleOp, folder: Path, engine: Engine) -> str:
    """Quantise, build, run: the text of the units."""
    check_quantised(module, folder, engine, 0.01)
    return "".join(file.read_text() for file in sorted((folder / "build" / "ir").glob("*dataflow*")))


@pytest.mark.parametrize("expanded", [False, True])
def test_squeeze_and_excitation(expanded: bool, tmp_path: Path) -> None:
    """The gates repeat for all pixels of their channel."""
    text = check(gated_residual_network(expanded=expanded), tmp_path, "dataflow")
    assert text.count("dataflow.mul") == 1
    assert "repeats [36, 4]" in text


def test_differences(tmp_path: Path) -> None:
    assert "dataflow.mul" in check(difference_network(), tmp_path, "dataflow")


@pytest.mark.parametrize("activation", ["Relu", "LeakyRelu"])
def test_sums_that_are_joined_before_their_activation(activation: str, tmp_path: Path) -> None:
    assert "dataflow.concat" in check(dense_block(activation), tmp_path, "dataflow")


@pytest.mark.slow
@pytest.mark.parametrize("gate", ["Sigmoid", "HardSigmoid"])
def test_verilog_of_squeeze_and_excitation(gate: str, tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    assert "dataflow.mul" in check(gated_residual_network(gate), tmp_path, "verilog")


@pytest.mark.slow
def test_verilog_of_joined_sums(tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    assert "dataflow.concat" in check(dense_block("Relu"), tmp_path, "verilog")
