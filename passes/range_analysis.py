# SPDX-License-Identifier: Apache-2.0
"""Which numbers every value of a module can take: one forward walk over SSA, elementwise, exact.

Networks have no loops, so the worklist is the ops in program order, each once. Integer arithmetic by interval corners,
so each bound of a matrix product with known weights is reached by some input; where operands come from the same values,
affine forms narrow that (`correlations.py`). Proofs written in the IR (`range`) are not believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.q import ArgMaxOp, BatchNormOp, QuantizeOp
from ..qdialect.q.inference import constant_of
from ..qdialect.rounding import saturation_range
from ..qdialect.types import RealType, integer_format, is_integer_type
from . import interval
from .correlations import Correlations
from .interval import Interval
from .range_transfer import transfer_of
from .stream_ranges import stream_interval

Ranges: TypeAlias = Mapping[SSAValue, Interval]


class RangesOnDemand(Mapping[SSAValue, Interval]):
    """The ranges of a module, analysed when the first is asked for: a pass does so before it changes anything."""

    def __init__(self, module: ModuleOp) -> None:
        self._module = module

    @cached_property
    def _found(self) -> Ranges:
        return analyse(self._module)

    def __getitem__(self, value: SSAValue) -> Interval:
        return self._found[value]

    def __iter__(self) -> Iterator[SSAValue]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def analyse(module: ModuleOp) -> Ranges:
    """The interval of every value that has one: not f32, custom floats, and what cannot be bounded.

    A private function that is called once is analysed with what it is called with; else an argument can be anything
    that its type holds.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp) and not op.is_declaration}
    calls = [op for op in module.walk() if isinstance(op, CallOp)]
    called = [op.callee.string_value() for op in calls]
    inlined = {
        name: function
        for name, function in functions.items()
        if called.count(name) == 1 and function.sym_visibility is not None and function.sym_visibility.data == "private"
    }
    known = Correlations()
    for name, function in functions.items():
        if name not in inlined:
            _analyse_function(function, [], inlined, known)
    return known.ranges


def _analyse_function(
    function: FuncOp, operands: Sequence[SSAValue], inlined: Mapping[str, FuncOp], known: Correlations
) -> None:
    """`operands`: what the function is called with, if that is known."""
    known.aliases.update(zip(function.body.block.args, operands, strict=bool(operands)))
    for argument in function.body.block.args:
        given = known.aliases.get(argument)
        found = any_of_type(argument) if given is None else known.ranges.get(given, any_of_type(argument))
        if found is not None:
            known.record(argument, found)
    for op in function.body.block.ops:
        callee = inlined.get(op.callee.string_value()) if isinstance(op, CallOp) else None
        if callee is None:
            _analyse_op(op, known)
            continue
        _analyse_function(callee, op.operands, inlined, known)
        returned = callee.body.block.last_op
        assert isinstance(returned, ReturnOp)
        known.aliases.update(zip(op.results, returned.operands, strict=True))
        for result, value in zip(op.results, returned.operands, strict=True):
            if value in known.ranges:
                known.record(result, known.ranges[value])


def _analyse_op(op: Operation, known: Correlations) -> None:
    found = _intervals(op, known.ranges)
    for result, known_result in zip(op.results, found, strict=True):
        if known_result is not None:
            known.record(result, known_result)
    if len(found) == 1 and found[0] is not None:
        known.ranges[op.results[0]] = known.tightened(op, found[0])


def _intervals(op: Operation, ranges: Ranges) -> Sequence[Interval | None]:
    """What the ranges of its operands alone say of each result of `op`."""
    if op.operands and op.operands[0] in ranges:
        moved = stream_interval(op, [ranges[operand] for operand in op.operands if operand in ranges])
        if moved is not None:
            return [moved] * len(op.results)
    transfer = transfer_of(op)
    needed = _needed(op)
    types = [getattr(result.type, "element_type", None) for result in op.results]
    exact = all(type_ is not None and (is_integer_type(type_) or isinstance(type_, RealType)) for type_ in types)
    if transfer is not None and exact and all(operand in ranges for operand in needed):
        results = transfer(op, [ranges[operand] for operand in needed])
        return [results] if isinstance(results, Interval) else list(results)
    return [any_of_type(result) for result in op.results]


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
