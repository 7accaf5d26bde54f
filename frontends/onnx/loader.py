# SPDX-License-Identifier: Apache-2.0
"""Reading ONNX files. Only this module, `inlining` and `expansion` import onnx and touch protobuf messages."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from ...qdialect.errors import QoptError
from .inlining import inline_functions
from .model import STANDARD_DOMAIN, Array, AttributeValue, Dimension, Model, NodeDefinition, TensorInfo, place

OLDEST_OPSET = 6
ELEMENTS_PER_ITEM = 4  # elements of two bits in a byte
_DAMAGED = "export the model again, or fetch the file again: it may be damaged"


def load(source: str | Path | bytes, name: str | None = None) -> Model:
    """Read and check a model. Raises QoptError for everything that is wrong with the file."""
    file = name or ("model" if isinstance(source, bytes) else Path(source).name)
    proto = _parse(source, file)
    try:
        return _model(proto, file)
    except UnicodeError:
        raise QoptError("a name in the model is not UTF-8 text", file, _DAMAGED) from None


def _parse(source: str | Path | bytes, file: str) -> ModelProto:
    folder = None
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        folder = str(path.parent)
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else fault
            raise QoptError(f"cannot read '{path}': {reason}", mend="check the path") from None
    try:
        proto = onnx.load_model_from_string(data)
    except Exception:
        mend = "give a complete .onnx file; IR text has the suffix .mlir"
        raise QoptError(f"not an ONNX model, or a truncated one ({len(data)} bytes)", file, mend) from None
    if not proto.HasField("graph") or not proto.graph.output:
        raise QoptError("the file holds no ONNX graph with outputs", file, "give a complete .onnx file")
    proto = inline_functions(proto, file)
    _load_external_data(proto, folder, file)
    return proto


def _load_external_data(proto: ModelProto, folder: str | None, file: str) -> None:
    if folder is None:
        outside = [t.name for t in proto.graph.initializer if t.data_location == TensorProto.EXTERNAL]
        if not outside:
            return
        mend = "import the model by its path, or save it with its data inside"
        raise QoptError(f"initialiser '{outside[0]}' is stored in another file", file, mend)
    try:
        onnx.load_external_data_for_model(proto, folder)
    except Exception as fault:
        mend = "put the data file beside the model, under the name that the model gives"
        raise QoptError(f"external data of the model cannot be read: {first_line(fault)}", file, mend) from None


def _model(proto: ModelProto, file: str) -> Model:
    model = _graph(proto.graph, _opsets(proto, file), file)
    _check_names(model, frozenset())
    return model


def _graph(graph: GraphProto, opsets: dict[str, int], file: str, inside: bool = False) -> Model:
    """A graph of the model, or one inside a node; names unchecked."""
    if graph.sparse_initializer:
        raise QoptError("sparse initialisers are not supported", file, "store the weights as dense tensors")
    initializers = {
        _text(tensor.name): _array(tensor, f"initialiser '{tensor.name}' of {file}") for tensor in graph.initializer
    }
    if len(initializers) != len(graph.initializer):
        raise QoptError("two initialisers have the same name", file, _DAMAGED)
    nodes = tuple(node_of(node, opsets, file) for node in graph.node)
    info = _inner_info if inside else _tensor_info
    inputs = tuple(info(value, file) for value in graph.input if value.name not in initializers)
    outputs = tuple(info(value, file) for value in graph.output)
    return Model(file, opsets, inputs, outputs, initializers, nodes, _datatypes(graph))


def _opsets(proto: ModelProto, file: str) -> dict[str, int]:
    opsets = {_domain(_text(entry.domain)): entry.version for entry in proto.opset_import}
    opset, newest = opsets.get(STANDARD_DOMAIN), onnx.defs.onnx_opset_version()
    if opset is None:
        raise QoptError("the model names no ONNX opset", file, _DAMAGED)
    if opset < OLDEST_OPSET:
        mend = f"convert the model to opset {OLDEST_OPSET} or newer (onnx.version_converter)"
        raise QoptError(f"opset {opset} is older than {OLDEST_OPSET}", file, mend)
    if opset > newest:
        mend = "pip install -U onnx, or export the model with an older opset"
        raise QoptError(f"opset {opset} is newer than {newest}, the newest that the installed onnx knows", file, mend)
    return opsets


def _text(name: str | bytes) -> str:
    """A name of the model; protobuf gives one that is not UTF-8 as bytes, or refuses it when it is looked at."""
    if isinstance(name, bytes):
        raise UnicodeError
    return name


def _domain(name: str) -> str:
    return STANDARD_DOMAIN if name == "ai.onnx" else name


def _array(tensor: TensorProto, where: str) -> Array:
    try:
        if any(size < 0 for size in tensor.dims):
            raise ValueError(f"negative dimension in {list(tensor.dims)}")
        if prod(tensor.dims) > ELEMENTS_PER_ITEM * _stored_items(tensor):  # some versions of onnx would invent the rest
            raise ValueError(f"the file holds less data than shape {list(tensor.dims)} needs")
        return onnx.numpy_helper.to_array(tensor)
    except Exception as fault:
        raise QoptError(f"a tensor cannot be read: {first_line(fault)}", where, _DAMAGED) from None


def _stored_items(tensor: TensorProto) -> int:
    """Bytes, or entries of the lists by type, in which the tensor's elements are stored."""
    integers = len(tensor.int32_data) + len(tensor.int64_data) + len(tensor.uint64_data)
    return len(tensor.raw_data) + len(tensor.float_data) + len(tensor.double_data) + integers + len(tensor.string_data)


