# SPDX-License-Identifier: Apache-2.0
"""Random small multi-layer perceptrons in QONNX and QCDQ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


class Generator:
    """Appends nodes behind `value`, whose shape is `shape`; `rnd` decides everything.

    `dyadic`: every constant is a small multiple of a power of two, so that float32 arithmetic is exact.
    """

    def __init__(self, seed: int):
        self.rnd = random.Random(seed)
        self.dyadic = self.rnd.random() < 0.4
        self.domain = self.rnd.choice(DOMAINS)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.outputs: list[str] = []
        self.integer_output = False
        self.shape = self.rnd.choice(((1, 4), (1, 6), (1, 3), (1, 2, 3), (1, 1, 2, 2), (1, 5), (1, 1), (1, 8)))
        self.input_shape, self.value = self.shape, "x"

    def model(self) -> onnx.ModelProto:
        self.pick(self.arithmetic_input, self.nothing, self.nothing)
        self.activation_quantizer(first=True)
        self.pick(self.views, self.nothing)
        layers = self.rnd.randint(1, 4)
        for number in range(layers):
            self.layer()
            if number < layers - 1 or self.rnd.random() < 0.4:
                self.activation_quantizer()
            if self.rnd.random() < 0.2:
                self.views()
        self.tail()
        return self.finished()

    def finished(self) -> onnx.ModelProto:
        kinds = [TensorProto.INT64 if self.integer_output and i == len(self.outputs) - 1 else TensorProto.FLOAT
                 for i in range(len(self.outputs))]  # fmt: skip
        first: Sequence[Any] = self.input_shape
        if self.batch_is_free():
            first = ("batch", *self.input_shape[1:])
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, first)],
            [helper.make_tensor_value_info(n, kind, None) for n, kind in zip(self.outputs, kinds, strict=True)],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 15), *(helper.make_opsetid(domain, 1) for domain in DOMAINS)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def batch_is_free(self) -> bool:
        return all(node.op_type not in ("Reshape", "Transpose") for node in self.nodes) and self.rnd.random() < 0.3

    # --- parts ---------------------------------------------------------------------------------------------------

    def pick(self, *choices: Any) -> None:
        self.rnd.choice(choices)()

    def nothing(self) -> None:
        pass

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"{op_type}_{len(self.nodes)}"
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype)
        return name

    def numbers(self, shape: Sequence[int], size: float = 1.0, nonzero: bool = False) -> Array:
        """Random numbers around zero."""
        count = int(np.prod(shape))
        if self.dyadic:
            top = [
                self.rnd.choice([1, 2, 3, -1, -2, -4] if nonzero else [0, 1, 2, 3, -1, -2, -4]) for _ in range(count)
            ]
            return np.array(top, np.float32).reshape(shape) / self.rnd.choice([1, 2, 4])
        array = np.array([self.rnd.gauss(0, size) for _ in range(count)]).reshape(shape)
        if not nonzero and self.rnd.random() < 0.2:
            array = array * np.array([self.rnd.choice([0, 1]) for _ in range(count)]).reshape(shape)
        return array.astype(np.float32)

    def scale(self, shape: Sequence[int], usual: float = 0.3) -> Array:
        """Positive numbers."""
        count = int(np.prod(shape))
        kind = self.rnd.random()
        if self.dyadic or kind < 0.3:
            low, high = (-3, 1) if self.dyadic else (-6, 3)
            one = self.rnd.randint(low, high)
            same = self.rnd.random() < 0.5
            exponents = [one if same else self.rnd.randint(low, high) for _ in range(count)]
            return np.ldexp(np.ones(count), exponents).reshape(shape).astype(np.float32)
        factor = usual * (1 if kind < 0.9 else self.rnd.choice([1e-6, 1e-3, 1e3, 1e7]))
        return np.array([factor * self.rnd.uniform(0.2, 2) for _ in range(count)]).reshape(shape).astype(np.float32)

    def powers(self, shape: Sequence[int]) -> Array:
        signs = np.array([self.rnd.choice([1, 2, 0.5, -1, -2, 4]) for _ in range(int(np.prod(shape)))])
        return signs.reshape(shape).astype(np.float32)

    def channel_shape(self, shape: Sequence[int] | None = None) -> tuple[int, ...]:
        """One number, or one for each element of the last axis."""
        last = self.shape[-1]
        return self.rnd.choice(((), (), (1,), (last,), (1, last)))

    # --- quantisers ----------------------------------------------------------------------------------------------

    def activation_quantizer(self, first: bool = False) -> None:
        kinds = [self.quant] * 6 + [self.bipolar, self.qcdq, self.multi_threshold, self.relu_quant]
        self.rnd.choice(kinds[:8] if first else kinds)()

    def relu_quant(self) -> None:
        self.value = self.node("Relu", self.value)
        self.quant(signed=0)

    def quant(self, signed: int | None = None) -> None:
        per_channel = self.rnd.random() < 0.15
        shape = (1,) * (len(self.shape) - 1) + (self.shape[-1],) if per_channel else self.rnd.choice([(), (1,)])
        self.value = self.quantized(self.value, shape, signed)

    def quantized(self, value: str, shape: Sequence[int], signed: int | None = None, usual: float = 0.3) -> str:
        bits = self.rnd.choice([1, 2, 2, 3, 4, 4, 5, 6, 8])
        signed = self.rnd.choice([0, 1, 1]) if signed is None else signed
        narrow = int(bits > 1 and self.rnd.random() < 0.4)
        scale = self.scale(shape, usual)
        zero = np.zeros(shape if self.rnd.random() < 0.3 else ())
        if self.rnd.random() < 0.25 and (bits > 1 or not signed):
            zero = np.asarray(self.rnd.randint(-3, 5))
        return self.node(
            self.rnd.choice(["Quant", "Quant", "IntQuant"]),
            value,
            self.constant(scale),
            self.constant(zero),
            self.constant(float(bits)),
            domain=self.domain,
            signed=signed,
            narrow=narrow,
            rounding_mode=self.rnd.choice([*ROUNDINGS, "ROUND", "ROUND"]),
        )

    def bipolar(self) -> None:
        self.value = self.node("BipolarQuant", self.value, self.constant(self.scale(())), domain=self.domain)

    def qcdq(self) -> None:
        dtype = self.rnd.choice([np.int8, np.uint8])
        scale, zero = self.constant(self.scale(())), self.rnd.choice([0, 0, 3, 100])
        point = self.constant(zero, dtype)
        codes = self.node("QuantizeLinear", self.value, scale, point)
        if self.rnd.random() < 0.5:
            low, high = zero - self.rnd.choice([0, 1, 3]), zero + self.rnd.choice([1, 3, 7])
            low = max(low, 0) if dtype is np.uint8 else low
            codes = self.node("Clip", codes, self.constant(low, dtype), self.constant(high, dtype))
        self.value = self.node("DequantizeLinear", codes, scale, point)

    def multi_threshold(self) -> None:
        count = self.rnd.choice([1, 2, 3, 7, 15])
        channels = self.shape[1] if len(self.shape) != 3 else self.shape[2]
        rows = self.rnd.choice([1, channels])
        table = np.sort(self.numbers((rows, count), 2.0), axis=1)
        scale, bias = self.rnd.choice([(1.0, 0.0), (1.0, 0.0), (2.0, -1.0), (1.0, -2.0), (0.5, 0.25)])
        kind = "UINT4" if (scale, bias) == (1.0, 0.0) else "FLOAT32"
        attributes = {"out_dtype": kind, "out_scale": scale, "out_bias": bias}
        self.value = self.node(
            "MultiThreshold", self.value, self.constant(table), domain=self.rnd.choice(DOMAINS[:2]), **attributes
        )

    # --- layers --------------------------------------------------------------------------------------------------

    def layer(self) -> None:
        if len(self.shape) > 2 and self.rnd.random() < 0.7:
            self.flat()
        rows, columns = self.shape[-1], self.rnd.choice([1, 2, 3, 4, 5, 8])
        transposed = self.rnd.random() < 0.5
        weights = self.weights((columns, rows) if transposed else (rows, columns), 0 if transposed else 1)
        if len(self.shape) == 2 and self.rnd.random() < 0.5:
            self.gemm(weights, transposed, columns)
        else:
            weights = self.node("Transpose", weights, perm=[1, 0]) if transposed else weights
            self.value = self.node("MatMul", self.value, weights)
        self.shape = (*self.shape[:-1], columns)
        for _ in range(self.rnd.choice([0, 1, 1, 2, 3])):
            self.pick(self.bias, self.bias, self.batch_norm, self.relu, self.arithmetic, self.arithmetic, self.identity)

    def gemm(self, weights: str, transposed: bool, columns: int) -> None:
        attributes: dict[str, Any] = {"transB": int(transposed)}
        if self.rnd.random() < 0.3:
            attributes |= {"alpha": self.rnd.choice([0.5, -2.0, 1.0] + [0.3] * (not self.dyadic))}
        if self.rnd.random() < 0.3:
            attributes |= {"beta": self.rnd.choice([0.5, -2.0, 0.0] + [0.3] * (not self.dyadic))}
        bias = [self.addend(self.rnd.choice([(columns,), (1, columns)]))] if self.rnd.random() < 0.6 else []
        value = self.value
        if self.rnd.random() < 0.1:
            value, attributes = self.node("Transpose", value, perm=[1, 0]), {**attributes, "transA": 1}
        self.value = self.node("Gemm", value, weights, *bias, **attributes)

    def weights(self, shape: tuple[int, int], channel_axis: int) -> str:
        values = self.constant(self.numbers(shape))
        scale_shape = tuple(size if axis == channel_axis else 1 for axis, size in enumerate(shape))
        scale_shape = scale_shape if self.rnd.random() < 0.5 else ()
        kind = self.rnd.random()
        if kind < 0.15:
            return self.node("BipolarQuant", values, self.constant(self.scale(scale_shape)), domain=self.domain)
        if kind < 0.3:
            codes = np.array([self.rnd.randint(-128, 127) for _ in range(shape[0] * shape[1])]).reshape(shape)
            scale = self.constant(self.scale(scale_shape, 0.02).reshape(-1) if scale_shape else self.scale((), 0.02))
            zeros = np.zeros(max(scale_shape) if scale_shape else ())
            point = self.constant(zeros if self.rnd.random() < 0.7 else zeros + self.rnd.randint(-9, 9), np.int8)
            return self.node("DequantizeLinear", self.constant(codes, np.int8), scale, point, axis=channel_axis)
        return self.quantized(values, scale_shape)

    def addend(self, shape: Sequence[int]) -> str:
        values = self.constant(self.numbers(shape))
        return self.quantized(values, (), usual=0.05) if self.rnd.random() < 0.3 else values

    def bias(self) -> None:
        operands = [self.value, self.addend(self.channel_shape())]
        if self.rnd.random() < 0.3:
            operands.reverse()
        self.value = self.node("Add", *operands)

    def batch_norm(self) -> None:
        if len(self.shape) != 2:
            return
        count = self.shape[1:]
        scale, bias, mean = self.numbers(count), self.numbers(count), self.numbers(count, 2.0)
        if self.dyadic:
            variance, epsilon = self.powers(count) ** 2, 0.0
        else:
            variance, epsilon = np.abs(self.numbers(count)), self.rnd.choice([1e-5, 1e-3])
        parameters = [self.constant(array) for array in (scale, bias, mean, variance)]
        self.value = self.node("BatchNormalization", self.value, *parameters, epsilon=epsilon)

    def relu(self) -> None:
        self.value = self.node("Relu", self.value)

    def identity(self) -> None:
        self.value = self.node("Identity", self.value)

    def arithmetic(self, shapes: Sequence[tuple[int, ...]] | None = None) -> None:
        kind, shape = self.rnd.choice(["Mul", "Sub", "Div", "Add"]), self.channel_shape()
        if kind == "Div":
            other = self.powers(shape) if self.dyadic else self.numbers(shape, nonzero=True)
        else:
            other = self.numbers(shape, nonzero=self.rnd.random() < 0.8)
        operands = [self.value, self.constant(other)]
        if kind != "Div" and self.rnd.random() < 0.3:
            operands.reverse()
        self.value = self.node(kind, *operands)

    def arithmetic_input(self) -> None:
        kind = self.rnd.choice(["Mul", "Sub", "Div", "Add"])
        other = self.powers(()) if self.dyadic else self.scale(())
        self.value = self.node(kind, self.value, self.constant(other))

    # --- shapes --------------------------------------------------------------------------------------------------

    def flat(self) -> None:
        count = int(np.prod(self.shape))
        if self.rnd.random() < 0.5:
            self.value = self.node("Flatten", self.value, axis=1)
        else:
            target = self.rnd.choice([[1, -1], [1, count], [-1, count]])
            self.value = self.node("Reshape", self.value, self.constant(target, np.int64))
        self.shape = (1, count)

    def views(self) -> None:
        """A few shape ops."""
        for _ in range(self.rnd.randint(1, 3)):
            if self.rnd.random() < 0.5:
                count = int(np.prod(self.shape))
                factor = self.rnd.choice([n for n in range(1, count + 1) if count % n == 0])
                self.shape = self.rnd.choice([(1, count), (1, factor, count // factor)])
                self.value = self.node("Reshape", self.value, self.constant(self.shape, np.int64))
            else:
                order = list(range(1, len(self.shape)))
                self.rnd.shuffle(order)
                self.value = self.node("Transpose", self.value, perm=[0, *order])
                self.shape = (1, *(self.shape[axis] for axis in order))

    # --- the end -------------------------------------------------------------------------------------------------

    def tail(self) -> None:
        kind = self.rnd.choice(["", "", "", "affine", "Softmax", "ArgMax", "TopK", "Relu"])
        if kind == "affine":
            self.arithmetic()
        elif kind == "Softmax":
            self.value = self.node("Softmax", self.value, axis=-1)
        elif kind == "ArgMax":
            self.value = self.node("ArgMax", self.value, axis=-1, keepdims=self.rnd.randint(0, 1))
            self.integer_output = True
        elif kind == "Relu":
            self.relu()
        self.outputs = [self.value]
        if kind == "TopK":
            count = self.constant([self.rnd.randint(1, self.shape[-1])], np.int64)
            largest = self.rnd.randint(0, 1)
            self.node("TopK", self.value, count, axis=-1, largest=largest)
            values = self.nodes[-1].output[0]
            self.nodes[-1].output.append("indices")
            self.outputs = self.rnd.choice([[values, "indices"], ["indices"]])
            self.integer_output = True


def frames_for(proto: onnx.ModelProto, seed: int, count: int = 32) -> Array:
    """Numbers around zero, multiples of the first quantiser's half step (ties), zeros and huge ones."""
    rng = np.random.default_rng(seed)
    shape = [dim.dim_value or 1 for dim in proto.graph.input[0].type.tensor_type.shape.dim]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    first = next(node for node in proto.graph.node if "Quant" in node.op_type and node.input[0] not in constants)
    step = float(constants[first.input[1]].reshape(-1)[0])
    x = rng.normal(scale=rng.choice([1.0, 4.0, 30.0], size=(count, *[1] * len(shape))) * step, size=(count, *shape))
    half = count // 2
    x[:half] = np.rint(x[:half] / step * 2) * step / 2
    x[0], x[1], x[2] = 0, 1e6 * step, -1e6 * step
    return x.astype(np.float32)
