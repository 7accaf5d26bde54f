# SPDX-License-Identifier: Apache-2.0
"""Composite ops of the ONNX standard as the nodes that define them: LayerNormalization, Gelu, Elu, Attention, ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TensorProto, TypeProto, helper

from .loader import first_line, node_of
from .model import STANDARD_DOMAIN, Model, NodeDefinition, TensorInfo

# attributes whose unknown values the definitions would take for the first of these
CHOICES = {("Gelu", "approximate"): ("none", "tanh")}


def has_body(definition: NodeDefinition, opsets: Mapping[str, int]) -> bool:
    """True if the standard defines the op by other ops."""
    schema = _schema(definition, opsets)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def _schema(definition: NodeDefinition, opsets: Mapping[str, int]) -> Any | None:
    """The `onnx.defs.OpSchema` (whose type stubs lack what is used here) of an op of the standard."""
    if definition.domain != STANDARD_DOMAIN:
        return None
    try:
        return onnx.defs.get_schema(definition.op_type, opsets[STANDARD_DOMAIN], STANDARD_DOMAIN)
    except onnx.defs.SchemaError:
        return None


def expansion(definition: NodeDefinition, model: Model, inputs: Mapping[int, TensorInfo]) -> Model:
    """The body of a composite op; its inputs are those that the node gives. Raises ValueError with a reason.

    Args:
        inputs: by place, ONNX element type and shape of each input that is not left out.
    """
    schema = _schema(definition, model.opsets)
    assert schema is not None
    for (op_type, name), values in CHOICES.items():
        value = definition.attributes.get(name, values[0])
        if op_type == definition.op_type and value not in values:
            raise ValueError(f"{name} is '{value}', not one of {', '.join(values)}")
    types = [_type_proto(inputs.get(index)) for index in range(len(definition.inputs))]
    try:
        function = _function(schema, definition, types, model.opsets[STANDARD_DOMAIN])
    except Exception as fault:
        raise ValueError(first_line(fault)) from None
    if max(inputs, default=-1) >= len(function.input):
        raise ValueError(f"its definition has {len(function.input)} inputs, the node has more")
    opsets = {entry.domain: entry.version for entry in function.opset_import}
    absent = {name for index, name in enumerate(function.input) if index not in inputs}
    given = {attribute.name: attribute for attribute in definition.proto.attribute}
    for attribute in schema.attributes.values():
        if attribute.default_value.name:
            given.setdefault(attribute.name, attribute.default_value)
    nodes: list[NodeDefinition] = []
    for proto in function.node:
        copy = _bound(proto, given, absent)
        copy.name = f"{definition.name}/{copy.op_type}"
        nodes.append(node_of(copy, opsets, model.file))
    formals = tuple(TensorInfo(function.input[index], info.element_type, info.shape) for index, info in inputs.items())
    outputs = tuple(
        TensorInfo(name, "FLOAT", None)
        for name, wanted in zip(function.output, definition.outputs, strict=False)
        if wanted
    )
    return Model(model.file, opsets, formals, outputs, {}, tuple(nodes), {})


def _function(schema: Any, definition: NodeDefinition, types: list[TypeProto], opset: int) -> FunctionProto:
    """The body written for the newest op set that is not newer than the model's; else the oldest there is."""
    if schema.has_function:
        version = _nearest(schema.function_opset_versions, opset)
        return onnx.FunctionProto.FromString(schema.get_function_with_opset_version(version))
    version = _nearest(schema.context_dependent_function_opset_versions, opset)
    serialised = [type_.SerializeToString() for type_ in types]
    body = schema.get_context_dependent_function_with_opset_version(
        version, definition.proto.SerializeToString(), serialised
    )
    if not body:
        raise ValueError("its definition does not cover these operands")
    return onnx.FunctionProto.FromString(body)


def _nearest(versions: list[int], opset: int) -> int:
    return max((version for version in versions if version <= opset), default=min(versions))


def _type_proto(info: TensorInfo | None) -> TypeProto:
    if info is None:
        return TypeProto()
    return helper.make_tensor_type_proto(TensorProto.DataType.Value(info.element_type), info.shape)


def _bound(node: NodeProto, given: Mapping[str, AttributeProto], absent: set[str]) -> NodeProto:
    """A node of the body with the attributes of the composite node put in, and without inputs that it leaves out."""
    copy = NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if attribute.ref_attr_name and attribute.ref_attr_name not in given:
            continue
        bound = copy.attribute.add()
        bound.CopyFrom(given[attribute.ref_attr_name] if attribute.ref_attr_name else attribute)
        bound.name = attribute.name
        if bound.HasField("g"):
            inside = [_bound(inner, given, absent) for inner in bound.g.node]
            del bound.g.node[:]
            bound.g.node.extend(inside)
    for index, name in enumerate(copy.input):
        if name in absent:
            copy.input[index] = ""
    return copy
