# SPDX-License-Identifier: Apache-2.0
"""What an ONNX graph means, written down a second time and simply: in float32, or exactly behind the first quantiser.

Exact numbers are Fractions in object arrays. Frames are a leading axis in front of every shape of the model.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray[Any, Any]

HALF = Fraction(1, 2)
ROUND = {
    "ROUND": round,
    "HALF_EVEN": round,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
    "UP": lambda v: math.ceil(v) if v > 0 else math.floor(v),
    "DOWN": math.trunc,
    "HALF_UP": lambda v: math.floor(v + HALF) if v > 0 else math.ceil(v - HALF),
    "HALF_DOWN": lambda v: math.ceil(v - HALF) if v > 0 else math.floor(v + HALF),
}


def exact(numbers: Any) -> Array:
    """Fractions of numbers that are floats, integers or Fractions already."""
    array = np.asarray(numbers)
    if array.dtype == object:
        return array
    result = np.empty(array.shape, object)
    result.reshape(-1)[:] = [Fraction(v) for v in array.reshape(-1).tolist()]
    return result


def each(function: Any, *arrays: Array) -> Array:
    result = np.empty(np.broadcast_shapes(*(a.shape for a in arrays)), object)
    flat = [exact(np.broadcast_to(a, result.shape)).reshape(-1) for a in arrays]
    result.reshape(-1)[:] = [function(*values) for values in zip(*flat, strict=True)]
    return result


class Oracle:
    """Runs a model node by node; `margin` is the least distance of each frame to a rounding boundary, in codes."""

    def __init__(self, proto: onnx.ModelProto, is_exact: bool):
        self.proto, self.is_exact = proto, is_exact
        self.margin = np.zeros(0)
        self.values: dict[str, Array] = {}
        self.fixed: set[str] = set()  # names of constants, and of what follows from them alone
        self.watch = False  # whether the node at hand depends on the input

    def run(self, x: Array) -> list[Array]:
        self.margin = np.full(len(x), np.inf)
        self.values = {t.name: numpy_helper.to_array(t) for t in self.proto.graph.initializer}
        self.fixed = set(self.values)
        self.values[self.proto.graph.input[0].name] = x
        with np.errstate(all="ignore"):
            for node in self.proto.graph.node:
                self.node(node)
        return [self.values[output.name] for output in self.proto.graph.output]

    def node(self, node: onnx.NodeProto) -> None:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [self.values[name] for name in node.input]
        constant = set(node.input) <= self.fixed
        self.watch = not constant
        if node.op_type in ("Add", "Sub", "Mul", "Div", "MatMul", "Gemm"):
            if any(a.dtype == object for a in inputs):
                inputs = [*map(exact, inputs[:2]), *inputs[2:]]
        result = getattr(self, "on_" + node.op_type.lower())(*inputs, **attributes)
        results = result if isinstance(result, tuple) else (result,)
        for name, value in zip(node.output, results, strict=True):
            self.values[name] = np.asarray(value)
            if constant:
                self.fixed.add(name)

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def on_add(self, a: Array, b: Array) -> Array:
        return a + b

    def on_sub(self, a: Array, b: Array) -> Array:
        return a - b

    def on_mul(self, a: Array, b: Array) -> Array:
        return a * b

    def on_div(self, a: Array, b: Array) -> Array:
        return a / b

    def on_matmul(self, a: Array, b: Array) -> Array:
        return a @ b

    def on_gemm(self, a: Array, b: Array, c: Array | None = None, transA: int = 0, transB: int = 0,
                alpha: float = 1.0, beta: float = 1.0) -> Array:  # fmt: skip
        a, b = np.swapaxes(a, -1, -2) if transA else a, b.T if transB else b
        number = (lambda v: Fraction(float(np.float32(v)))) if a.dtype == object else np.float32
        result = (a @ b) * number(alpha)
        if c is None or beta == 0:
            return result
        addend = c * (number(beta) if c.dtype == object else np.float32(beta))
        return result + (exact(addend) if a.dtype == object else addend)

    def on_batchnormalization(self, x: Array, s: Array, b: Array, m: Array, v: Array, epsilon: float) -> Array:
        if x.dtype != object:
            return (x - m) / np.sqrt(v + np.float32(epsilon)) * s + b
        epsilon = Fraction(float(np.float32(epsilon)))
        root = each(lambda n: _root(n + epsilon), exact(v))
        a = exact(s) / root
        return x * a + (exact(b) - exact(m) * a)

    def on_relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def on_identity(self, x: Array) -> Array:
        return x

    def on_softmax(self, x: Array, axis: int) -> Array:
        x = x.astype(np.float32).astype(np.float64)  # a float function, on float32
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    def on_argmax(self, x: Array, axis: int, keepdims: int) -> Array:
        self.near(x)
        result = np.argmax(x, axis=axis)
        return np.expand_dims(result, axis) if keepdims else result

    def on_topk(self, x: Array, k: Array, axis: int, largest: int) -> tuple[Array, Array]:
        self.near(x)
        order = np.argsort(-x if largest else x, axis=axis, kind="stable")[..., : int(k[0])]
        return np.take_along_axis(x, order, axis), order

    def near(self, x: Array) -> None:
        """Scores that lie close together can change places in float32."""
        ordered = np.sort(x.astype(np.float64), axis=-1)
        size = np.abs(ordered).max() or 1.0
        gaps = np.diff(ordered, axis=-1).reshape(len(x), -1) / size * 1e3
        if gaps.size:
            self.margin = np.minimum(self.margin, gaps.min(axis=1))

    # --- shapes --------------------------------------------------------------------------------------------------

    def on_transpose(self, x: Array, perm: list[int]) -> Array:
        return np.transpose(x, [0, *(p + 1 for p in perm)] if self.watch else perm)

    def on_reshape(self, x: Array, shape: Array) -> Array:
        return x.reshape(len(x), *shape)

    def on_flatten(self, x: Array, axis: int) -> Array:
        assert axis == 1
        return x.reshape(len(x), 1, -1)

    # --- quantisers ----------------------------------------------------------------------------------------------

    def on_quant(self, x: Array, scale: Array, zero: Array, bits: Array, signed: int, narrow: int,
                 rounding_mode: bytes = b"ROUND") -> Array:  # fmt: skip
        bits, mode = int(bits), rounding_mode.decode()
        low, high = (-(1 << bits - 1) + narrow, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1 - narrow)
        y = self.scaled(x, scale, zero)
        if bits == 1 and signed:
            codes = self.signs(y)
        else:
            self.watch_boundaries(y, mode, low, high)
            codes = each(lambda v: min(max(ROUND[mode](v), low), high), y)
        return self.dequantized(codes, scale, zero)

    on_intquant = on_quant

    def on_bipolarquant(self, x: Array, scale: Array) -> Array:
        return self.dequantized(self.signs(self.scaled(x, scale, np.float32(0))), scale, np.float32(0))

    def signs(self, y: Array) -> Array:
        self.closest(each(lambda v: abs(float(v)), y))
        return each(lambda v: 1 if v >= 0 else -1, y)

    def scaled(self, x: Array, scale: Array, zero: Array) -> Array:
        if x.dtype == object:
            return x / exact(scale) + exact(zero)
        return x / scale + zero

    def dequantized(self, codes: Array, scale: Array, zero: Array) -> Array:
        if self.is_exact:
            return (exact(codes) - exact(np.asarray(zero))) * exact(np.asarray(scale))
        return (codes.astype(np.float32) - np.float32(zero)) * np.float32(scale)

    def on_quantizelinear(self, x: Array, scale: Array, zero: Array) -> Array:
        info, point = np.iinfo(zero.dtype), int(zero)
        y = self.scaled(x, scale, np.float32(0))
        self.watch_boundaries(y, "ROUND", info.min - point, info.max - point)
        return each(lambda v: min(max(round(v) + point, info.min), info.max), y)

    def on_clip(self, x: Array, low: Array, high: Array) -> Array:
        return each(lambda v: min(max(v, int(low)), int(high)), x)

    def on_dequantizelinear(self, codes: Array, scale: Array, zero: Array, axis: int = 1) -> Array:
        if codes.dtype != object:
            codes = codes.astype(int).astype(object)
        if scale.ndim == 1:
            scale = scale.reshape(-1, 1) if axis == 0 else scale
        zero = zero.astype(int)
        if zero.ndim == 1:
            zero = zero.reshape(-1, 1) if axis == 0 else zero
        if self.is_exact:
            return (exact(codes) - exact(zero)) * exact(scale)
        return (codes - zero.astype(object)).astype(np.float32) * scale

    def on_multithreshold(self, x: Array, t: Array, out_scale: float, out_bias: float, out_dtype: bytes) -> Array:
        axis = x.ndim - 1 if x.ndim == 4 else 2
        y = np.moveaxis(x, axis, -1)[..., None]
        t = exact(t) if x.dtype == object else t
        difference = np.moveaxis(y - t, -1, 0)
        for part in difference:
            self.closest(each(lambda v: abs(float(v)), part))
        count = np.moveaxis((y >= t).sum(axis=-1), -1, axis)
        if self.is_exact:
            return exact(count) * Fraction(out_scale) + Fraction(out_bias)
        return count.astype(np.float32) * np.float32(out_scale) + np.float32(out_bias)

    # --- distance to boundaries ----------------------------------------------------------------------------------

    def watch_boundaries(self, y: Array, mode: str, low: int, high: int) -> None:
        if not self.watch:
            return
        half = mode in ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN")
        shift = 0.5 if half else 0.0
        v = np.clip(y.astype(np.float64), low - 2.25, high + 2.25)
        self.closest(np.abs(v - shift - np.rint(v - shift)))

    def closest(self, distance: Array) -> None:
        if self.watch:
            self.margin = np.minimum(self.margin, distance.reshape(len(distance), -1).astype(float).min(axis=1))


def _root(number: Fraction) -> Fraction:
    """Square root to 120 bits; exact for squares."""
    shift = 240
    scaled = number * (1 << 2 * shift)
    root = Fraction(math.isqrt(math.floor(scaled)), 1 << shift)
    return root
