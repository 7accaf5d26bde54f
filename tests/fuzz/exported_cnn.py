# SPDX-License-Identifier: Apache-2.0
"""Random small quantised networks of images as exporters write them: QDQ of ONNX Runtime, QONNX of Brevitas.

Scales are decimal numbers, zero points odd; biases, activations, residual sums and concatenations of tensors with
scales of their own, pools, flattened dense layers, channels first and last.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray[Any, Any]
Style = Literal["qdq", "qonnx"]

ACTIVATIONS = ("", "Relu", "Relu", "Relu6", "PRelu", "QuantisedPRelu", "LeakyRelu", "HardSwish", "Clip", "Sigmoid")
POOLS = ("MaxPool", "AveragePool")


class ExportedCnn:
    """Builds a network, block by block, behind `value`, whose shape is `shape` (channels first)."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.style: Style = "qdq" if seed % 2 else "qonnx"
        self.last = bool(self.rng.random() < 0.3)  # channels last outside
        self.bits = 8 if self.rng.random() < 0.6 else int(self.rng.integers(3, 8))
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.shape: tuple[int, ...] = (1, int(self.rng.integers(1, 4)), int(self.rng.integers(4, 8)), 6)
        self.outside = [self.shape[i] for i in ((0, 2, 3, 1) if self.last else range(4))]
        self.value = "x"
        self.features: list[str] = []  # what the network has, for reports

    def model(self) -> onnx.ModelProto:
        if self.last:
            self.value = self.node("Transpose", self.value, perm=[0, 3, 1, 2])
        self.quantise(signed=True)
        for _ in range(int(self.rng.integers(1, 4))):
            self.pick(self.layer, self.layer, self.residual, self.branches, self.pool)
        self.head()
        tensors = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        ends = [helper.make_tensor_value_info(*end) for end in (("x", 1, self.outside), (self.value, 1, None))]
        graph = helper.make_graph(self.nodes, "exported", ends[:1], ends[1:], tensors)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def frames(self, count: int = 6) -> Array:
        return self.rng.normal(size=(count, *self.outside)).astype(np.float32)

    # --- the pieces --------------------------------------------------------------------------------------------

    def pick(self, *choices: Any) -> None:
        choices[int(self.rng.integers(len(choices)))]()

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        number = len(self.nodes)
        names = {"name": f"{op_type}_{number}", "domain": domain}
        self.nodes.append(helper.make_node(op_type, list(inputs), [f"v{number}"], **names, **attributes))
        return f"v{number}"

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype)
        return name

    def decimal(self, usual: float, shape: tuple[int, ...] = ()) -> Array:
        """Positive decimal numbers."""
        return np.round(usual * self.rng.uniform(0.6, 1.6, shape), 5 - int(np.floor(np.log10(usual)))).astype(
            np.float32
        )

    def quantise(self, signed: bool, reach: float = 2.0) -> None:
        """A quantiser of the value with numbers up to about `reach`, below zero too if `signed`."""
        levels = (1 << self.bits) - 1
        zero = levels // 2 + int(self.rng.integers(-levels // 6, levels // 6 + 1)) if signed else 0
        if not signed and self.rng.random() < 0.3:
            zero = int(self.rng.integers(0, max(levels // 8, 1)))
        scale = self.constant(self.decimal(reach / levels * (2 if signed else 1)))
        self.value = self.qdq(scale, zero) if self.style == "qdq" else self.quant(scale, zero, signed)

    def qdq(self, scale: str, zero: int) -> str:
        dtype, start = (np.uint8, 0) if self.rng.random() < 0.5 else (np.int8, -128)
        if self.bits < 8:
            start = 0
        point = self.constant(zero + start, dtype)
        codes = self.node("QuantizeLinear", self.value, scale, point)
        if self.bits < 8:
            codes = self.node("Clip", codes, self.constant(0, dtype), self.constant((1 << self.bits) - 1, dtype))
        return self.node("DequantizeLinear", codes, scale, point)

    def quant(self, scale: str, zero: int, signed: bool) -> str:
        zero = zero if self.rng.random() < 0.3 else 0
        lowest = 1 << (self.bits - 1) if signed else 0
        numbers = [self.constant(zero - lowest if zero else 0), self.constant(self.bits)]
        return self.node(
            "Quant", self.value, scale, *numbers, domain="qonnx.custom_op.general",
            signed=int(signed), narrow=0, rounding_mode="ROUND",
        )  # fmt: skip

    def weights(self, shape: tuple[int, ...]) -> str:
        """Quantised weights, with a scale for the tensor or for each output channel."""
        fan_in = int(np.prod(shape[1:]))
        per_channel = bool(self.rng.random() < 0.5)
        top = (1 << (self.bits - 1)) - 1
        scale = self.decimal(2 / top / np.sqrt(fan_in), shape[:1] if per_channel else ())
        codes = self.rng.integers(-top, top + 1, shape)
        if self.style == "qdq":
            zeros = self.constant(np.zeros(scale.shape), np.int8)
            axis = {"axis": 0} if per_channel else {}
            return self.node("DequantizeLinear", self.constant(codes, np.int8), self.constant(scale), zeros, **axis)
        scale = scale.reshape(-1, *(1,) * (len(shape) - 1)) if per_channel else scale
        numbers = [self.constant(codes * scale), self.constant(scale), self.constant(0), self.constant(self.bits)]
        return self.node("Quant", *numbers, domain="qonnx.custom_op.general", signed=1, narrow=1, rounding_mode="ROUND")

    def bias(self, count: int) -> list[str]:
        """No bias, one of float32, or one that is quantised."""
        kind = self.rng.integers(3)
        numbers = self.rng.normal(scale=0.3, size=count).astype(np.float32)
        if kind == 0 or self.style == "qonnx":
            return [] if kind == 0 else [self.constant(numbers)]
        scale = self.decimal(1e-4)
        codes = self.constant(np.rint(numbers / scale), np.int32)
        return [self.node("DequantizeLinear", codes, self.constant(scale), self.constant(0, np.int32))]

    # --- blocks ------------------------------------------------------------------------------------------------

    def convolution(self, maps: int | None = None, stride: int | None = None) -> None:
        channels = self.shape[1]
        size = int(self.rng.choice([1, 3])) if min(self.shape[2:]) >= 3 else 1
        pad = size // 2 if maps is not None or self.rng.random() < 0.7 else 0
        depthwise = maps is None and self.rng.random() < 0.25
        maps = maps or (channels if depthwise else int(self.rng.integers(1, 5)))
        stride = stride or int(self.rng.choice([1, 1, 2]))
        kernel = self.weights((maps, 1 if depthwise else channels, size, size))
        attributes = {"pads": [pad] * 4, "strides": [stride] * 2, "group": channels if depthwise else 1}
        self.value = self.node("Conv", self.value, kernel, *self.bias(maps), kernel_shape=[size] * 2, **attributes)
        rows, columns = ((extent + 2 * pad - size) // stride + 1 for extent in self.shape[2:])
        self.shape = (1, maps, rows, columns)

    def activation(self) -> bool:
        """Append an activation; returns whether results below zero are left."""
        kind = str(self.rng.choice(ACTIVATIONS))
        self.features.append(kind)
        slopes = (self.shape[1], 1, 1) if self.rng.random() < 0.6 else (1, 1, 1)
        match kind:
            case "Relu" | "Sigmoid" | "HardSwish":
                self.value = self.node(kind, self.value)
            case "LeakyRelu":
                self.value = self.node(kind, self.value, alpha=float(self.decimal(0.1)))
            case "PRelu":
                self.value = self.node(kind, self.value, self.constant(self.decimal(0.2, slopes)))
            case "QuantisedPRelu":
                self.value = self.node("PRelu", self.value, self.quantised_slope(slopes))
            case "Relu6" | "Clip":
                ends = (0.0, 1.5) if kind == "Relu6" else (float(-self.decimal(0.7)), float(self.decimal(1.0)))
                self.value = self.node("Clip", self.value, *map(self.constant, ends))
        return kind not in ("Relu", "Sigmoid", "Relu6")

    def quantised_slope(self, shape: tuple[int, ...]) -> str:
        codes = self.rng.integers(0, 60, shape)
        if self.style == "qdq":
            return self.node(
                "DequantizeLinear", self.constant(codes, np.uint8), self.constant(self.decimal(0.005)),
                self.constant(3, np.uint8),
            )  # fmt: skip
        scale = self.decimal(0.005)
        numbers = [self.constant(codes * scale), self.constant(scale), self.constant(0), self.constant(8)]
        return self.node("Quant", *numbers, domain="qonnx.custom_op.general", signed=1, narrow=0, rounding_mode="ROUND")

    def layer(self) -> None:
        self.convolution()
        self.quantise(signed=self.activation())

    def residual(self) -> None:
        """What a convolution makes of the value, in codes of its own, beside the value."""
        self.features.append("residual")
        before = self.value
        self.convolution(maps=self.shape[1], stride=1)
        if self.rng.random() < 0.8:
            self.quantise(signed=True)
        self.value = self.node("Add", *((before, self.value) if self.rng.random() < 0.5 else (self.value, before)))
        rectified = bool(self.rng.random() < 0.6)
        if rectified:
            self.value = self.node("Relu", self.value)
        self.quantise(signed=not rectified, reach=3.0)

    def branches(self) -> None:
        """Two convolutions of the value, side by side, with or without a common quantiser."""
        self.features.append("concat")
        before, shape = self.value, self.shape
        self.convolution(stride=1, maps=int(self.rng.integers(1, 4)))
        self.quantise(signed=self.activation())
        left, maps = self.value, self.shape[1]
        self.value, self.shape = before, shape
        if self.rng.random() < 0.6:
            self.convolution(stride=1, maps=int(self.rng.integers(1, 4)))
            self.quantise(signed=self.activation())
        self.value = self.node("Concat", left, self.value, axis=1)
        self.shape = (1, maps + self.shape[1], *self.shape[2:])
        if self.rng.random() < 0.5:
            self.quantise(signed=True)

    def pool(self) -> None:
        if min(self.shape[2:]) < 2:
            return
        kind = str(self.rng.choice(POOLS))
        self.features.append(kind)
        self.value = self.node(kind, self.value, kernel_shape=[2, 2], strides=[2, 2])
        self.shape = (*self.shape[:2], *(extent // 2 for extent in self.shape[2:]))
        if kind == "AveragePool":
            self.quantise(signed=True)

    def head(self) -> None:
        """Perhaps a global pool, then a dense layer on the flattened map; or neither."""
        kind = int(self.rng.integers(4))
        if kind == 0:
            self.features.append("GlobalAveragePool")
            self.value = self.node("GlobalAveragePool", self.value)
            self.shape = (*self.shape[:2], 1, 1)
            self.quantise(signed=True, reach=1.0)
        if kind != 3:
            self.dense()
        elif self.last:
            self.value = self.node("Transpose", self.value, perm=[0, 2, 3, 1])

    def flattened_branches(self) -> None:
        """A dense layer on two flattened maps with scales of their own, side by side."""
        before, shape, parts, maps = self.value, self.shape, list[str](), 0
        for reach in (2.0, 0.7):
            self.value, self.shape = before, shape
            self.convolution(stride=1, maps=int(self.rng.integers(1, 4)))
            self.quantise(signed=self.activation(), reach=reach)
            parts.append(self.value)
            maps += self.shape[1]
        self.value = self.node("Concat", *parts, axis=1)
        self.shape = (1, maps, *self.shape[2:])
        self.dense()

    def spatial_attention(self) -> None:
        """A factor for each pixel, from the mean and the greatest of its channels."""
        before, shape, parts = self.value, self.shape, list[str]()
        for kind in ("ReduceMean", "ReduceMax"):
            self.value = self.node(kind, before, axes=[1], keepdims=1)
            self.quantise(signed=True)
            parts.append(self.value)
        self.value, self.shape = self.node("Concat", *parts, axis=1), (1, 2, *shape[2:])
        self.convolution(maps=1, stride=1)
        self.quantise(signed=True)
        self.value = self.node("Sigmoid", self.value)
        self.quantise(signed=False, reach=1.0)
        self.value, self.shape = self.node("Mul", before, self.value), shape
        self.quantise(signed=True)

    def dense(self) -> None:
        if self.last and self.shape[2:] != (1, 1):
            self.value = self.node("Transpose", self.value, perm=[0, 2, 3, 1])
        self.value, width = self.node("Flatten", self.value), int(np.prod(self.shape))
        kernel = self.weights((3, width))
        self.value = self.node("Gemm", self.value, kernel, *self.bias(3), transB=1)
        kind = self.rng.random()
        if kind < 0.5:
            self.quantise(signed=True)
        if kind < 0.3:
            self.value = self.node("Softmax", self.value, axis=-1)
