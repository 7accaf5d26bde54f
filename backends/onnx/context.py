# SPDX-License-Identifier: Apache-2.0
"""What an exporter sees: the tensors of its op's operands, and where it writes nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from onnx import NodeProto
from xdsl.ir import Operation, SSAValue

from ...qdialect.attrs import Array, DenseAttr
from ...qdialect.errors import node_name
from ...qdialect.types import element_type, is_f32
from .graph import Graph, Tensor
from .numbers import BOOL, FLOAT32, FLOAT64, DType, carrier

Style: TypeAlias = Literal["qonnx", "qcdq"]
# A tensor of the graph, or a constant that becomes one where it is used.
Bound: TypeAlias = Tensor | DenseAttr


class Scope:
    """The choices of the file; what the values of the IR have become so far, and the constants that were written."""

    def __init__(self, graph: Graph, style: Style, real: DType):
        self.graph = graph
        self.style: Style = style
        self.real = real  # the float type of `!q.real`
        self.bound: dict[SSAValue, Bound] = {}
        self.constants: dict[tuple[DenseAttr, DType], Tensor] = {}


class Context:
    """One op during export."""

    def __init__(self, op: Operation, scope: Scope):
        self.op = op
        self.scope = scope
        self.graph = scope.graph
        self.name = node_name(op) or op.name.removeprefix("q.")
        self.nodes: list[NodeProto] = []  # that the op itself has become

    @property
    def style(self) -> Style:
        return self.scope.style

    # operands

    def carrier(self, value: SSAValue) -> DType:
        """The float type that holds the numbers of a value; QoptError if none does."""
        return carrier(value, self.op, self.scope.real)

    @property
    def work(self) -> DType:
        """The float type in which the op computes: float32 if it gives f32, else one for its operands and results."""
        values = [*self.op.operands, *self.op.results]
        if is_f32(element_type(self.op.results[0])):
            return FLOAT32
        return FLOAT64 if any(self.carrier(value) == FLOAT64 for value in values) else FLOAT32

    def constant_of(self, value: SSAValue) -> DenseAttr | None:
        """The constant that a value is, or None."""
        bound = self.scope.bound[value]
        return bound if isinstance(bound, DenseAttr) else None

    def tensor(self, value: SSAValue, dtype: DType | None = None) -> Tensor:
        """A value of the IR as a tensor of its own carrier, or of another float type."""
        bound = self.scope.bound[value]
        dtype = dtype or self.carrier(value)
        if isinstance(bound, Tensor):
            return self.graph.cast(bound, dtype)
        if (bound, dtype) not in self.scope.constants:
            from .quantizers import quantized_constant

            name = value.name_hint or "constant"
            self.scope.constants[bound, dtype] = quantized_constant(self, bound, dtype, name)
        return self.scope.constants[bound, dtype]

    def operands(self, dtype: DType | None = None) -> list[Tensor]:
        """All operands in one float type, by default `work`."""
        dtype = dtype or self.work
        return [self.tensor(operand, dtype) for operand in self.op.operands]

    # what the op becomes

    def node(
        self,
        op_type: str,
        *inputs: Tensor,
        shape: Sequence[int] | None = None,
        dtype: DType | None = None,
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """A node with one result, by default of the type of its first input and the shape that broadcasting gives."""
        return self.node_of_many(op_type, inputs, [(dtype or inputs[0].dtype, shape)], domain, attributes)[0]

    def node_of_many(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        results: Sequence[tuple[DType, Sequence[int] | None]],
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> list[Tensor]:
        """A node with a result for each type and shape."""
        broadcast = [tensor.shape for tensor in inputs]
        described = [
            (f"{self.name}_{op_type}", dtype, np.broadcast_shapes(*broadcast) if shape is None else shape)
            for dtype, shape in results
        ]
        node, tensors = self.graph.node(op_type, inputs, described, domain, attributes)
        self.nodes.append(node)
        return tensors

    def plain(self, array: Array, name: str = "constant") -> Tensor:
        """An initialiser as it is."""
        return self.graph.constant(array, f"{self.name}_{name}")

    def number(self, number: float, like: Tensor) -> Tensor:
        """A single number, in the type of another tensor."""
        return self.plain(np.asarray(number, like.dtype))

    def integers(self, values: Sequence[int], name: str) -> Tensor:
        """A list of integers: shapes, axes."""
        return self.plain(np.asarray(values, np.int64), name)

    def cast(self, tensor: Tensor, dtype: DType) -> Tensor:
        return self.graph.cast(tensor, dtype)

    def name_nodes(self) -> None:
        """Name the nodes after the op: the last one exactly so."""
        names = self.graph.node_names
        for node in reversed(self.nodes):
            node.name = names.unique(self.name if node is self.nodes[-1] else f"{self.name}_{node.op_type}")

    # steps that several exporters share

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        if x.shape == tuple(shape):
            return x
        return self.node("Reshape", x, self.integers(shape, "shape"), shape=shape)

    def transpose(self, x: Tensor, permutation: Sequence[int]) -> Tensor:
        shape = [x.shape[axis] for axis in permutation]
        return self.node("Transpose", x, shape=shape, attributes={"perm": list(permutation)})

    def scaled(self, x: Tensor, exponent: int) -> Tensor:
        """`x * 2^exponent`."""
        return self.node("Mul", x, self.number(2.0**exponent, x)) if exponent else x

    def at_least(self, x: Tensor, bound: Tensor, dtype: DType) -> Tensor:
        """1 where `x >= bound`, else 0."""
        return self.cast(self.node("GreaterOrEqual", x, bound, dtype=BOOL), dtype)
