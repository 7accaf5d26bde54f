# SPDX-License-Identifier: Apache-2.0
"""One walk over @main, and over what it calls: each op becomes the nodes that its exporter writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onnx import ModelProto, helper
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation, OpResult, SSAValue

from ...passes.remarks import remark
from ...qdialect.errors import QoptError
from ...qdialect.q import ConstantOp
from ...qdialect.reference.boundary import argument_names, result_names
from ...qdialect.types import element_type, shape_of
from ..interface import function
from . import ops as ops  # fills the registry
from .context import Bound, Context, Scope, Style
from .graph import Graph, Tensor
from .numbers import DType, carrier, is_rounded
from .quantizers import ScaledQuantizer, scaled_quantizers
from .registry import exporter_of


def export(module: ModuleOp, style: Style, real: DType) -> ModelProto:
    """@main of a graph- or typed-level module as an ONNX model; QoptError for what the file cannot say.

    Args:
        real: the float type of `!q.real`.
    """
    main = function(module, "main")
    graph = Graph()
    inputs = [
        Tensor(graph.values.unique(name), carrier(argument, main, real), shape_of(argument))
        for name, argument in zip(argument_names(main), main.args, strict=True)
    ]
    names = [graph.values.unique(name) for name in result_names(main)]
    exporter = _Exporter(module, Scope(graph, style, real))
    results = exporter.function(main, inputs, names)
    return graph.model(inputs, [exporter.output(*pair) for pair in zip(results, names, strict=True)])


class _Exporter:
    def __init__(self, module: ModuleOp, scope: Scope):
        self.module = module
        self.scope = scope
        self.wishes: dict[SSAValue, str] = {}  # values that are outputs of the model, and their names

    def function(self, function: FuncOp, arguments: Sequence[Bound], names: Sequence[str | None]) -> list[SSAValue]:
        """Write a function out; gives the values that it returns, of which some are outputs with `names`."""
        self.scope.bound.update(zip(function.args, arguments, strict=True))
        returned = function.body.block.last_op
        assert isinstance(returned, ReturnOp)
        for value, name in zip(returned.operands, names, strict=True):
            if name is not None and isinstance(value, OpResult):
                self.wishes.setdefault(value, name)
        fused = scaled_quantizers(function.body.block, self.scope.style)
        for op in function.body.block.ops:
            if op is not returned:
                self.op(op, fused)
        return list(returned.operands)

    def op(self, op: Operation, fused: dict[Operation, ScaledQuantizer | None]) -> None:
        if isinstance(op, ConstantOp):
            self.scope.bound[op.result] = op.value
        elif isinstance(op, CallOp):
            self.call(op)
        elif op in fused:
            quantizer = fused[op]
            if quantizer is not None:
                self.bind(op, Context(op, self.scope), lambda context: quantizer.export(context))
        else:
            write = exporter_of(type(op))
            if write is None:
                mend = "export the graph or the typed level: -p q-to-typed at most"
                raise QoptError(f"{op.name} has no form in ONNX", op, mend)
            self.bind(op, Context(op, self.scope), lambda context: write(op, context))

    def call(self, op: CallOp) -> None:
        callee = function(self.module, op.callee.string_value())
        arguments = [self.scope.bound[operand] for operand in op.operands]
        results = self.function(callee, arguments, [self.wishes.get(result) for result in op.results])
        for result, value in zip(op.results, results, strict=True):
            self.scope.bound[result] = self.scope.bound[value]

    def bind(self, op: Operation, context: Context, write: Callable[[Context], Tensor | Sequence[Tensor]]) -> None:
        """Write an op's nodes; name them, and the results, after the op."""
        written = write(context)
        tensors = [written] if isinstance(written, Tensor) else list(written)
        for value, tensor in zip(op.results, tensors, strict=True):
            dtype = context.carrier(value)
            if is_rounded(value):
                remark(op, f"the numbers of {element_type(value)} are exact in the file below 2^53 only")
            if tensor.dtype != dtype:
                to = helper.np_dtype_to_tensor_dtype(dtype)
                tensor = context.node("Cast", tensor, dtype=dtype, attributes={"to": to})
            self.scope.bound[value] = self.named(value, tensor, context)
        context.name_nodes()

    def named(self, value: SSAValue, tensor: Tensor, context: Context) -> Tensor:
        """The tensor of a result under its own name, if the op's own nodes make it."""
        if not any(tensor.name in node.output for node in context.nodes):
            return tensor
        names = context.graph.values
        name = self.wishes.get(value) or names.unique(value.name_hint or context.name)
        return context.graph.rename(tensor, name, context.nodes)

    def output(self, value: SSAValue, name: str) -> Tensor:
        """The graph output `name`: an identity where the value has another name."""
        op = value.owner if isinstance(value.owner, Operation) else self.module
        context = Context(op, self.scope)
        tensor = context.tensor(value)
        if tensor.name == name:
            return tensor
        result = context.node("Identity", tensor)
        context.name = name
        context.name_nodes()
        return context.graph.rename(result, name, context.nodes)
