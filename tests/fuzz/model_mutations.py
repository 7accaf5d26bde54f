# SPDX-License-Identifier: Apache-2.0
"""Random changes of ONNX models: bytes, or attributes, shapes, types, tensors, edges, ops, op sets, cuts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from qopt_mlir.frontends.onnx.registry import IMPORTERS

NUMBERS = [-(1 << 63), -1000, -7, -2, -1, 0, 1, 2, 3, 4, 7, 31, 64, 1 << 20, 1 << 31, 1 << 62]
FLOATS = [0.0, -1.0, 0.5, 1e-30, 1e30, float("nan"), float("inf"), float("-inf"), -0.0, 3.0, 255.0]
STRINGS = [b"", b"\xff\xfe", b"CEIL", b"ROUND", b"FLOOR", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"NOTSET"]
STRINGS += [
    b"linear",
    b"cubic",
    b"reflect",
    b"edge",
    b"INT4",
    b"UINT99999999",
    b"FLOAT32",
    b"BIPOLAR",
    b"ij,jk->ik",
    b"x" * 5000,
]
NAMES = (
    "axis axes perm kernel_shape pads strides dilations group auto_pad ceil_mode keepdims alpha beta to mode epsilon"
)
NAMES += (
    " transA transB num_outputs largest sorted count_include_pad output_padding output_shape exclusive reverse bias"
)
NAMES += " signed narrow rounding_mode out_dtype out_scale out_bias value value_floats allowzero batch_dims"
NAMES += " blocksize coordinate_transformation_mode nearest_mode noop_with_empty_axes select_last_index fmod"
NAMES += " direction equation training_mode saturate block_size data_layout div mul n_levels_out max_num_groups"
NAMES += " then_branch body"
ATTRIBUTES = NAMES.split()
OPS = sorted({(domain, op_type) for domain, op_type in IMPORTERS} | {("", "Loop"), ("", "If"), ("", "Scan")})
OPSETS = [-1, 0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19, 21, 22, 24, 99]
SIZES = [-1, 0, 1, 2, 3, 4, 5, 8, 1 << 16, 1 << 31, 1 << 62]
MAX_TENSOR = 1 << 16  # elements of a tensor that is written anew

Random = random.Random


def graphs(graph: GraphProto) -> list[GraphProto]:
    """The graph and those inside its nodes."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return [graph, *(part for body in inner for part in graphs(body))]


def some_graph(proto: ModelProto, rng: Random) -> GraphProto:
    return rng.choice([graph for graph in graphs(proto.graph) if graph.node])


def some_node(proto: ModelProto, rng: Random) -> NodeProto:
    return rng.choice(list(some_graph(proto, rng).node))


def tensors(proto: ModelProto) -> list[TensorProto]:
    nodes = [node for graph in graphs(proto.graph) for node in graph.node]
    stored = [tensor for graph in graphs(proto.graph) for tensor in graph.initializer]
    return [*stored, *(a.t for node in nodes for a in node.attribute if a.type == AttributeProto.TENSOR)]


def names(proto: ModelProto) -> list[str]:
    graph = proto.graph
    values = [name for node in graph.node for name in (*node.input, *node.output)]
    return [*values, *(value.name for value in graph.input), *(t.name for t in graph.initializer), ""]


def in_list(values: object, rng: Random, choices: Sequence[object]) -> None:
    """Change, add or take out one entry of a repeated field."""
    kind = rng.randrange(4)
    if kind == 0 or not len(values):  # type: ignore[arg-type]
        values.append(rng.choice(choices))  # type: ignore[attr-defined]
    elif kind == 1:
        del values[rng.randrange(len(values))]  # type: ignore
    else:
        values[rng.randrange(len(values))] = rng.choice(choices)  # type: ignore


def attribute_value(proto: ModelProto, rng: Random) -> None:
    candidates = [n for graph in graphs(proto.graph) for n in graph.node if n.attribute]
    node = rng.choice(candidates)
    attribute = rng.choice(list(node.attribute))
    match attribute.type:
        case AttributeProto.INT:
            attribute.i = rng.choice([*NUMBERS, attribute.i + 1, attribute.i - 1])
        case AttributeProto.FLOAT:
            attribute.f = rng.choice(FLOATS)
        case AttributeProto.STRING:
            attribute.s = rng.choice(STRINGS)
        case AttributeProto.INTS:
            in_list(attribute.ints, rng, NUMBERS)
        case AttributeProto.FLOATS:
            in_list(attribute.floats, rng, FLOATS)
        case _:
            attribute.type = rng.randrange(15)


