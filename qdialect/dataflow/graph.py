# SPDX-License-Identifier: Apache-2.0
"""The hardware part of a module: the function @hardware, a graph of units from its argument to its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from ..errors import QoptError
from ..q.constant import ConstantOp
from .types import StreamType
from .unit import UnitOp

HARDWARE = "hardware"  # name of the function that becomes hardware


def hardware_function(module: ModuleOp) -> FuncOp:
    """The function @hardware; QoptError if there is none or if it has no body."""
    for op in module.body.block.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == HARDWARE and op.body.blocks:
            return op
    raise QoptError(
        f"the module has no function @{HARDWARE}", None, "run q-partition and q-convert-to-dataflow before, or build"
    )


def same_frame(a: Attribute, b: Attribute) -> bool:
    """Whether two types of streams differ in lanes at most."""
    if not isinstance(a, StreamType) or not isinstance(b, StreamType):
        return False
    return a.element_type == b.element_type and a.elements == b.elements


def adopt_returned_lanes(module: ModuleOp) -> None:
    """Let @hardware and its calls have as many lanes as the last unit gives: text that states others was edited."""
    functions = [op for op in module.body.block.ops if isinstance(op, FuncOp) and op.body.blocks]
    for function in functions:
        returned = function.body.blocks[0].last_op
        if function.sym_name.data != HARDWARE or not isinstance(returned, ReturnOp):
            continue
        types, stated = [value.type for value in returned.operands], function.function_type.outputs.data
        if len(types) != len(stated) or not all(map(same_frame, types, stated)):
            continue
        function.function_type = FunctionType.from_lists(list(function.function_type.inputs.data), types)
        for call in module.walk():
            if isinstance(call, CallOp) and call.callee.root_reference.data == HARDWARE:
                for result, type_ in zip(call.results, types, strict=False):
                    if same_frame(result.type, type_) and result.type != type_:
                        Rewriter.replace_value_with_new_type(result, type_)


def unit_graph(function: FuncOp) -> list[UnitOp]:
    """Its units, each behind those that it takes from.

    QoptError unless they lead from the only argument to the only result, and each stream has exactly one user.
    """
    arguments, results = function.body.block.args, function.function_type.outputs.data
    if len(arguments) != 1 or len(results) != 1:
        raise QoptError(
            f"@{function.sym_name.data} has {len(arguments)} inputs and {len(results)} outputs; hardware has one each",
            function,
            "split the network so that one stream goes in and one comes out",
        )
    if not isinstance(arguments[0].type, StreamType):
        raise QoptError(
            f"@{function.sym_name.data} takes {arguments[0].type}, not a stream", function, "run q-convert-to-dataflow"
        )
    units: list[UnitOp] = []
    for op in function.body.block.ops:
        if isinstance(op, UnitOp):
            units.append(op)
        elif not isinstance(op, ConstantOp | ReturnOp):
            raise QoptError(f"{op.name} is not a hardware unit", op, "run q-convert-to-dataflow")
    for stream in (arguments[0], *(stream for unit in units for stream in unit.streams_out)):
        _check_one_user(stream, function)
    return units


def _check_one_user(stream: SSAValue, function: FuncOp) -> None:
    users = len(list(stream.uses))
    if users == 1:
        return
    maker = stream.owner if isinstance(stream.owner, UnitOp) else None
    what = f"the input of @{function.sym_name.data}" if maker is None else f"a result of {maker.name}"
    raise QoptError(
        f"{what} has {users} users, a stream has one",
        maker or function,
        "run q-insert-forks" if users else "remove what nobody takes",
    )


class Source(NamedTuple):
    """Where a stream comes from: output number `output` of the unit at `unit` in the list; -1 is @hardware's input."""

    unit: int
    output: int = 0


def sources(units: Sequence[UnitOp]) -> list[tuple[Source, ...]]:
    """For each unit of a graph where each of its inputs comes from."""
    index = {unit: number for number, unit in enumerate(units)}

    def source(stream: SSAValue) -> Source:
        if isinstance(stream, OpResult) and isinstance(stream.op, UnitOp):
            return Source(index[stream.op], stream.index)
        return Source(-1)

    return [tuple(source(stream) for stream in unit.streams_in) for unit in units]


def check_lanes(units: Sequence[UnitOp]) -> None:
    """QoptError if a unit takes other lanes than its stream has."""
    for unit in units:
        for number, stream in enumerate(unit.operands):
            if isinstance(stream.type, StreamType) and unit.lanes_taken(number) != stream.type.lanes:
                raise QoptError(
                    f"{unit.name} takes {unit.lanes_taken(number)} lanes, its stream has {stream.type.lanes}",
                    unit,
                    "run q-insert-width-converters",
                )
