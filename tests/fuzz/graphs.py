# SPDX-License-Identifier: Apache-2.0
"""Random graphs of ONNX ops on feature maps, vectors and codes, with what is known of each value's numbers.

A value is exact if float32 holds each number met in computing it: ops that jump (rounding, comparing, quantising)
read exact values alone, so that two engines can only differ where they may.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

EXACT = 1 << 24  # numerators that float32 holds
INFINITE = float("inf")
OPSET = 19
INPUT_SHAPES: list[Shape] = [(1, 4), (1, 2, 6), (1, 3, 5, 5), (1, 4, 6, 4), (1, 2, 3, 4, 3), (1, 3, 4), (1, 6, 7, 7)]
MAX_SIZE = 3000
ELEMENTS = {"f": TensorProto.FLOAT, "i": TensorProto.INT32, "b": TensorProto.BOOL}


class Unfit(Exception):
    """The op does not fit to the value that was drawn."""


@dataclass(frozen=True)
class Value:
    """`kind`: f(loat), i(nt32) or b(ool). `size` bounds the numbers, `bits` counts fraction bits; inexact: infinite."""

    name: str
    shape: Shape
    kind: str = "f"
    size: float = INFINITE
    bits: int = 0

    @property
    def exact(self) -> bool:
        return self.size * 2.0**self.bits <= EXACT

    @property
    def rank(self) -> int:
        return len(self.shape)


class RandomGraph:
    """`rnd` decides everything; `values` are what ops can read."""

    def __init__(self, seed: int):
        self.rnd = random.Random(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.input_shape = self.rnd.choice(INPUT_SHAPES)
        self.input_bits = self.rnd.choice([0, 0, 1, 2])
        self.values = [Value("x", self.input_shape, "f", 4, self.input_bits)]

    def frame(self, seed: int) -> Array:
        codes = np.random.default_rng(seed).integers(
            -4 << self.input_bits, (4 << self.input_bits) + 1, self.input_shape
        )
        return (codes / 2.0**self.input_bits).astype(np.float32)

    # --- writing -------------------------------------------------------------------------------------------------

    def name(self) -> str:
        return f"v{len(self.nodes)}"

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = self.name()
        given = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=f"n_{output}", domain=domain, **given))
        return output

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype)
        return name

    def add(self, value: Value) -> None:
        self.values.append(value)

    # --- choosing ------------------------------------------------------------------------------------------------

    def pick(self, kind: str = "f", exact: bool = False, ranks: Sequence[int] = (1, 2, 3, 4, 5)) -> Value:
        """A value, late ones more often; LookupError if there is none."""
        known = [v for v in self.values if v.kind == kind and v.rank in ranks and (v.exact or not exact)]
        if not known:
            raise LookupError(kind)
        return known[max(self.rnd.randrange(len(known)), self.rnd.randrange(len(known)))]

    def chance(self, probability: float = 0.5) -> bool:
        return self.rnd.random() < probability

    def small(self, shape: Shape, exact: bool = True, low: int = -2, high: int = 2) -> tuple[str, float, int]:
        """(constant, size, fraction bits) of small numbers: halves, or anything if not `exact`."""
        count = int(np.prod(shape))
        if exact:
            numbers = [self.rnd.randint(2 * low, 2 * high) / 2 for _ in range(count)]
            return self.constant(np.reshape(numbers, shape)), max(abs(low), abs(high)), 1
        return self.constant(np.reshape([self.rnd.gauss(0, 1) for _ in range(count)], shape)), INFINITE, 0

    def broadcast_shape(self, shape: Shape) -> Shape:
        """A shape that broadcasts to `shape`."""
        sizes = [size if self.chance(0.6) else 1 for size in shape]
        return tuple(sizes[self.rnd.randrange(len(sizes) + 1) :])

    def model(self, num_outputs: int = 2) -> onnx.ModelProto:
        """The graph with its last values as outputs."""
        outputs = [value for value in self.values if value.name != "x"][-num_outputs:]
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.input_shape)],
            [helper.make_tensor_value_info(value.name, ELEMENTS[value.kind], None) for value in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    @property
    def outputs(self) -> list[Value]:
        return [value for value in self.values if value.name != "x"][-2:]
