# SPDX-License-Identifier: Apache-2.0
"""Well-known networks of full size with seeded random weights, as ONNX files: for measurements and tests of scale.

`python benchmarks/topologies.py resnet50 --form qonnx --bits 4 -o resnet50.onnx` writes one. Forms: `qonnx` has Quant
nodes on float32 weights and activations, and batch normalisations, as Brevitas exports them; `qdq` has weights stored
as int8, int32 biases and QuantizeLinear and DequantizeLinear, as tools for quantisation after training write them.
Scales and sizes are as in trained networks, so that values neither vanish nor all saturate; the outputs mean nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
IR_VERSION, OPSET = 8, 13
BORDER_BITS = 8  # of the first and the last layer of the ImageNet networks


@dataclass(frozen=True)
class Tensor:
    """A value of the network: its name, its channels (axis 1), and its scale if it is quantised."""

    name: str
    channels: int
    scale: float | None = None


@dataclass
class Network:
    """A network under construction. `bits` of weights and activations; `form`: `qonnx` or `qdq`."""

    form: str
    bits: int
    seed: int = 7
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, NDArray[np.generic]] = field(default_factory=dict[str, NDArray[np.generic]])

    def __post_init__(self) -> None:
        if self.form not in ("qonnx", "qdq") or (self.form == "qdq" and self.bits != 8):
            raise ValueError(f"there is no form '{self.form}' with {self.bits} bits")
        self.random = np.random.default_rng(self.seed)

    # nodes

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node; the name of its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name=name, domain=domain, **attributes))
        return f"{name}_out"

    def constant(self, hint: str, value: ArrayLike) -> str:
        """Append an initialiser, in float32 unless it has another dtype; its name."""
        array = np.asarray(value)
        name = f"{hint}_{len(self.constants)}"
        self.constants[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        return name

    # quantisers

    def quantise(self, x: Tensor, scale: float, signed: bool = False, bits: int = 0, zero_point: int = 0) -> Tensor:
        """An activation as codes times a scale; one bit: -scale and scale. The zero point is for `qdq` alone."""
        bits = bits or self.bits
        number = self.constant("scale", float(scale))
        if self.form == "qdq":
            zero = self.constant("zero", np.asarray(zero_point, np.int8 if signed else np.uint8))
            codes = self.node("QuantizeLinear", x.name, number, zero)
            return Tensor(self.node("DequantizeLinear", codes, number, zero), x.channels, scale)
        return Tensor(self._quant(x.name, number, bits, signed, narrow=False), x.channels, scale)

    def _quant(self, x: str, scale: str, bits: int, signed: bool, narrow: bool) -> str:
        if bits == 1:
            return self.node("BipolarQuant", x, scale, domain=QONNX)
        parameters = scale, self.constant("zero", 0.0), self.constant("bits", float(bits))
        attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": "ROUND"}
        return self.node("Quant", x, *parameters, domain=QONNX, **attributes)

    def weights(self, shape: Sequence[int], bits: int) -> tuple[str, NDArray[np.float32]]:
        """Quantised weights [outputs, ...], and the scale of each output."""
        numbers = self.random.standard_normal(shape, np.float32)
        numbers *= np.float32(sqrt(2 / prod(shape[1:])))
        limit = max(2 ** (bits - 1) - 1, 1)
        scale = np.abs(numbers).reshape(shape[0], -1).max(axis=1) / np.float32(limit)
        spread = scale.reshape(-1, *(1,) * (len(shape) - 1))
        if self.form == "qdq":
            codes = self.constant("weights", np.rint(numbers / spread).astype(np.int8))
            zero = self.constant("zero", np.zeros(shape[0], np.int8))
            return self.node("DequantizeLinear", codes, self.constant("scale", scale), zero, axis=0), scale
        if bits == 1:
            number = self.constant("scale", np.float32(sqrt(1 / prod(shape[1:]))))
        else:
            number = self.constant("scale", spread)
        return self._quant(self.constant("weights", numbers), number, bits, True, narrow=True), scale

    def bias(self, channels: int, x: Tensor, scale: NDArray[np.float32]) -> str:
        """A bias: float32, or codes of the accumulator's scale."""
        numbers = self.random.normal(0, 0.1, channels)
        if self.form == "qonnx":
            return self.constant("bias", numbers)
        scale = np.asarray(scale * np.float32(x.scale or 1), np.float32)
        codes = self.constant("bias", np.rint(numbers / scale).astype(np.int32))
        zero = self.constant("zero", np.zeros(channels, np.int32))
        return self.node("DequantizeLinear", codes, self.constant("scale", scale), zero, axis=0)

    # layers

    def conv(
        self,
        x: Tensor,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        depthwise: bool = False,
        bits: int = 0,
        padding: int | None = None,
    ) -> Tensor:
        """A convolution with batch normalisation (`qdq`: folded into a bias); by default padded to keep the size."""
        groups = x.channels if depthwise else 1
        weights, scale = self.weights((channels, x.channels // groups, kernel, kernel), bits or self.bits)
        inputs = [x.name, weights, *([self.bias(channels, x, scale)] if self.form == "qdq" else [])]
        size: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "group": groups}
        y = self.node("Conv", *inputs, **size, pads=[kernel // 2 if padding is None else padding] * 4)
        return Tensor(self.batch_norm(y, channels) if self.form == "qonnx" else y, channels)

    def batch_norm(self, x: str, channels: int) -> str:
        """A batch normalisation of numbers of about unit variance."""
        parameters = {
            "gamma": self.random.uniform(0.6, 1.4, channels),
            "beta": self.random.normal(0.1, 0.2, channels),
            "mean": self.random.normal(0, 0.2, channels),
            "variance": self.random.uniform(0.5, 1.5, channels),
        }
        names = [self.constant(hint, values) for hint, values in parameters.items()]
        return self.node("BatchNormalization", x, *names, epsilon=1e-5)

    def layer(
        self, x: Tensor, channels: int, kernel: int, stride: int = 1, six: bool = False, **options: Any
    ) -> Tensor:
        """A convolution, batch normalisation, ReLU (`six`: bounded to 6) and quantiser."""
        return self.activation(self.conv(x, channels, kernel, stride, **options), six)

    def activation(self, x: Tensor, six: bool = False) -> Tensor:
        bounds = (self.constant("low", 0.0), self.constant("high", 6.0)) if six else ()
        y = Tensor(self.node("Clip" if six else "Relu", x.name, *bounds), x.channels)
        return self.quantise(y, self.random.uniform(3, 5) / (2**self.bits - 1))

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return Tensor(self.node("Add", x.name, y.name), x.channels)

    def signed(self, x: Tensor) -> Tensor:
        """The quantiser of a branch that is added to another one."""
        return self.quantise(x, self.random.uniform(3, 5) / 2 ** (self.bits - 1), signed=True)

    def classifier(self, x: Tensor, classes: int) -> Tensor:
        """The mean of each channel, then a fully connected layer."""
        flat = self.node("Flatten", self.node("GlobalAveragePool", x.name))
        x = self.quantise(Tensor(flat, x.channels), 2 / 255, bits=BORDER_BITS)
        weights, scale = self.weights((classes, x.channels), BORDER_BITS)
        return Tensor(self.node("Gemm", x.name, weights, self.bias(classes, x, scale), transB=1), classes)

    def image(self) -> Tensor:
        """The input, normalised per channel as usual for ImageNet, quantised."""
        x = Tensor("image", 3)
        if self.form == "qdq":
            return self.quantise(x, 0.0187, zero_point=114)
        return self.quantise(x, 0.0187, signed=True, bits=BORDER_BITS)

    def model(self, name: str, input_shape: Sequence[int], output: Tensor) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(input_shape))],
            [helper.make_tensor_value_info(output.name, TensorProto.FLOAT, [1, output.channels])],
            [numpy_helper.from_array(array, key) for key, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets[: 2 if self.form == "qonnx" else 1], ir_version=IR_VERSION)


def scaled(channels: int, width: float) -> int:
    """Channels of a network made narrower or wider: a multiple of 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)


def mobilenet_v1(net: Network, width: float, classes: int) -> Tensor:
    """Depthwise separable convolutions (Howard et al., 2017)."""
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    x = net.layer(net.image(), scaled(32, width), 3, 2, bits=BORDER_BITS)
    for channels, stride in plan:
        x = net.layer(x, x.channels, 3, stride, depthwise=True)
        x = net.layer(x, scaled(channels, width), 1)
    return net.classifier(x, classes)


def mobilenet_v2(net: Network, width: float, classes: int) -> Tensor:
    """Inverted residuals with linear bottlenecks (Sandler et al., 2018)."""
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    x = net.layer(net.image(), scaled(32, width), 3, 2, six=True, bits=BORDER_BITS)
    for expansion, channels, repeats, stride in plan:
        for index in range(repeats):
            x = _inverted_residual(net, x, expansion, scaled(channels, width), stride if index == 0 else 1)
    return net.classifier(net.layer(x, scaled(1280, max(width, 1)), 1, six=True), classes)


def _inverted_residual(net: Network, x: Tensor, expansion: int, channels: int, stride: int) -> Tensor:
    y = net.layer(x, x.channels * expansion, 1, six=True) if expansion > 1 else x
    y = net.layer(y, y.channels, 3, stride, six=True, depthwise=True)
    y = net.signed(net.conv(y, channels, 1))
    return net.signed(net.add(x, y)) if stride == 1 and channels == x.channels else y


def resnet50(net: Network, width: float, classes: int) -> Tensor:
    """Bottleneck residual blocks (He et al., 2015), the stride at the 3x3 convolution."""
    x = net.layer(net.image(), scaled(64, width), 7, 2, bits=BORDER_BITS)
    pool: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    x = Tensor(net.node("MaxPool", x.name, **pool), x.channels, x.scale)
    for channels, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(blocks):
            x = _bottleneck(net, x, scaled(channels, width), stride if index == 0 else 1)
    return net.classifier(x, classes)


def _bottleneck(net: Network, x: Tensor, channels: int, stride: int) -> Tensor:
    y = net.layer(net.layer(x, channels, 1), channels, 3, stride)
    y = net.signed(net.conv(y, 4 * channels, 1))
    same = stride == 1 and x.channels == y.channels
    skip = x if same else net.signed(net.conv(x, 4 * channels, 1, stride))
    return net.activation(net.add(y, skip))


def cnv(net: Network, width: float, classes: int) -> Tensor:
    """FINN's network for CIFAR-10 (Umuroglu et al., 2017), of 1 or 2 bits: convolutions without padding."""
    x = net.quantise(Tensor("image", 3), 2.0**-7, signed=True, bits=BORDER_BITS)
    for channels, pool in ((64, False), (64, True), (128, False), (128, True), (256, False), (256, False)):
        x = _cnv_activation(net, net.conv(x, scaled(channels, width), 3, padding=0))
        if pool:
            x = Tensor(net.node("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2]), x.channels)
    shape = net.constant("shape", np.array([1, x.channels], np.int64))
    x = Tensor(net.node("Reshape", x.name, shape), x.channels)
    for channels in (512, 512):
        y = _cnv_dense(net, x, scaled(channels, width))
        x = _cnv_activation(net, Tensor(net.batch_norm(y.name, y.channels), y.channels))
    y = _cnv_dense(net, x, classes)
    y = net.node("Mul", y.name, net.constant("factor", 0.37))
    return Tensor(net.node("Add", y, net.constant("offset", -0.11)), classes)


def _cnv_dense(net: Network, x: Tensor, channels: int) -> Tensor:
    weights, _ = net.weights((channels, x.channels), net.bits)
    return Tensor(net.node("MatMul", x.name, net.node("Transpose", weights, perm=[1, 0])), channels)


def _cnv_activation(net: Network, x: Tensor) -> Tensor:
    return net.quantise(x, 1.0 if net.bits == 1 else 0.8, signed=True)


@dataclass(frozen=True)
class Topology:
    """A network, the side length of its images, its classes. `fixed`: it takes no other size."""

    build: Callable[[Network, float, int], Tensor]
    size: int
    classes: int
    fixed: bool = False


TOPOLOGIES = {
    "mobilenet_v1": Topology(mobilenet_v1, 224, 1000),
    "mobilenet_v2": Topology(mobilenet_v2, 224, 1000),
    "resnet50": Topology(resnet50, 224, 1000),
    "cnv": Topology(cnv, 32, 10, fixed=True),
}


def generate(
    name: str, form: str = "qonnx", bits: int = 8, *, size: int | None = None, width: float = 1, seed: int = 7
) -> onnx.ModelProto:
    """The network `name` of TOPOLOGIES.

    Args:
        bits: of weights and activations; `qdq` has 8.
        size: side length of the images, default that of the topology.
        width: factor of the numbers of channels.
    """
    topology = TOPOLOGIES[name]
    if topology.fixed and size not in (None, topology.size):
        raise ValueError(f"{name} takes images of {topology.size} x {topology.size} alone")
    net = Network(form, bits, seed)
    output = topology.build(net, width, topology.classes)
    return net.model(name, [1, 3, *[size or topology.size] * 2], output)


def weight_bytes(model: onnx.ModelProto) -> int:
    """Bytes of the initialisers in the width in which the file stores them."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TOPOLOGIES)
    parser.add_argument("--form", choices=("qonnx", "qdq"), default="qonnx")
    parser.add_argument("--bits", type=int, default=8, choices=range(1, 9), metavar="1..8")
    parser.add_argument("--size", type=int, help="side length of the images")
    parser.add_argument("--width", type=float, default=1, help="factor of the numbers of channels")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    shape: dict[str, Any] = {"size": options.size, "width": options.width, "seed": options.seed}
    model = generate(options.name, options.form, options.bits, **shape)
    onnx.save(model, options.output)
    print(f"{weight_bytes(model)} bytes of weights")


if __name__ == "__main__":
    main()
