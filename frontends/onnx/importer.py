# SPDX-License-Identifier: Apache-2.0
"""ONNX to the graph level of the q dialect: inputs, outputs and the order of the ops; `walk` imports the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    Float32Type,
    FunctionType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ...qdialect.errors import QoptError
from ...qdialect.q import QuantizeOp
from ...qdialect.types import RealType, element_type, is_f32, shape_of
from . import ops as ops  # fills the registry
from .datatypes import finn_type, input_type
from .loader import load
from .model import STANDARD_DOMAIN, Dimension, Model, NodeDefinition, TensorInfo
from .node import INT64, LARGEST_TENSOR, GraphBuilder, Node, remove_views, source_of, value_name
from .walk import import_nodes


def import_onnx(
    source: str | Path | bytes, *, shapes: Mapping[str, tuple[int, ...]] | None = None, name: str | None = None
) -> ModuleOp:
    """An ONNX model as q ops in `@main`, for one frame.

    Args:
        source: path or contents of an .onnx file.
        shapes: shapes of inputs that the file leaves open, or whose first dimension is a batch.
        name: what messages call the model; default the file's name.

    Raises: QoptError for every model that is damaged or not supported.
    """
    model = load(source, name)
    _refuse_unknown_names(model, shapes or {})
    types = [_input_type(info, model, shapes or {}) for info in model.inputs]
    block = Block(arg_types=types)
    builder = GraphBuilder(model, block, _batch(model.inputs, types))
    for info, argument in zip(model.inputs, block.args, strict=True):
        argument.name_hint = value_name(info.name)
        builder.values[info.name] = argument
        if info.element_type != "FLOAT":
            builder.integers[argument] = input_type(info.element_type) or INT64
    import_nodes(builder)
    results = [source_of(_result(info, builder)) for info in model.outputs]
    remove_views(block)
    _sort(block, results)
    block.add_op(ReturnOp(*results))
    function = FuncOp(
        "main",
        FunctionType.from_lists(types, [result.type for result in results]),
        Region(block),
        arg_attrs=_names(model.inputs),
        res_attrs=_names(model.outputs),
    )
    return ModuleOp([function])


def _names(infos: Sequence[TensorInfo]) -> ArrayAttr[DictionaryAttr]:
    return ArrayAttr([DictionaryAttr({"q.name": StringAttr(info.name)}) for info in infos])


# inputs and outputs


def _refuse_unknown_names(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    names = [info.name for info in model.inputs]
    for name in shapes:
        if name not in names:
            raise QoptError(f"the model has no input '{name}'", model.file, f"its inputs are {', '.join(names)}")


def _input_type(info: TensorInfo, model: Model, shapes: Mapping[str, tuple[int, ...]]) -> TensorType[Attribute]:
    type_ = input_type(info.element_type)
    if type_ is None:
        mend = "convert the model to float32 or integer inputs"
        raise QoptError(f"input '{info.name}' has element type {info.element_type}", model.file, mend)
    if is_f32(type_):
        type_ = finn_type(model.datatypes.get(info.name)) or type_
    shape = _input_shape(info, model.file, shapes.get(info.name))
    if prod(shape) > LARGEST_TENSOR:
        raise QoptError(f"input '{info.name}' of shape {list(shape)} is too large", model.file, "correct the shape")
    return TensorType(type_, shape)


def _input_shape(info: TensorInfo, file: str, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of one frame: as given, else as declared, with 1 for an open batch dimension.

    A file does not say whether a fixed first dimension counts frames: it is kept, as the network computes with it.
    """
    declared = None if info.shape is None else info.shape
    if given is not None:
        return _given_shape(info, file, given)
    shape: tuple[Dimension, ...] | None = declared
    if shape is not None and shape and not isinstance(shape[0], int):
        shape = (1, *shape[1:])
    sizes = None if shape is None else [size for size in shape if isinstance(size, int)]
    if shape is None or sizes is None or len(sizes) != len(shape):
        raise QoptError(f"input '{info.name}' has the open shape {_shown(declared)}", file, _shape_option(info, shape))
    if min(sizes, default=1) < 1:
        raise QoptError(f"input '{info.name}' has the shape {_shown(shape)}", file, "every size is at least 1")
    return tuple(sizes)


def _given_shape(info: TensorInfo, file: str, given: tuple[int, ...]) -> tuple[int, ...]:
    declared = info.shape
    fits = declared is None or len(declared) == len(given)
    if declared is not None and fits:
        fits = all(not isinstance(old, int) or old == new for old, new in zip(declared[1:], given[1:], strict=True))
    if not fits or min(given, default=1) < 1:
        what = f"shape {list(given)} given for input '{info.name}' does not fit its shape {_shown(declared)}"
        raise QoptError(what, file, "give the same number of dimensions, and change only open ones and the batch")
    return given


def _batch(infos: Sequence[TensorInfo], types: Sequence[TensorType[Attribute]]) -> int:
    """How many frames the file computes at once where one is asked for, else 1."""
    pairs = [(info.shape[0], type_.get_shape()[0]) for info, type_ in zip(infos, types, strict=True) if info.shape]
    batches = {declared for declared, given in pairs if isinstance(declared, int) and given == 1 < declared}
    return batches.pop() if len(batches) == 1 else 1


def _shown(shape: Sequence[Dimension] | None) -> str:
    return "unknown" if shape is None else "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def _shape_option(info: TensorInfo, shape: Sequence[Dimension] | None) -> str:
    sizes = ("1", "3", "32", "32") if shape is None else [str(s) if isinstance(s, int) else "N" for s in shape]
    return f"pass --shape {info.name}={','.join(sizes)}"


def _result(info: TensorInfo, builder: GraphBuilder) -> SSAValue:
    """A graph output as a value of the IR: float32 where ONNX has that for a real number without hardware format."""
    file = builder.model.file
    name = next((node.name for node in builder.model.nodes if info.name in node.outputs), info.name)
    node = Node(NodeDefinition(name, STANDARD_DOMAIN, "Identity", (info.name,), (), {}, None), builder)
    value = node.operand(0)
    if isinstance(element_type(value), RealType) and info.element_type != "DOUBLE":
        value = node.emit(QuantizeOp(value, Float32Type()))
    declared, actual = info.shape or (), shape_of(value)  # exporters that do not know a shape may declare an empty one
    pairs = zip(declared[1:], actual[1:], strict=False)
    if declared and (len(declared) != len(actual) or any(isinstance(old, int) and old != new for old, new in pairs)):
        what = f"output '{info.name}' has shape {list(actual)}, the model declares {_shown(declared)}"
        raise QoptError(what, file, "run shape inference on the model, correct --shape, or remove the declared shape")
    return value


# order


def _sort(block: Block, results: Iterable[SSAValue]) -> None:
    """Keep the ops that results depend on, each in front of its first user: one order for one network.

    What a node writes for a deferred quantiser, and constants, then stand where they are used.
    """
    order: list[Operation] = []
    done: set[Operation] = set()
    stack = [(result.owner, False) for result in reversed(list(results))]
    while stack:
        op, operands_done = stack.pop()
        if not isinstance(op, Operation) or op in done:
            continue
        if operands_done:
            done.add(op)
            order.append(op)
            continue
        stack.append((op, True))
        stack.extend((operand.owner, False) for operand in reversed(op.operands))
    for op in list(block.ops):
        op.detach()
        if op not in done:
            op.drop_all_references()  # else it would count as a user of what it was made from
    for op in order:
        block.add_op(op)