def attribute_set(proto: ModelProto, rng: Random) -> None:
    node = some_node(proto, rng)
    kind = rng.randrange(4)
    if kind == 0 and node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]
    elif kind == 1 and node.attribute:
        rng.choice(list(node.attribute)).name = rng.choice(ATTRIBUTES)
    elif kind == 2 and node.attribute:
        rng.choice(list(node.attribute)).type = rng.randrange(15)
    else:
        values = [rng.choice(NUMBERS), rng.choice(FLOATS), rng.choice(STRINGS), [1, 1], [rng.choice(NUMBERS)], [0.5]]
        node.attribute.append(helper.make_attribute(rng.choice(ATTRIBUTES), rng.choice(values)))


def shape(proto: ModelProto, rng: Random) -> None:
    graph = some_graph(proto, rng)
    value = rng.choice([*graph.input, *graph.input, *graph.output, *graph.value_info])
    dims = value.type.tensor_type.shape.dim
    kind = rng.randrange(5)
    if kind == 0:
        dims.add().dim_value = rng.choice(SIZES)
    elif kind == 1 and dims:
        del dims[rng.randrange(len(dims))]
    elif kind == 2 and dims:
        dims[rng.randrange(len(dims))].dim_param = rng.choice(["N", "", "batch"])
    elif kind == 3:
        value.type.tensor_type.ClearField("shape")
    elif dims:
        dims[rng.randrange(len(dims))].dim_value = rng.choice(SIZES)


def element_type(proto: ModelProto, rng: Random) -> None:
    graph = some_graph(proto, rng)
    value = rng.choice([*graph.input, *graph.input, *graph.output, *graph.value_info])
    value.type.tensor_type.elem_type = rng.choice([1, 2, 3, 6, 7, 9, 10, 11, rng.randrange(30)])


def tensor_data(proto: ModelProto, rng: Random) -> None:
    """Numbers of a tensor: one, or all of them."""
    tensor = rng.choice(tensors(proto))
    array = numpy_helper.to_array(tensor).copy()
    if array.size > MAX_TENSOR or not array.size or array.dtype.kind not in "iufb":
        return
    flat = array.reshape(-1)
    floats = array.dtype.kind == "f"
    number = rng.choice(FLOATS) if floats else rng.choice([0, 1, 2, 3, 4, -1, 7, 100, 127, -128, 1 << 30, 1 << 62])
    with np.errstate(all="ignore"):
        part = slice(None) if rng.random() < 0.3 else slice(*sorted(rng.choices(range(array.size + 1), k=2)))
        flat[part] = np.asarray(number).astype(array.dtype)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def tensor_shape(proto: ModelProto, rng: Random) -> None:
    tensor = rng.choice(tensors(proto))
    kind = rng.randrange(5)
    if kind == 0:
        in_list(tensor.dims, rng, SIZES)
    elif kind == 1:
        tensor.raw_data = rng.randbytes(len(tensor.raw_data)) if rng.random() < 0.5 else tensor.raw_data[:-1]
    elif kind == 2:
        tensor.data_type = rng.randrange(27)
    else:
        array = numpy_helper.to_array(tensor)
        if array.size < MAX_TENSOR and array.dtype.kind in "iufb":
            sizes = [rng.choice([0, 1, 1, 2, 3, 4, *array.shape]) for _ in range(rng.choice([0, 1, 2, 4, array.ndim]))]
            with np.errstate(all="ignore"):
                resized = np.resize(array, sizes) if kind == 3 else array.astype(rng.choice("bhilBHILfdeF?"))
            tensor.CopyFrom(numpy_helper.from_array(resized, tensor.name))


def edge(proto: ModelProto, rng: Random) -> None:
    node = some_node(proto, rng)
    kind, known = rng.randrange(5), names(proto)
    if kind == 0:
        node.input.append(rng.choice(known))
    elif kind == 1 and node.input:
        node.input.pop()
    elif kind == 2 and len(node.input) > 1:
        first, *rest = node.input
        del node.input[:]
        node.input.extend([*rest, first])
    elif node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(known)


def op_type(proto: ModelProto, rng: Random) -> None:
    node = some_node(proto, rng)
    node.domain, node.op_type = rng.choice(OPS)


