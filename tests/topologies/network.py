# SPDX-License-Identifier: Apache-2.0
"""A network under construction, in the words of exporters: QONNX, or QDQ of 8 bits.

QDQ is as the static quantisation of ONNX Runtime writes it, with zero points, parameters of batch normalisations as
codes, and codes that are made anew behind views. Weights are seeded and of the size of trained ones, such that numbers
neither vanish nor all saturate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

Form = Literal["qonnx", "qdq"]
QONNX = "qonnx.custom_op.general"
IR_VERSION, OPSET = 9, 19


@dataclass(frozen=True)
class Value:
    """A tensor: its name and its shape with the batch, channels behind it."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return self.shape[1]


class Net:
    """Appends nodes. `bits` of weights and activations (1: bipolar weights)."""

    def __init__(self, form: Form, bits: int = 4, seed: int = 1):
        self.form, self.bits = form, 8 if form == "qdq" else bits
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.input = Value("x", ())
        self.parameters: tuple[str, str] = ("", "")  # scale and zero point of the last activation in codes

    # --- nodes

    def node(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Append a node; the name of its (first) output, the others end in `_1`, `_2`."""
        name = f"{kind}_{len(self.nodes)}"
        names = [f"{name}_out", *(f"{name}_out_{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes))
        return names[0]

    def constant(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def scalar(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        """A Constant node, as PyTorch writes numbers of the code."""
        return self.node("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def image(self, *shape: int, last: bool = False) -> Value:
        """The input, without the batch, quantised; `last`: given channels last, as Keras does."""
        self.input = Value("x", (1, *shape))
        x = self.input
        if last:
            *spatial, channels = shape
            order = [0, len(shape), *range(1, len(shape))]
            x = Value(self.node("Transpose", "x", perm=order), (1, channels, *spatial))
        return self.quantise(x, 3.0, signed=True, bits=8)

    # --- quantisers

    def quantise(self, x: Value, reach: float = 4.0, signed: bool = False, bits: int = 0) -> Value:
        """An activation in codes of numbers up to about `reach`."""
        bits = bits or max(self.bits, 2)
        scale = reach * self.random.uniform(0.8, 1.2) / (2 ** (bits - signed) - 1)
        if self.form == "qonnx":
            return Value(self._quant(x.name, np.asarray(scale), bits, signed, narrow=False), x.shape)
        zero_point = int(self.random.integers(-20, 20)) if signed else -128
        self.parameters = self.constant(scale), self.constant(zero_point, np.int8)
        return self.again(x)

    def again(self, x: Value) -> Value:
        """Behind a view of codes: in QDQ, codes with the same scale and zero point."""
        if self.form == "qonnx":
            return x
        codes = self.node("QuantizeLinear", x.name, *self.parameters)
        return Value(self.node("DequantizeLinear", codes, *self.parameters), x.shape)

    def _quant(self, x: str, scale: NDArray[Any], bits: int, signed: bool, narrow: bool) -> str:
        if bits == 1:
            return self.node("BipolarQuant", x, self.constant(scale), domain=QONNX)
        numbers = [self.constant(scale), self.constant(0.0), self.constant(float(bits))]
        attributes: dict[str, Any] = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": "ROUND"}
        return self.node("Quant", x, *numbers, domain=QONNX, **attributes)

    def weights(self, shape: Sequence[int], axis: int = 0) -> str:
        """Weights with a scale for each index of `axis`, that of the outputs; one bit: one scale for all."""
        fan_in = prod(shape) // shape[axis]
        numbers = self.random.normal(0, sqrt(1.5 / fan_in), shape)
        others = tuple(i for i in range(len(shape)) if i != axis)
        limit = max(2 ** (self.bits - 1) - 1, 1)
        scale = np.abs(numbers).max(axis=others, keepdims=True) / limit
        if self.form == "qdq":
            codes = self.constant(np.rint(numbers / scale), np.int8)
            zeros = self.constant(np.zeros(shape[axis]), np.int8)
            return self.node("DequantizeLinear", codes, self.constant(scale.reshape(-1)), zeros, axis=axis)
        scale = np.asarray(sqrt(1 / fan_in)) if self.bits == 1 else scale
        return self._quant(self.constant(numbers), scale, self.bits, True, True)

    # --- layers

    def conv(
        self,
        x: Value,
        maps: int,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        *,
        pads: Sequence[int] | None = None,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        auto: str = "",
    ) -> Value:
        """A convolution; by default padded to keep the size. `auto`: `auto_pad` instead of pads."""
        rank = len(x.shape) - 2
        kernels = (kernel,) * rank if isinstance(kernel, int) else kernel
        strides = (stride,) * rank if isinstance(stride, int) else stride
        reach = [dilation * (k - 1) for k in kernels]
        pads = [r // 2 for r in reach] + [r - r // 2 for r in reach] if pads is None else pads
        inputs = [x.name, self.weights((maps, x.channels // groups, *kernels))]
        inputs += [self.constant(self.random.normal(0, 0.1, maps))] if bias else []
        places: dict[str, Any] = {"auto_pad": auto} if auto else {"pads": list(pads)}
        places |= {"dilations": [dilation] * rank} if dilation > 1 else {}
        sizes: dict[str, Any] = {"kernel_shape": list(kernels), "strides": list(strides), "group": groups}
        y = self.node("Conv", *inputs, **sizes, **places)
        spatial = [
            -(-size // s) if auto else (size + pads[i] + pads[i + rank] - reach[i] - 1) // s + 1
            for i, (size, s) in enumerate(zip(x.shape[2:], strides, strict=True))
        ]
        return Value(y, (1, maps, *spatial))

    def conv_transpose(self, x: Value, maps: int, kernel: int, stride: int, pad: int = 0, extra: int = 0) -> Value:
        """A transposed convolution of 2 dimensions."""
        weights = self.weights((x.channels, maps, kernel, kernel), axis=1)
        attributes: dict[str, Any] = {"output_padding": [extra] * 2} if extra else {}
        sizes: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        y = self.node("ConvTranspose", x.name, weights, **sizes, **attributes)
        return Value(y, (1, maps, *((n - 1) * stride - 2 * pad + kernel + extra for n in x.shape[2:])))

    def batch_norm(self, x: Value) -> Value:
        draw, n = self.random, x.channels
        arrays = (draw.normal(0.1, 0.2, n), draw.normal(0, 0.2, n), draw.uniform(0.6, 1.4, n))
        gamma = self.constant(draw.uniform(0.7, 1.3, n))
        if self.form == "qdq":
            codes = self.constant(draw.integers(60, 127, n), np.int8)
            gamma = self.node("DequantizeLinear", codes, self.constant(0.01), self.constant(0, np.int8))
        y = self.node("BatchNormalization", x.name, gamma, *map(self.constant, arrays), epsilon=1e-3)
        return Value(y, x.shape)

    def relu(self, x: Value, reach: float = 3.0) -> Value:
        return self.quantise(Value(self.node("Relu", x.name), x.shape), reach)

    def relu6(self, x: Value) -> Value:
        """As PyTorch writes it: a Clip whose ends are Constant nodes."""
        y = self.node("Clip", x.name, self.scalar(0.0), self.scalar(6.0))
        return self.quantise(Value(y, x.shape), 5.0)

    def leaky(self, x: Value, alpha: float = 0.1) -> Value:
        return self.quantise(Value(self.node("LeakyRelu", x.name, alpha=alpha), x.shape), 3.0, signed=True)

    def pointwise(self, kind: str, x: Value, signed: bool, reach: float = 3.0) -> Value:
        """An elementwise function and its quantiser; in QDQ one in front, too."""
        x = self.quantise(x, 4.0, signed=True) if self.form == "qdq" else x
        return self.quantise(Value(self.node(kind, x.name), x.shape), reach, signed)

    def block(self, x: Value, maps: int, kernel: int | tuple[int, ...], stride: int = 1, **options: Any) -> Value:
        """Convolution without bias, batch normalisation, ReLU."""
        return self.relu(self.batch_norm(self.conv(x, maps, kernel, stride, bias=False, **options)))

    def add(self, x: Value, y: Value) -> Value:
        return Value(self.node("Add", x.name, y.name), x.shape)

    def concat(self, *parts: Value) -> Value:
        shape = (1, sum(part.channels for part in parts), *parts[0].shape[2:])
        y = Value(self.node("Concat", *(part.name for part in parts), axis=1), shape)
        return self.quantise(y, 4.0, signed=True) if self.form == "qdq" else y

    def pool(self, kind: str, x: Value, kernel: int, stride: int, pads: Sequence[int] = (), **options: Any) -> Value:
        rank = len(x.shape) - 2
        pads = pads or [0] * 2 * rank
        sizes: dict[str, Any] = {"kernel_shape": [kernel] * rank, "strides": [stride] * rank, "pads": list(pads)}
        y = self.node(kind, x.name, **sizes, **options)
        spatial = [(n + pads[i] + pads[i + rank] - kernel) // stride + 1 for i, n in enumerate(x.shape[2:])]
        return Value(y, (*x.shape[:2], *spatial))

    def upsample(self, x: Value, factor: int) -> Value:
        """Nearest neighbours, as PyTorch's `Upsample`: empty regions, scales as constants."""
        scales = self.constant([1, 1, *[factor] * (len(x.shape) - 2)])
        modes: dict[str, Any] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        y = self.node("Resize", x.name, "", scales, **modes)
        return Value(y, (*x.shape[:2], *(n * factor for n in x.shape[2:])))

    def dense(self, x: Value, units: int) -> Value:
        """Gemm, as PyTorch's `Linear`."""
        weights = self.weights((units, x.shape[-1]))
        bias = self.constant(self.random.normal(0, 0.1, units))
        return Value(self.node("Gemm", x.name, weights, bias, transB=1), (*x.shape[:-1], units))

    def matmul(self, x: Value, units: int, bias: bool = True) -> Value:
        """MatMul and Add, as Keras' `Dense` and PyTorch's `Linear` on more than two dimensions."""
        y = self.node("MatMul", x.name, self.weights((x.shape[-1], units), axis=1))
        y = self.node("Add", y, self.constant(self.random.normal(0, 0.1, units))) if bias else y
        return Value(y, (*x.shape[:-1], units))

    def flatten(self, x: Value) -> Value:
        return Value(self.node("Flatten", x.name, axis=1), (1, prod(x.shape)))

    def view(self, x: Value) -> Value:
        """`x.view(x.size(0), -1)`: a shape that is computed."""
        size = self.node("Gather", self.node("Shape", x.name), self.scalar(0, np.int64), axis=0)
        axes = self.constant([0], np.int64)
        parts = [self.node("Unsqueeze", size, axes), self.constant([-1], np.int64)]
        return Value(self.node("Reshape", x.name, self.node("Concat", *parts, axis=0)), (1, prod(x.shape)))

    def keras_flatten(self, x: Value) -> Value:
        """Channels last, then a Reshape to [-1, N]."""
        order = [0, *range(2, len(x.shape)), 1]
        y = self.node("Transpose", x.name, perm=order)
        return Value(self.node("Reshape", y, self.constant([-1, prod(x.shape)], np.int64)), (1, prod(x.shape)))

    def reduce_mean(self, x: Value, *axes: int) -> Value:
        """The mean along axes, which go."""
        y = self.node("ReduceMean", x.name, self.constant(axes, np.int64), keepdims=0)
        gone = [axis % len(x.shape) for axis in axes]
        return Value(y, tuple(size for axis, size in enumerate(x.shape) if axis not in gone))

    def mean(self, x: Value) -> Value:
        """The mean of each channel, flat and quantised."""
        y = Value(self.node("GlobalAveragePool", x.name), (*x.shape[:2], *[1] * (len(x.shape) - 2)))
        return self.quantise(self.flatten(y), 2.0, signed=True, bits=8)

    def model(self, output: Value, dynamic: bool = False) -> onnx.ModelProto:
        """`dynamic`: the batch dimension is symbolic."""
        batch: list[Any] = ["N"] if dynamic else [1]
        ends = [(self.input.name, self.input.shape), (output.name, output.shape)]
        infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, batch + list(shape[1:])) for n, shape in ends]
        tensors = [numpy_helper.from_array(array, key) for key, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "main_graph", infos[:1], infos[1:], tensors)
        opsets = [helper.make_opsetid("", OPSET)]
        opsets += [helper.make_opsetid(QONNX, 1)] if self.form == "qonnx" else []
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
