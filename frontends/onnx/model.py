# SPDX-License-Identifier: Apache-2.0
"""An ONNX model, or a graph inside one, as plain Python data: what the importer works on, without protobuf."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Dimension: TypeAlias = int | str | None  # a size, a symbol, or unknown
# None: not readable; a Model: the body of a branch or loop
AttributeValue: TypeAlias = "int | float | str | list[int] | list[float] | Array | Model | None"

STANDARD_DOMAIN = ""


@dataclass(frozen=True)
class TensorInfo:
    """A graph input or output: ONNX name of its element type (`FLOAT`, `INT8`), its shape or None if undeclared."""

    name: str
    element_type: str
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class NodeDefinition:
    """A node. `name` is never empty: a nameless node is called by its op type and first output."""

    name: str
    domain: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, AttributeValue]
    proto: Any  # the protobuf message, for the modules that know onnx

    @property
    def bodies(self) -> list[Model]:
        """Graphs inside the node: branches, the body of a loop."""
        return [value for value in self.attributes.values() if isinstance(value, Model)]

    @cached_property
    def needs(self) -> frozenset[str]:
        """Names that the node depends on: its inputs, and what graphs inside it take from outside."""
        return frozenset(filter(None, self.inputs)).union(*(body.free_names for body in self.bodies))


@dataclass(frozen=True)
class Model:
    """A graph and what it needs to be understood; `file` names the model in messages.

    `datatypes` are FINN's annotations: tensor name to a name such as `INT4` or `BIPOLAR`.
    """

    file: str
    opsets: dict[str, int]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    initializers: dict[str, Array]
    nodes: tuple[NodeDefinition, ...]
    datatypes: dict[str, str]

    @cached_property
    def free_names(self) -> frozenset[str]:
        """Names that the graph uses and does not define."""
        used = frozenset(info.name for info in self.outputs).union(*(node.needs for node in self.nodes))
        defined = {*self.initializers, *(info.name for info in self.inputs)}
        return used - defined.union(*(node.outputs for node in self.nodes))


def place(node: NodeDefinition, file: str) -> str:
    """How messages name a node."""
    return f"node '{node.name}' ({node.op_type}) of {file}"


def scalar_of(array: Array) -> Any:
    """The Python number of an array whose elements are all equal, else None."""
    if not array.size or not bool(np.all(array == array.reshape(-1)[0])):
        return None
    return array.reshape(-1)[0].item()
