# SPDX-License-Identifier: Apache-2.0
"""Which numbers every value of a module can take: one forward walk over SSA, elementwise, exact.

Integer arithmetic by interval corners, so each bound of a matrix product with known weights is reached by some input.
Operands count as independent, but for `x * x` and `x - x`. Proofs written in the IR (`range`) are not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.q import ArgMaxOp, BatchNormOp, QuantizeOp
from ..qdialect.q.inference import constant_of
from ..qdialect.rounding import saturation_range
from ..qdialect.types import RealType, integer_format, is_integer_type
from . import interval
from .interval import Interval
from .range_transfer import transfer_of
from .stream_ranges import stream_interval

Ranges: TypeAlias = dict[SSAValue, Interval]


def analyse(module: ModuleOp) -> Ranges:
    """The interval of every value that has one: not f32, custom floats, and what cannot be bounded.

    A private function that is called once is analysed with what it is called with; else an argument can be anything
    that its type holds.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp) and not op.is_declaration}
    calls = [op for op in module.walk() if isinstance(op, CallOp)]
    called = [op.callee.string_value() for op in calls]
    inlined = {
        name
        for name, function in functions.items()
        if called.count(name) == 1 and function.sym_visibility is not None and function.sym_visibility.data == "private"
    }
    ranges: Ranges = {}
    for name, function in functions.items():
        if name not in inlined:
            _analyse_function(function, {}, functions, inlined, ranges)
    return ranges


def _analyse_function(
    function: FuncOp, arguments: dict[int, Interval], functions: dict[str, FuncOp], inlined: set[str], ranges: Ranges
) -> None:
    for argument in function.body.block.args:
        known = arguments.get(argument.index) or any_of_type(argument)
        if known is not None:
            ranges[argument] = known
    for op in function.body.block.ops:
        if isinstance(op, CallOp):
            callee = functions.get(op.callee.string_value())
            if callee is not None and callee.sym_name.data in inlined:
                given = {i: ranges[operand] for i, operand in enumerate(op.operands) if operand in ranges}
                _analyse_function(callee, given, functions, inlined, ranges)
                _take_results(op, callee, ranges)
                continue
        _analyse_op(op, ranges)


def _take_results(call: CallOp, callee: FuncOp, ranges: Ranges) -> None:
    returned = callee.body.block.last_op
    assert isinstance(returned, ReturnOp)
    for result, value in zip(call.results, returned.operands, strict=True):
        if value in ranges:
            ranges[result] = ranges[value]


def _analyse_op(op: Operation, ranges: Ranges) -> None:
    if op.operands and op.operands[0] in ranges:
        moved = stream_interval(op, [ranges[operand] for operand in op.operands if operand in ranges])
        if moved is not None:
            ranges.update(dict.fromkeys(op.results, moved))
            return
    transfer = transfer_of(op)
    needed = _needed(op)
    types = [getattr(result.type, "element_type", None) for result in op.results]
    exact = all(type_ is not None and (is_integer_type(type_) or isinstance(type_, RealType)) for type_ in types)
    if transfer is not None and exact and all(operand in ranges for operand in needed):
        results = transfer(op, [ranges[operand] for operand in needed])
        ranges.update(zip(op.results, [results] if isinstance(results, Interval) else results, strict=True))
        return
    for result in op.results:
        known = any_of_type(result)
        if known is not None:
            ranges[result] = known


def _needed(op: Operation) -> Sequence[SSAValue]:
    """The operands whose intervals the transfer function of `op` takes."""
    if isinstance(op, ArgMaxOp):
        return []
    if isinstance(op, BatchNormOp) and all(constant_of(parameter) is not None for parameter in op.operands[1:]):
        return [op.input]
    return op.operands


def any_of_type(value: SSAValue) -> Interval | None:
    """Every code that the type holds (and a quantiser leaves); None for types without integer codes."""
    type_ = getattr(value.type, "element_type", None)
    if type_ is None or not is_integer_type(type_):
        return None
    format_ = integer_format(type_)
    owner = value.owner
    narrow = isinstance(owner, QuantizeOp) and owner.narrow
    return interval.whole(saturation_range(format_, narrow), Fraction(2) ** -format_.fraction_bits)
