# SPDX-License-Identifier: Apache-2.0
"""A network cut at its quantisers, so that each layer can be run by itself."""

from __future__ import annotations

from collections.abc import Callable

from qopt_mlir.qdialect.errors import node_name
from qopt_mlir.qdialect.q import ConstantOp, QuantizeOp, ThresholdOp
from qopt_mlir.qdialect.reference import Plan, compile_function
from qopt_mlir.qdialect.types import element_type, is_integer_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue


def main_ops(module: ModuleOp) -> tuple[SSAValue, list[Operation], SSAValue]:
    """Input, ops and output of @main, with the functions that it calls written out in a copy."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
    block = Block(arg_types=functions["main"].function_type.inputs.data)

    def written_out(function: FuncOp, values: dict[SSAValue, SSAValue]) -> SSAValue:
        for op in function.body.block.ops:
            if isinstance(op, ReturnOp):
                return values[op.operands[0]]
            if isinstance(op, CallOp):
                callee = functions[op.callee.string_value()]
                arguments = (values[operand] for operand in op.operands)
                values[op.results[0]] = written_out(callee, dict(zip(callee.args, arguments, strict=True)))
            else:
                block.add_op(op.clone(value_mapper=values))
        raise AssertionError("a function returns")

    output = written_out(functions["main"], {functions["main"].args[0]: block.args[0]})
    return block.args[0], list(block.ops), output


def quantised(module: ModuleOp) -> dict[str, Operation]:
    """The op that gives the codes of each quantiser of an activation, by the name of its ONNX node, in order."""
    _, ops, _ = main_ops(module)
    return {str(node_name(op)): op for op in ops if gives_codes(op)}


def gives_codes(op: Operation) -> bool:
    """Whether an op quantises an activation to codes."""
    if not isinstance(op, QuantizeOp | ThresholdOp) or isinstance(op.operands[0].owner, ConstantOp):
        return False
    return is_integer_type(element_type(op.result))


def layer(module: ModuleOp, after: str | None, to: str | None, end: Callable[[Operation], SSAValue]) -> Plan:
    """A plan from the codes of the quantiser `after` (None: the input) to a value at the quantiser `to`.

    Args:
        to: None: the output.
        end: the value that is wanted of the op that quantises.
    """
    argument, ops, output = main_ops(module)
    by_name = {str(node_name(op)): op for op in ops if gives_codes(op)}
    start = argument if after is None else by_name[after].results[0]
    wanted = output if to is None else end(by_name[to])
    block = Block(arg_types=[start.type])
    values: dict[SSAValue, SSAValue] = {start: block.args[0]}
    needed = _between(ops, start, wanted)
    for op in ops:
        if op in needed:
            block.add_op(op.clone(value_mapper=values))
    block.add_op(ReturnOp(values[wanted]))
    function = FuncOp("main", ([start.type], [wanted.type]), Region(block))
    return compile_function(ModuleOp([function]))


def _between(ops: list[Operation], start: SSAValue, wanted: SSAValue) -> set[Operation]:
    """The ops that `wanted` depends on, `start` taken as given."""
    needed: set[Operation] = set()
    waiting = [wanted]
    while waiting:
        value = waiting.pop()
        if value is not start and isinstance(value.owner, Operation) and value.owner not in needed:
            needed.add(value.owner)
            waiting += value.owner.operands
    return needed
