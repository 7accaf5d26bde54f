# SPDX-License-Identifier: Apache-2.0
"""From a function of any level to a `Plan`.

Constants are converted and ops on constants computed here, once; `func.call` becomes the body of the callee; an array
is dropped after its last use, and overwritten there if the op can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ..attrs import RangeAttr
from ..errors import QoptError
from ..formats import NoCodeError
from ..q import ConstantOp
from ..types import integer_format, is_integer_type
from . import dataflow, q
from .boundary import Boundary, argument_boundaries, result_names
from .bounds import channel_bounds, range_of_bounds
from .executor import Plan, Step, keep_freed_memory
from .merging import merged
from .q.constant import constant_numbers
from .registry import Checked, Compiled, Kernel, meaning_of
from .values import Numbers, intersection, range_of

FINITE = "give the op finite constants"
_FAMILIES = (q, dataflow)  # importing them registers the meanings


@dataclass(frozen=True)
class Call:
    """An op with its operands and results as numbers: the slots of a run."""

    op: Operation
    operands: tuple[int, ...]
    results: tuple[int, ...]


def compile_function(module: ModuleOp, name: str = "main", many_frames: bool = False) -> Plan:
    """Prepare the function `name` of a verified module; QoptError if it has an op that has no meaning here.

    `many_frames`: chains of ops become one step, for runs without a trace. That takes some 20 ms a layer to prove, and
    saves as much in a thousand frames of a layer.
    """
    keep_freed_memory()
    function = _function(module, name, None)
    inputs = argument_boundaries(function)
    flat = _Flattener(module)
    returned = flat.function(function, flat.new_slots(len(inputs)), ())
    builder = _Builder(flat.calls, len(inputs), returned)
    for slot, boundary in enumerate(inputs):
        builder.numbers[slot] = boundary.numbers
    for index, call in enumerate(flat.calls):
        builder.add(index, call)
    outputs = [Boundary(n, builder.numbers[slot]) for n, slot in zip(result_names(function), returned, strict=True)]
    slots = tuple(-1 if builder.numbers[slot].constant is not None else slot for slot in returned)
    quick = merged(builder.steps, returned) if many_frames else None
    return Plan(tuple(inputs), tuple(outputs), tuple(builder.steps), slots, flat.num_slots, quick)


def _function(module: ModuleOp, name: str, user: Operation | None) -> FuncOp:
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
    if name not in functions:
        raise QoptError(f"there is no function @{name}", user, f"the functions are {', '.join(sorted(functions))}")
    if functions[name].is_declaration:
        raise QoptError(f"@{name} has no body", functions[name], "define it")
    return functions[name]


class _Flattener:
    """Numbers the values of a function, and of the functions it calls, and lists their ops in order."""

    def __init__(self, module: ModuleOp):
        self.module = module
        self.calls: list[Call] = []
        self.num_slots = 0

    def new_slots(self, count: int) -> tuple[int, ...]:
        self.num_slots += count
        return tuple(range(self.num_slots - count, self.num_slots))

    def function(self, function: FuncOp, arguments: Sequence[int], callers: tuple[str, ...]) -> tuple[int, ...]:
        """Slots of the results, for arguments in the given slots."""
        name = function.sym_name.data
        if name in callers:
            raise QoptError(f"@{name} calls itself", function, "a network has no recursion; remove the call")
        slot_of: dict[SSAValue, int] = dict(zip(function.body.block.args, arguments, strict=True))
        for op in function.body.block.ops:
            operands = tuple(slot_of[operand] for operand in op.operands)
            if isinstance(op, ReturnOp):
                return operands
            if isinstance(op, CallOp):
                callee = _function(self.module, op.callee.string_value(), op)
                results = self.function(callee, operands, (*callers, name))
            else:
                results = self.new_slots(len(op.results))
                self.calls.append(Call(op, operands, results))
            slot_of.update(zip(op.results, results, strict=True))
        raise QoptError(f"@{name} has no func.return", function, "return the outputs")


class _Builder:
    """Makes the steps, op by op, and keeps what is known of each slot."""

    def __init__(self, calls: Sequence[Call], num_inputs: int, returned: Sequence[int]):
        self.numbers: dict[int, Numbers] = {}
        self.steps: list[Step] = []
        self._owner = _memory_owners(calls)
        self._last_use = {slot: index for index, call in enumerate(calls) for slot in (*call.operands, *call.results)}
        self._last_use |= dict.fromkeys(returned, len(calls))
        self._memory_use: dict[int, int] = {}
        for slot, index in self._last_use.items():
            owner = self._owner.get(slot, slot)
            self._memory_use[owner] = max(index, self._memory_use.get(owner, 0))
        self._memory_use |= dict.fromkeys(range(num_inputs), len(calls) + 1)  # inputs belong to the user

    def add(self, index: int, call: Call) -> None:
        """Compile one op."""
        op, operands = call.op, [self._operand(index, call, slot) for slot in call.operands]
        if isinstance(op, ConstantOp):
            self.numbers[call.results[0]] = constant_numbers(op.value)
        elif operands and all(numbers.constant is not None for numbers in operands):
            results, kernel = _compile(op, [replace(operands[0], constant=None), *operands[1:]])
            self._fold(call, results, kernel, operands[0])
        else:
            results, kernel = _compile(op, operands)
            self.numbers |= zip(call.results, results, strict=True)
            sources = tuple(slot for slot in call.operands if self.numbers[slot].constant is None)
            dropped = tuple(sorted({slot for slot in (*sources, *call.results) if self._last_use[slot] == index}))
            self.steps.append(Step(op, kernel, sources, call.results, dropped, tuple(operands), tuple(results)))

    def _fold(self, call: Call, results: Sequence[Numbers], kernel: Kernel, first: Numbers) -> None:
        """Run an op on constants, as on a single frame."""
        assert first.constant is not None
        try:
            with np.errstate(all="ignore"):
                stored = kernel(first.constant[None])
        except NoCodeError as reason:
            raise QoptError(f"{call.op.name}: {reason}", call.op, FINITE) from None
        for slot, numbers, array in zip(call.results, results, (stored,) if len(results) == 1 else stored, strict=True):
            range_ = None if numbers.range is None else range_of(array)
            self.numbers[slot] = replace(numbers, constant=array[0, ...], range=range_, reusable=False, bounds=None)

    def _operand(self, index: int, call: Call, slot: int) -> Numbers:
        """What is known of an operand, and whether its memory is free after this op."""
        owner = self._owner.get(slot, slot)
        alone = sum(self._owner.get(other, other) == owner for other in call.operands) == 1
        numbers = self.numbers[slot]
        free = alone and numbers.constant is None and self._memory_use[owner] == index
        return replace(numbers, reusable=free)


def _memory_owners(calls: Sequence[Call]) -> dict[int, int]:
    """For results that share memory with an operand: the slot that the memory was made for."""
    owner: dict[int, int] = {}
    for call in calls:
        meaning = meaning_of(call.op)
        if meaning is not None and meaning.view:
            first = call.operands[0]
            owner[call.results[0]] = owner.get(first, first)
    return owner


def _compile(op: Operation, operands: Sequence[Numbers]) -> Compiled:
    """The meaning of an op, held to the ranges that its result types and proofs promise."""
    meaning = meaning_of(op)
    if meaning is None:
        raise QoptError(f"the reference cannot execute {op.name}", op, "lower it to ops of the q or dataflow dialect")
    try:
        with np.errstate(all="ignore"):  # what a constant parameter makes is what it makes at run time
            results, kernel = meaning.build(op, operands)
    except NoCodeError as reason:
        raise QoptError(f"{op.name}: {reason}", op, FINITE) from None
    if len(results) != 1 or not is_integer_type(results[0].element_type):
        return [replace(result, reusable=False, bounds=None) for result in results], kernel
    numbers = replace(results[0], reusable=False, bounds=channel_bounds(op, operands))
    scale, range_ = numbers.exact
    format_ = integer_format(numbers.element_type)
    assert scale == Fraction(2) ** -format_.fraction_bits, (op, scale)
    proof = op.properties.get("range")
    promised = proof.range if isinstance(proof, RangeAttr) else format_.code_range
    known = range_ if numbers.bounds is None else intersection(range_, range_of_bounds(numbers.bounds))
    if known in promised:
        return [replace(numbers, range=known)], kernel
    return [replace(numbers, range=promised)], Checked(op, kernel, promised)
