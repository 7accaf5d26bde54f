# SPDX-License-Identifier: Apache-2.0
"""A smaller input with the same fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import onnx
from onnx import ModelProto, helper

Data = bytes | str


def reduced(data: Data, shows: Callable[[Data], bool], seconds: float) -> Data:
    """`data` made smaller as long as `shows` holds and time remains."""
    until = time.monotonic() + seconds
    if not isinstance(data, str):
        try:
            onnx.load_model_from_string(data)
        except Exception:
            return data
    smaller = True
    while smaller:
        smaller = False
        for candidate in text_candidates(data) if isinstance(data, str) else model_candidates(data):
            if time.monotonic() > until:
                return data
            if len(candidate) < len(data) and shows(candidate):
                data, smaller = candidate, True
                break
    return data


def text_candidates(text: str) -> Iterator[str]:
    """Without some of its lines, many first."""
    lines = text.split("\n")
    size = len(lines) // 2
    while size:
        for start in range(0, len(lines), size):
            yield "\n".join(lines[:start] + lines[start + size :])
        size //= 2


def model_candidates(data: bytes) -> Iterator[bytes]:
    """With an earlier result as the one output; without a node, an attribute, unused initialisers, annotations."""
    original = onnx.load_model_from_string(data)
    for node in original.graph.node:
        for name in node.output:
            proto = _copy(original)
            del proto.graph.output[:]
            proto.graph.output.append(helper.make_tensor_value_info(name, 1, None))
            _prune(proto)
            yield proto.SerializeToString()
    for field in ("value_info", "quantization_annotation", "metadata_props"):
        proto = _copy(original)
        proto.graph.ClearField(field)
        yield proto.SerializeToString()
    proto = _copy(original)
    _prune(proto)
    yield proto.SerializeToString()
    yield from _without_parts(original)


def _without_parts(original: ModelProto) -> Iterator[bytes]:
    for index, node in enumerate(original.graph.node):
        for place in range(len(node.attribute)):
            proto = _copy(original)
            del proto.graph.node[index].attribute[place]
            yield proto.SerializeToString()
        if node.input and node.output:
            proto = _copy(original)
            _bypass(proto, index)
            yield proto.SerializeToString()
    for fields in ("input", "output", "initializer"):
        for place in range(len(getattr(original.graph, fields))):
            proto = _copy(original)
            del getattr(proto.graph, fields)[place]
            yield proto.SerializeToString()


def _copy(original: ModelProto) -> ModelProto:
    proto = ModelProto()
    proto.CopyFrom(original)
    return proto


def _bypass(proto: ModelProto, index: int) -> None:
    """Take out a node; its first input stands for its first output."""
    node = proto.graph.node[index]
    old, new = node.output[0], node.input[0]
    del proto.graph.node[index]
    for user in proto.graph.node:
        for place, name in enumerate(user.input):
            if name == old:
                user.input[place] = new


def _prune(proto: ModelProto) -> None:
    """Without what no output needs."""
    needed = {value.name for value in proto.graph.output}
    for index in reversed(range(len(proto.graph.node))):
        node = proto.graph.node[index]
        if needed.isdisjoint(node.output) and len(proto.graph.node) > 1:
            del proto.graph.node[index]
            continue
        needed.update(node.input)
        for attribute in node.attribute:
            needed.update(name for inner in attribute.g.node for name in inner.input)
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in needed]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
