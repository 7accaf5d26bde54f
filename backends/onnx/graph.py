# SPDX-License-Identifier: Apache-2.0
"""The ONNX graph under construction: nodes, initialisers, names, shapes. Knows protobuf, and nothing of the IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from ...qdialect.attrs import Array
from ...qdialect.errors import QoptError
from .numbers import BOOL, FLOAT32, FLOAT64, INT64, DType

OPSET = 19  # the oldest that onnx's own reference executes
IR_VERSION = 9  # of that opset
QONNX_DOMAIN = "qonnx.custom_op.general"


@dataclass(frozen=True)
class Tensor:
    """A value of the ONNX graph."""

    name: str
    dtype: DType
    shape: tuple[int, ...]


class Names:
    """Names that are given once; a second wish for the same gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wish: str) -> str:
        name, number = wish, 0
        while name in self._taken:
            number += 1
            name = f"{wish}_{number}"
        self._taken.add(name)
        return name


class Graph:
    """A list of nodes in order, with the tensors that they make."""

    def __init__(self) -> None:
        self.values = Names()
        self.nodes: list[NodeProto] = []
        self.node_names = Names()
        self._tensors: dict[str, Tensor] = {}
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._casts: dict[tuple[str, DType], Tensor] = {}
        self._truths: dict[str, Tensor] = {}  # tensors that a Cast has made of bool tensors

    def constant(self, array: Array, name: str) -> Tensor:
        """An initialiser; small equal ones are stored once."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else None
        if key is not None and key in self._constants:
            return self._constants[key]
        tensor = Tensor(self.values.unique(name), array.dtype, array.shape)
        self._initializers[tensor.name] = numpy_helper.from_array(array, tensor.name)
        if key is not None:
            self._constants[key] = tensor
        return tensor

    def node(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        results: Sequence[tuple[str, DType, Sequence[int]]],
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> tuple[NodeProto, list[Tensor]]:
        """Append a node without a name. `results`: a wish for the name, the type and shape of each output."""
        tensors = [Tensor(self.values.unique(name), dtype, tuple(shape)) for name, dtype, shape in results]
        self._tensors.update((tensor.name, tensor) for tensor in tensors)
        names = [tensor.name for tensor in inputs]
        node = helper.make_node(
            op_type, names, [tensor.name for tensor in tensors], domain=domain, **(attributes or {})
        )
        self.nodes.append(node)
        if op_type == "Cast" and inputs[0].dtype == BOOL:
            self._truths[tensors[0].name] = inputs[0]
        return node, tensors

    def rename(self, tensor: Tensor, name: str, nodes: Sequence[NodeProto]) -> Tensor:
        """Give the result of one of `nodes`, used by none outside them, another name (that was reserved)."""
        for node in nodes:
            for names in (node.input, node.output):
                for index, old in enumerate(names):
                    if old == tensor.name:
                        names[index] = name
        del self._tensors[tensor.name]
        if tensor.name in self._truths:
            self._truths[name] = self._truths[tensor.name]
        self._tensors[name] = Tensor(name, tensor.dtype, tensor.shape)
        return self._tensors[name]

    def cast(self, tensor: Tensor, dtype: DType) -> Tensor:
        """The same numbers in another type."""
        if tensor.dtype == dtype:
            return tensor
        if dtype == BOOL and tensor.name in self._truths:
            return self._truths[tensor.name]
        if (tensor.name, dtype) not in self._casts:
            wish = f"{tensor.name}_{_SHORT_NAMES[dtype]}"
            to = helper.np_dtype_to_tensor_dtype(dtype)
            node, (result,) = self.node("Cast", [tensor], [(wish, dtype, tensor.shape)], attributes={"to": to})
            node.name = self.node_names.unique(wish)
            self._casts[tensor.name, dtype] = result
        return self._casts[tensor.name, dtype]

    def model(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> ModelProto:
        """The whole model, with the shape of every value declared."""
        ends = {tensor.name for tensor in outputs}
        graph = helper.make_graph(
            self.nodes,
            "main",
            [_value_info(tensor) for tensor in inputs],
            [_value_info(tensor) for tensor in outputs],
            initializer=list(self._initializers.values()),
            value_info=[_value_info(tensor) for tensor in self._tensors.values() if tensor.name not in ends],
        )
        domains = sorted({node.domain for node in self.nodes} - {""})
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="qopt")


_SHORT_NAMES = {FLOAT32: "float32", FLOAT64: "float64", INT64: "int64", BOOL: "bool"}


def _value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return helper.make_tensor_value_info(tensor.name, dtype, tensor.shape)


def serialised(model: ModelProto) -> bytes:
    """The bytes of the file; QoptError if protobuf cannot hold them."""
    try:
        return model.SerializeToString(deterministic=True)
    except Exception as fault:  # protobuf's classes differ between its implementations
        mend = "export a smaller network: an .onnx file holds at most 2 GiB"
        raise QoptError(f"the model cannot be written as ONNX: {fault}", mend=mend) from None
