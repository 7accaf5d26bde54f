# SPDX-License-Identifier: Apache-2.0
"""The hardware part of a module: the function @hardware, a chain of units from its argument to its result."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue

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


def unit_chain(function: FuncOp) -> list[UnitOp]:
    """Its units in stream order; QoptError if they are not one chain from the only argument to the only result."""
    arguments = function.body.block.args
    results = function.function_type.outputs.data
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
    value: SSAValue = arguments[0]
    while True:
        user = _only_user(value, function)
        if isinstance(user, ReturnOp):
            break
        units.append(user)
        value = user.result
    _check_complete(function, units)
    return units


def _only_user(value: SSAValue, function: FuncOp) -> UnitOp | ReturnOp:
    users = [use.operation for use in value.uses]
    if len(users) != 1:
        raise QoptError(
            f"a stream of @{function.sym_name.data} has {len(users)} users, hardware streams have one",
            value.owner if isinstance(value.owner, UnitOp) else function,
            "compute what both need on the host, or remove the unused part",
        )
    user = users[0]
    if not isinstance(user, UnitOp | ReturnOp):
        raise QoptError(f"{user.name} is not a hardware unit", user, "run q-convert-to-dataflow")
    return user


def _check_complete(function: FuncOp, units: list[UnitOp]) -> None:
    for op in function.body.block.ops:
        if op not in units and not isinstance(op, ConstantOp | ReturnOp):
            raise QoptError(f"{op.name} is not part of the chain of units", op, "remove it")


def check_lanes(units: list[UnitOp]) -> None:
    """QoptError if a unit takes other lanes than its stream has."""
    for unit in units:
        if unit.input_lanes != unit.input_type.lanes:
            raise QoptError(
                f"{unit.name} takes {unit.input_lanes} lanes, its stream has {unit.input_type.lanes}",
                unit,
                "run q-insert-width-converters",
            )
