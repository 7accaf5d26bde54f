# SPDX-License-Identifier: Apache-2.0
"""Small float networks with random weights, quantising them, and running what they become."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Request, run_folder
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.calibration.report import QuantizationReport
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, verify_module
from xdsl.dialects.builtin import ModuleOp

Array = NDArray[Any]
EIGHT_BITS = 'layers "*" { weight = fixed<8> per channel; activation = fixed<8> }'


class Builder:
    """Takes nodes one after the other; constants get random values."""

    def __init__(self, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Array) -> str:
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, list(inputs), [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def conv(self, x: str, name: str, shape: tuple[int, ...], **attributes: Any) -> str:
        """A convolution with bias; channels of very different sizes, as real networks have them."""
        spread = np.exp2(self.rng.integers(-3, 3, (shape[0], *(1,) * (len(shape) - 1))))
        weights = self.rng.normal(size=shape) * spread / np.sqrt(np.prod(shape[1:]))
        inputs = (x, self.constant(f"{name}_w", weights), self.constant(f"{name}_b", self.rng.normal(size=shape[0])))
        return self.add("Conv", inputs, name, **attributes)

    def gemm(self, x: str, name: str, shape: tuple[int, int]) -> str:
        weights = self.rng.normal(size=shape) * np.exp2(self.rng.integers(-3, 3, shape[1])) / np.sqrt(shape[0])
        inputs = (x, self.constant(f"{name}_w", weights), self.constant(f"{name}_b", self.rng.normal(size=shape[1])))
        return self.add("Gemm", inputs, name)

    def batch_norm(self, x: str, name: str, channels: int) -> str:
        mean, scale, bias = (self.rng.normal(size=channels) for _ in range(3))
        parts = {"scale": scale, "bias": bias, "mean": mean, "variance": self.rng.uniform(0.5, 2, channels)}
        names = [self.constant(f"{name}_{part}", values) for part, values in parts.items()]
        return self.add("BatchNormalization", [x, *names], name)

    def module(self, shape: tuple[int, ...], y: str, y_shape: tuple[int, ...]) -> ModuleOp:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        result = helper.make_tensor_value_info(y, TensorProto.FLOAT, y_shape)
        graph = helper.make_graph(self.nodes, "net", [x], [result], self.constants)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(proto)
        module = import_onnx(proto.SerializeToString())
        verify_module(module)
        return module


def residual_network(seed: int = 0) -> ModuleOp:
    """[1, 3, 8, 8] -> [1, 5]: batch normalisation, a join, a max pool, a depthwise layer, an average pool."""
    net = Builder(seed)
    first = net.conv("x", "conv1", (8, 3, 3, 3), pads=[1, 1, 1, 1])
    start = net.add("Relu", [net.batch_norm(first, "norm1", 8)], "relu1")
    second = net.conv(start, "conv2", (8, 8, 3, 3), pads=[1, 1, 1, 1])
    joined = net.add("Relu", [net.add("Add", [second, start], "join")], "relu2")
    pooled = net.add("MaxPool", [joined], "pool", kernel_shape=[2, 2], strides=[2, 2])
    deep = net.add("Relu", [net.conv(pooled, "depth", (8, 1, 3, 3), group=8, pads=[1, 1, 1, 1])], "relu3")
    flat = net.add("Flatten", [net.add("GlobalAveragePool", [deep], "average")], "flatten")
    return net.module((1, 3, 8, 8), net.gemm(flat, "fc", (8, 5)), (1, 5))


def separable_network(seed: int = 0) -> ModuleOp:
    """[1, 2, 8, 8] -> [1, 3, 4, 4]: layers in a row, one of them depthwise, a max pool between."""
    net = Builder(seed)
    first = net.add("Relu", [net.conv("x", "conv1", (6, 2, 3, 3), pads=[1, 1, 1, 1])], "relu1")
    pooled = net.add("MaxPool", [first], "pool", kernel_shape=[2, 2], strides=[2, 2])
    second = net.add("Relu", [net.conv(pooled, "depth", (6, 1, 3, 3), group=6, pads=[1, 1, 1, 1])], "relu2")
    return net.module((1, 2, 8, 8), net.conv(second, "conv2", (3, 6, 1, 1)), (1, 3, 4, 4))


def dense_network(seed: int = 0) -> ModuleOp:
    """[1, 12] -> [1, 4]: three layers."""
    net = Builder(seed)
    first = net.add("Relu", [net.gemm("x", "fc1", (12, 24))], "relu1")
    second = net.add("Relu", [net.gemm(first, "fc2", (24, 16))], "relu2")
    return net.module((1, 12), net.gemm(second, "fc3", (16, 4)), (1, 4))


def frames_for(module: ModuleOp, count: int, seed: int = 1) -> Array:
    """Frames whose elements hang together, as those of real data do."""
    (shape,) = [argument.type.get_shape() for argument in next(iter(module.ops)).body.block.args]  # pyright: ignore
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, 6)) @ rng.normal(size=(6, int(np.prod(shape))))
    return mixed.astype(np.float32).reshape(count, *shape[1:])


def quantised(module: ModuleOp, folder: Path, rules: str = EIGHT_BITS, frames: int = 96) -> QuantizationReport:
    """Quantise a module in place with random frames; the float network's first choices are the labels."""
    x = frames_for(module, frames)
    labels = outputs(module, x).reshape(frames, -1).argmax(axis=-1)
    np.savez(folder / "data.npz", x=x, y=labels)
    text = f'data {{ file = "data.npz"; calibration = x; test = x labels y }}\n{rules}\n'
    report = quantize_network(new_context(), module, parse_specification(text, "test.spec", folder))
    verify_module(module)
    return report


def outputs(module: ModuleOp, frames: Array) -> Array:
    return compile_function(module).run({0: frames})[0]


def check_quantised(
    module: ModuleOp, folder: Path, engine: Engine, noise: float, rules: str = EIGHT_BITS
) -> QuantizationReport:
    """Quantise a module, build it, and run some frames on an engine, Verilog under stalls; the report.

    Args:
        noise: power of the error at the output, relative to the power there, that may be.
    """
    frames = frames_for(module, 64)
    wanted = outputs(module, frames)
    report = quantised(module, folder, rules)
    assert np.square(outputs(module, frames) - wanted).mean() / np.square(wanted).mean() < noise
    build(new_context(), module, folder / "build", BuildOptions(name="net"), lambda _: None)
    stall = 0.3 if engine == "verilog" else 0.0
    run = run_folder(BuildFolder.open(folder / "build"), Request({"": frames[:4]}, engine, stall=stall))
    assert run.comparisons
    assert all(comparison.passed and comparison.total for comparison in run.comparisons)
    return report
