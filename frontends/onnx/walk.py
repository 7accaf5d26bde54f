# SPDX-License-Identifier: Apache-2.0
"""The walk over the nodes of a graph: each is folded, imported, or expanded into the nodes that define it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
from xdsl.utils.exceptions import VerifyException

from ...qdialect.errors import QoptError
from .expansion import expansion, has_body
from .folding import FOLDABLE, fold
from .loader import check_node
from .model import STANDARD_DOMAIN, Model, NodeDefinition
from .node import GraphBuilder, Node, Value
from .quantized_value import import_on_codes
from .registry import IMPORTERS

# words in the names of ops of the standard: what to do about them
REMEDIES: dict[tuple[str, ...], str] = {
    ("LSTM", "GRU", "RNN"): "export one step of the recurrence, its state as input and output",
    ("Sequence", "Optional"): "export with tensors in place of sequences and optional values",
    ("Random", "Bernoulli", "Multinomial"): "give the random numbers as an input of the network",
    ("NonMaxSuppression", "RoiAlign", "MaxRoiPool", "Unique", "ImageDecoder"): "leave this step to the host program",
    ("String", "TfIdf", "Regex"): "leave texts to the host program",
}


def import_nodes(builder: GraphBuilder) -> None:
    """Import what the outputs of the builder's graph depend on, and bind every result to its name."""
    model = builder.model
    unknown: list[NodeDefinition] = []
    lost: set[str] = set()  # results of unknown ops, and what depends on them
    for definition in _needed(model):
        known = (definition.domain, definition.op_type) in IMPORTERS or has_body(definition, model.opsets)
        if lost.isdisjoint(definition.needs):
            results = fold(definition, builder)
            if results is None and known:
                results = _import_node(Node(definition, builder))
            if results is not None:
                _bind(definition, results, builder)
                continue
        if not known and (definition.op_type not in FOLDABLE or lost.isdisjoint(definition.needs)):
            unknown.append(definition)
        lost.update(filter(None, definition.outputs))
    if unknown:
        raise _unknown_ops(unknown, model.file)


def import_body(node: Node, model: Model, inputs: Sequence[Value]) -> list[Value]:
    """Outputs of a graph inside `node`, which sees the names around it."""
    values = ChainMap[str, Value](dict(model.initializers), node.builder.values)
    return _import_graph(node.builder.inner(model, values), inputs)


def _import_graph(builder: GraphBuilder, inputs: Sequence[Value]) -> list[Value]:
    builder.values.update(zip((info.name for info in builder.model.inputs), inputs, strict=True))
    import_nodes(builder)
    return [builder.value(info.name) for info in builder.model.outputs]


def _needed(model: Model) -> list[NodeDefinition]:
    """The nodes that an output depends on, in order."""
    needed = {info.name for info in model.outputs}
    nodes: list[NodeDefinition] = []
    for node in reversed(model.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.needs)
            nodes.append(node)
    return nodes[::-1]


def _import_node(node: Node) -> Sequence[Value]:
    definition, opsets = node.definition, node.builder.model.opsets
    if definition.domain == STANDARD_DOMAIN and not definition.bodies:  # the checker would look for outer names in them
        fault = check_node(definition, opsets)
        if fault is not None:
            raise node.error(f"the node is not valid ONNX: {fault}", "export the model again")
    try:
        importer = IMPORTERS.get((definition.domain, definition.op_type))
        if importer is None:
            return _import_expansion(node)
        results = import_on_codes(node, importer)
        results = importer(node) if results is None else results
    except VerifyException as fault:
        raise node.verify_error(fault) from None
    return list(results) if isinstance(results, Sequence) else [results]


def _import_expansion(node: Node) -> Sequence[Value]:
    """The nodes that define a composite op, each named `node/op`."""
    given = [index for index in range(len(node.definition.inputs)) if node.has_input(index)]
    infos = {index: node.info(index) for index in given}
    try:
        body = expansion(node.definition, node.builder.model, infos)
    except ValueError as fault:
        raise node.error(f"the op cannot be expanded: {fault}", "use simpler ops in the model") from None
    results = iter(_import_graph(node.builder.inner(body, {}), [node.value(index) for index in given]))
    return [next(results) if name else np.empty(0) for name in node.definition.outputs]


def _bind(definition: NodeDefinition, results: Sequence[Value], builder: GraphBuilder) -> None:
    for index, name in enumerate(definition.outputs):
        if name and index < len(results):
            builder.values[name] = results[index]


def _unknown_ops(nodes: Sequence[NodeDefinition], file: str) -> QoptError:
    by_type: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        by_type.setdefault((node.domain, node.op_type), []).append(node.name)
    shown = [f"{_op_name(key)} at {_few(names)}" for key, names in by_type.items()]
    mends = [*filter(None, (_mend(*key) for key in by_type)), "docs/onnx_nodes.md lists the supported ops"]
    mend = "; ".join(dict.fromkeys(mends))
    return QoptError(f"ops that are not supported: {'; '.join(shown)}", file, mend)


def _mend(domain: str, op_type: str) -> str | None:
    """What to do about an op that is not known: a remedy, or the op that its name may mean."""
    if domain == STANDARD_DOMAIN:
        for words, remedy in REMEDIES.items():
            if any(word in op_type for word in words):
                return f"{op_type}: {remedy}"
    known = sorted({name for key, name in IMPORTERS if key == domain or domain != STANDARD_DOMAIN})
    near = get_close_matches(op_type, known, 1)
    return f"did you mean {near[0]}?" if near else None


def _op_name(key: tuple[str, str]) -> str:
    return ".".join(filter(None, key))


def _few(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return ", ".join(quoted) if len(quoted) <= 4 else f"{', '.join(quoted[:3])} and {len(quoted) - 3} more"