def node_of(node: NodeProto, opsets: dict[str, int], file: str) -> NodeDefinition:
    """A node as plain data."""
    inputs, outputs = (tuple(map(_text, names)) for names in (node.input, node.output))
    node.domain = _domain(_text(node.domain))
    op_type = _text(node.op_type)
    name = _text(node.name) or "_".join([op_type, *outputs[:1]])
    bare = NodeDefinition(name, node.domain, op_type, inputs, outputs, {}, node)
    for attribute in node.attribute:
        bare.attributes[_text(attribute.name)] = _attribute(attribute, opsets, place(bare, file), file)
    return bare


def _attribute(attribute: AttributeProto, opsets: dict[str, int], where: str, file: str) -> AttributeValue:
    kinds = AttributeProto
    match attribute.type:
        case kinds.FLOAT:
            return attribute.f
        case kinds.INT:
            return attribute.i
        case kinds.STRING:
            return attribute.s.decode(errors="replace")
        case kinds.TENSOR:
            return _array(attribute.t, where)
        case kinds.FLOATS:
            return list(attribute.floats)
        case kinds.INTS:
            return list(attribute.ints)
        case kinds.GRAPH:
            return _graph(attribute.g, opsets, file, inside=True)
        case _:
            return None


def _inner_info(value: ValueInfoProto, file: str) -> TensorInfo:
    """Inputs and outputs of a graph inside a node need no type."""
    return TensorInfo(_text(value.name), "UNDEFINED", None)


def _tensor_info(value: ValueInfoProto, file: str) -> TensorInfo:
    name = _text(value.name)
    if not value.type.HasField("tensor_type"):
        raise QoptError(f"'{name}' is not a tensor", file, "only tensors can enter and leave the network")
    tensor = value.type.tensor_type
    try:
        element_type = TensorProto.DataType.Name(tensor.elem_type)
    except ValueError:
        raise QoptError(f"'{name}' has the unknown element type {tensor.elem_type}", file, _DAMAGED) from None
    if not tensor.HasField("shape"):
        return TensorInfo(name, element_type, None)
    dimensions: list[Dimension] = []
    for dimension in tensor.shape.dim:
        dimensions.append(
            dimension.dim_value if dimension.HasField("dim_value") else _text(dimension.dim_param) or None
        )
    return TensorInfo(name, element_type, tuple(dimensions))


def _datatypes(graph: GraphProto) -> dict[str, str]:
    return {
        _text(annotation.tensor_name): _text(entry.value)
        for annotation in graph.quantization_annotation
        for entry in annotation.quant_parameter_tensor_names
        if entry.key == "finn_datatype"
    }


def _check_names(model: Model, outside: frozenset[str]) -> None:
    """Every value is defined once, and before it is used; graphs inside nodes see the names defined `outside`."""
    defined = {*outside, *model.initializers, *(info.name for info in model.inputs)}
    for node in model.nodes:
        where = place(node, model.file)
        for body in node.bodies:
            _check_names(body, frozenset(defined))
        for name in node.inputs:
            if name and name not in defined:
                mend = f"add the initialiser or input '{name}', or sort the nodes by their order of execution"
                raise QoptError(f"'{name}' is neither an input, an initialiser nor an earlier result", where, mend)
        for name in filter(None, node.outputs):
            if name in defined:
                raise QoptError(f"'{name}' is defined a second time", where, "rename one of the two values")
            defined.add(name)
    for info in model.outputs:
        if info.name not in defined:
            mend = "remove the output, or add the node that computes it"
            raise QoptError(f"output '{info.name}' is not computed by any node", model.file, mend)


def check_node(node: NodeDefinition, opsets: dict[str, int]) -> str | None:
    """What the ONNX standard finds wrong with a node of the standard domain, or None."""
    if not onnx.defs.has(node.op_type):  # others put their ops into the standard domain too
        return None
    context = onnx.checker.C.CheckerContext()
    context.ir_version = 7
    context.opset_imports = opsets
    try:
        onnx.checker.check_node(node.proto, context)
    except Exception as fault:
        return first_line(fault)
    return None


def evaluate(node: NodeDefinition, opsets: dict[str, int], inputs: Sequence[Array | None]) -> list[Array]:
    """Results of a standard node on constants, by onnx's own reference. Raises ValueError with a reason."""
    from onnx.reference import ReferenceEvaluator

    graph = GraphProto(name="constant")
    graph.node.append(node.proto)
    given = {name: array for name, array in zip(node.inputs, inputs, strict=True) if array is not None}
    graph.input.extend(ValueInfoProto(name=name) for name in given)
    graph.output.extend(ValueInfoProto(name=name) for name in filter(None, node.outputs))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results: Iterable[Any] = ReferenceEvaluator(graph, opsets=opsets).run(None, given)
    except Exception as fault:
        raise ValueError(first_line(fault)) from None
    computed = iter(results)
    return [np.asarray(next(computed)) if name else np.empty(0) for name in node.outputs]


def first_line(fault: Exception) -> str:
    """The gist of a third party's exception."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0][:300]
