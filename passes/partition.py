# SPDX-License-Identifier: Apache-2.0
"""Divide @main into what the host does before the hardware, the hardware, and what the host does after it.

Before:
    func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
      %q = q.quantize %x ...
      %a = q.matmul %q, %w ...
      %y = q.mul %a, %s ...
      return %y
After:
    func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
      %0 = call @host_before(%x)
      %1 = call @hardware(%0)
      %2 = call @host_after(%1)
      return %2
    func.func private @host_before ... @hardware ... @host_after ...

Exact: the same ops on the same values, in three functions.
Needs: matrix products of integers with constant weights, and nothing but integer ops between them.
Keeps: names, locations, types of @main.   Leaves: nothing; a module that has @hardware already is not touched.
Everything that stands in the way is reported at once.
Several values that leave the hardware become one vector, for one stream; @host_after cuts it apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ..qdialect.q import ConstantOp
from .hardware_division import Division, ancestors, descendants, divide
from .hardware_support import argument_name, result_name
from .joined_outputs import join_outputs
from .rewriting import at, function_named, with_proof


def _used(ops: Iterable[Operation], more: Iterable[SSAValue] = ()) -> list[SSAValue]:
    """Values that `ops` take from outside, constants excepted, in order of first use."""
    ops = list(ops)
    inside = {result for op in ops for result in op.results}
    used = dict.fromkeys([operand for op in ops for operand in op.operands] + list(more))
    return [value for value in used if value not in inside and not isinstance(value.owner, ConstantOp)]


def _function(
    name: str,
    ops: Sequence[Operation],
    inputs: Sequence[SSAValue],
    outputs: Sequence[SSAValue],
    names: tuple[Sequence[str] | None, Sequence[str] | None],
) -> FuncOp:
    """A private function of clones of `ops` and of the constants that they use."""
    block = Block(arg_types=[value.type for value in inputs])
    mapping: dict[SSAValue, SSAValue] = {}
    for argument, value in zip(block.args, inputs, strict=True):
        argument.name_hint, argument.location = value.name_hint, argument.location
        mapping[value] = argument
    for op in ops:
        _clone_constants(op.operands, block, mapping)
        block.add_op(with_proof(op, op.clone(mapping)))
    _clone_constants(outputs, block, mapping)
    block.add_op(ReturnOp(*(mapping[value] for value in outputs)))
    types = ([value.type for value in inputs], [value.type for value in outputs])
    attributes = [ArrayAttr([_named(name) for name in part]) if part is not None else None for part in names]
    return FuncOp(name, types, Region(block), "private", arg_attrs=attributes[0], res_attrs=attributes[1])


def _clone_constants(values: Iterable[SSAValue], block: Block, mapping: dict[SSAValue, SSAValue]) -> None:
    for value in values:
        if value not in mapping and isinstance(value.owner, ConstantOp):
            block.add_op(value.owner.clone(mapping))


def _named(name: str) -> DictionaryAttr:
    return DictionaryAttr({"q.name": StringAttr(name)})


def _input_names(main: FuncOp, values: Sequence[SSAValue]) -> list[str]:
    """For each value the input of the model that it is made from; distinct."""
    ops = list(main.body.block.ops)
    names = list[str]()
    for value in values:
        used = {value}
        if isinstance(value.owner, Operation):
            used |= {operand for op in ancestors([value.owner], ops) | {value.owner} for operand in op.operands}
        roots = [argument_name(item) for item in used if isinstance(item, BlockArgument)]
        names.append(roots[0] if len(roots) == 1 else value.name_hint or "input")
    return _distinct(names)


def _output_names(main: FuncOp, values: Sequence[SSAValue]) -> list[str]:
    """For each value the output of the model that it makes; distinct."""
    ops = list(main.body.block.ops)
    returned = list(ops[-1].operands)
    names = list[str]()
    for value in values:
        users = [use.operation for use in value.uses]
        made = {value, *(result for op in descendants(users, ops) | set(users) for result in op.results)}
        ends = [result_name(main, index) for index, item in enumerate(returned) if item in made]
        names.append(ends[0] if len(ends) == 1 else value.name_hint or "output")
    return _distinct(names)


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.index(name) == index else f"{name}_{index}" for index, name in enumerate(names)]


def _model_names(main: FuncOp) -> tuple[list[str], list[str]]:
    arguments = [argument_name(argument) for argument in main.args]
    return arguments, [result_name(main, index) for index in range(len(main.function_type.outputs))]


def _split(module: ModuleOp, main: FuncOp, division: Division) -> None:
    block = main.body.block
    returned = list(block.last_op.operands) if block.last_op else []
    made_in_hardware = {result for op in division.hardware for result in op.results}
    hardware_in = _used(division.hardware)
    after_in = _used(division.after, [value for value in returned if value not in _made(division.after)])
    hardware_out = [value for value in after_in if value in made_in_hardware]
    past = [value for value in after_in if value not in made_in_hardware]
    between = list(dict.fromkeys([*hardware_in, *past]))
    inputs, outputs = _model_names(main)
    names = (_input_names(main, hardware_in), _output_names(main, hardware_out))
    functions = [
        _function("host_before", division.before, list(main.args), between, (inputs, None)),
        _function("hardware", division.hardware, hardware_in, hardware_out, names),
        _function("host_after", division.after, [*hardware_out, *past], returned, (None, outputs)),
    ]
    for op in functions:
        module.body.block.add_op(at(op, main))
    calls = [
        CallOp("host_before", main.args, [value.type for value in between]),
        CallOp("hardware", hardware_in, [value.type for value in hardware_out]),
        CallOp("host_after", [*hardware_out, *past], [value.type for value in returned]),
    ]
    _become_calls(block, calls, [between, hardware_out, returned])


def _become_calls(block: Block, calls: Sequence[CallOp], results: Sequence[Sequence[SSAValue]]) -> None:
    """Replace the ops of @main by the calls, whose operands and results stand for values of the old ops."""
    now: dict[SSAValue, SSAValue] = {argument: argument for argument in block.args}
    for call, values in zip(calls, results, strict=True):
        call.operands = [now[operand] for operand in call.operands]
        for value, result in zip(values, call.results, strict=True):
            result.name_hint = value.name_hint
            now[value] = result
    for op in reversed(list(block.ops)):
        op.detach()
        op.erase(safe_erase=False)  # constants may stand behind the ops that use them
    block.add_ops([*calls, ReturnOp(*calls[-1].results)])


def _made(ops: Iterable[Operation]) -> set[SSAValue]:
    return {result for op in ops for result in op.results}


@dataclass(frozen=True)
class PartitionPass(ModulePass):
    """Divide @main into host_before, hardware and host_after."""

    name = "q-partition"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = function_named(op, "main")
        if main is None or function_named(op, "hardware") is not None:
            return
        _split(op, main, join_outputs(divide(main)))
