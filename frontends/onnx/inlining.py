# SPDX-License-Identifier: Apache-2.0
"""Functions of a model in place of the nodes that call them, by onnx's own inliner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from onnx import ModelProto, NodeProto

from ...qdialect.errors import QoptError

LARGEST_GRAPH = 1 << 20  # nodes; functions that call each other twice can double them at every level
DEEPEST_CALL = 100  # functions within functions; onnx's inliner recurses

_MEND = "export the model without functions, or inline them with the tool that wrote it"


def inline_functions(proto: ModelProto, file: str) -> ModelProto:
    """The model without functions, each body in the op set of the model.

    Raises: QoptError for functions that call themselves, which the inliner does not survive, or are too many.
    """
    if not proto.functions:
        return proto
    _Size(proto, file).of(proto.graph.node, ())
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(proto, True)
    except Exception:
        name = proto.functions[0].name
        raise QoptError(f"the functions of the model ('{name}', ...) cannot be inlined", file, _MEND) from None


class _Size:
    """How many nodes a model has without functions."""

    def __init__(self, proto: ModelProto, file: str):
        self.file = file
        self.functions = {(function.domain, function.name, function.overload): function for function in proto.functions}
        self.known: dict[Any, int] = {}

    def of(self, nodes: Iterable[NodeProto], callers: tuple[Any, ...]) -> int:
        """Nodes of a graph or body in the functions `callers`; QoptError where there is no end, or too many."""
        total = sum(self._of_node(node, callers) for node in nodes)
        if total > LARGEST_GRAPH:
            raise QoptError(
                f"the model has more than {LARGEST_GRAPH} nodes with its functions inlined", self.file, _MEND
            )
        return total

    def _of_node(self, node: NodeProto, callers: tuple[Any, ...]) -> int:
        inside = (graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs))
        total = 1 + sum(self.of(graph.node, callers) for graph in inside)
        key = (node.domain, node.op_type, node.overload)
        if key not in self.functions:
            return total
        if key in callers:
            raise QoptError(f"function '{node.op_type}' calls itself", self.file, _MEND)
        if len(callers) == DEEPEST_CALL:
            raise QoptError(f"functions call each other more than {DEEPEST_CALL} levels deep", self.file, _MEND)
        if key not in self.known:
            self.known[key] = self.of(self.functions[key].node, (*callers, key))
        return total + self.known[key]