def opset(proto: ModelProto, rng: Random) -> None:
    rng.choice(list(proto.opset_import)).version = rng.choice(OPSETS)


def rename(proto: ModelProto, rng: Random) -> None:
    """A result, input, output or initialiser under another name, known or new; all uses follow, or none."""
    known = names(proto)
    old, new = rng.choice(known), rng.choice([*known, "new", "a b", '\u00e9\n"%', "n" * 3000])
    everywhere = rng.random() < 0.5
    for node in proto.graph.node:
        for fields in [node.output, node.input] if everywhere else [node.output]:
            for index, name in enumerate(fields):
                if name == old:
                    fields[index] = new
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        if everywhere and value.name == old:
            value.name = new
    some_node(proto, rng).name = rng.choice(["", new, "same"])


def nodes(proto: ModelProto, rng: Random) -> None:
    """Nodes taken out, doubled or in another order."""
    graph = some_graph(proto, rng)
    kind, place = rng.randrange(3), rng.randrange(len(graph.node))
    if kind == 0:
        del graph.node[place]
    elif kind == 1:
        graph.node.add().CopyFrom(graph.node[place])
    else:
        order = list(graph.node)
        rng.shuffle(order)
        del graph.node[:]
        graph.node.extend(order)


def cut(proto: ModelProto, rng: Random) -> None:
    """Other outputs: results from within; sometimes other inputs too."""
    graph = proto.graph
    results = [name for node in graph.node for name in node.output if name]
    if rng.random() < 0.7:
        if rng.random() < 0.7:
            del graph.output[:]
        for name in rng.sample(results, min(len(results), rng.choice([1, 1, 2, 3]))):
            graph.output.append(helper.make_tensor_value_info(name, rng.choice([1, 1, 3, 7]), None))
        return
    name = rng.choice([*results, *(tensor.name for tensor in graph.initializer)])
    sizes = rng.choice([(1, 4), (1, 3, 8, 8), (1,), (), None, (1, 1, 28, 28)])
    graph.input.append(helper.make_tensor_value_info(name, rng.choice([1, 1, 2, 3, 7]), sizes))
    for node in graph.node:
        for index, output in enumerate(node.output):
            if output == name:
                node.output[index] = f"{output}_unused"
    kept = [tensor for tensor in graph.initializer if tensor.name != name]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def annotation(proto: ModelProto, rng: Random) -> None:
    entry = proto.graph.quantization_annotation.add(tensor_name=rng.choice(names(proto)))
    kinds = [
        "INT4",
        "UINT1",
        "BIPOLAR",
        "INT0",
        "FLOAT32",
        "TERNARY",
        "SCALEDINT<8>",
        "FIXED<8,4>",
        "FIXED<0,9>",
        "INT",
    ]
    entry.quant_parameter_tensor_names.add(key="finn_datatype", value=rng.choice(kinds))


CHANGES: list[Callable[[ModelProto, Random], None]] = [
    attribute_value,
    attribute_value,
    attribute_set,
    shape,
    element_type,
    tensor_data,
    tensor_data,
    tensor_shape,
    edge,
    edge,
    op_type,
    opset,
    rename,
    nodes,
    cut,
    cut,
    annotation,
]


def changed(data: bytes, rng: Random) -> bytes:
    """A model with one to three changes; those that protobuf or onnx refuses to make are left out."""
    proto = onnx.load_model_from_string(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        try:
            rng.choice(CHANGES)(proto, rng)
        except (ValueError, IndexError, TypeError, AttributeError, KeyError):
            continue
    return proto.SerializeToString()


def damaged(data: bytes, rng: Random) -> bytes:
    """Bytes with some changed, taken out, doubled or cut off."""
    altered = bytearray(data)
    i, length = rng.randrange(len(data)), rng.choice([1, 4, 100])
    kind = rng.randrange(5)
    if kind == 0:
        for _ in range(rng.choice([1, 2, 8, 64])):
            altered[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        altered[i] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del altered[i : i + length]
    elif kind == 3:
        altered[i:i] = altered[i : i + length]
    else:
        del altered[i:]
    return bytes(altered)


def mutated(data: bytes, rng: Random) -> bytes:
    """The bytes of a model, mostly changed as a model, seldom as bytes."""
    if rng.random() < 0.2:
        return damaged(data, rng)
    return changed(data, rng)
