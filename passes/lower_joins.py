# SPDX-License-Identifier: Apache-2.0
"""Turn a sum or difference of two scaled integers in front of a quantiser into integer arithmetic: branches that join.

Before:
    %0 = q.mul %a, %s : tensor<1x4x!q.ufixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
    %1 = q.mul %b, %t : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
    %2 = q.add %0, %1 : ... -> tensor<1x4x!q.real>
    %3 = q.relu %2 : tensor<1x4x!q.real> -> tensor<1x4x!q.real>
    %y = q.quantize %3 half_even saturate : tensor<1x4x!q.real> -> tensor<1x4x!q.ufixed<8, 0>>
After:
    %0 = q.mul %a, %m : tensor<1x4x!q.ufixed<8, 0>>, ... -> tensor<1x4x!q.ufixed<18, 11>>
    %1 = q.mul %b, %n : tensor<1x4x!q.fixed<8, 0>>, ... -> tensor<1x4x!q.fixed<18, 11>>
    %2 = q.add %0, %1 : ...
    %3 = q.add %2, %c : ...
    %y = q.quantize %3 floor saturate : ... -> tensor<1x4x!q.ufixed<8, 0>>

Exact: the constants are those with the fewest bits that give the right code for every pair of codes, tried one by one.
Needs: scales and offsets between the integers and the sum, and behind it, which differ along one axis at most; relu and
clip behind it, the same for all.
Keeps: every output bit and the type of the result.
Leaves: clips in front of the sum, more than a million pairs (remark).
Codes that are clipped to less than a type holds are clipped behind the quantiser. The second multiplier of a difference
is negative; a branch that repeats its elements is multiplied before it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..qdialect.formats import IntRange, Overflow
from ..qdialect.q import AddOp, MulOp, QuantizeOp, SubOp
from ..qdialect.types import (
    FixedType,
    RealType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    shape_of,
)
from .hardware_support import joins_branches
from .integer_clips import clip_ops
from .join_math import IntegerJoin, Join, integer_joins
from .lower_tails import replace_tail
from .range_analysis import Ranges, RangesOnDemand
from .remarks import remark
from .rewriting import constant
from .tail import Clipped, NoTail, Step, TailSource, compose, quantized, step_of
from .threshold_math import Tail


@dataclass(frozen=True)
class JoinTail:
    """A quantiser as a function of the codes of two integer values: of each channel along `axis`, or one for all.

    The axis counts from the last, -1, as the branches may have fewer of them.
    """

    sources: tuple[SSAValue, SSAValue]
    functions: tuple[Join, ...]
    axis: int


def recognise(op: QuantizeOp, ranges: Ranges) -> JoinTail | None:
    """The sum of two branches in front of a quantiser; None if there is no sum. NoTail says why it is none of these."""
    add, steps = _sum_above(op.input)
    if add is None:
        return None
    if op.overflow is Overflow.WRAP:
        raise NoTail("it wraps", "let the quantiser behind the sum saturate")
    (a, f), (b, g) = (_branch(value, ranges) for value in (add.lhs, add.rhs))
    axes = {axis for step in steps for axis in step.axes}
    axes |= {part.axis - len(shape_of(part.source)) for part, own in ((a, f), (b, g)) if len(own.slope) > 1}
    if len(axes) > 1:
        raise NoTail("constants of the sum differ along more than one axis")
    if isinstance(add, SubOp):
        g = g.then(Step(factor=np.array([Fraction(-1)], dtype=object)))
    function = Clipped(f.slope * 0 + g.slope * 0 + 1, f.offset * 0, f.low + g.low, f.high + g.high)
    for step in steps:
        function = function.then(step.by_channel)
    joins = _joins(quantized(op, function), (a, b), (f, g))
    return JoinTail((a.source, b.source), joins, axes.pop() if axes else -1)


def _joins(tail: Tail, sources: Sequence[TailSource], functions: Sequence[Clipped]) -> tuple[Join, ...]:
    """The function of each channel that the quantiser `tail` makes of the sum of two branches."""
    numbers = [tail.slope, tail.offset, tail.lo, tail.hi, functions[0].offset + functions[1].offset]
    numbers += [end for source in sources for end in (source.amin, source.amax)]
    rows = np.broadcast_arrays(*numbers, *(function.slope for function in functions))
    joins = list[Join]()
    for slope, offset, lo, hi, before, amin, amax, bmin, bmax, a, b in zip(*rows, strict=True):
        codes = (IntRange(int(amin), int(amax)), IntRange(int(bmin), int(bmax)))
        clip = IntRange(int(lo), int(hi))
        joins.append(Join((a * slope, b * slope), before * slope + offset, codes, clip, tail.rounding))
    return tuple(joins)


def _sum_above(value: SSAValue) -> tuple[AddOp | SubOp | None, list[Step]]:
    """The sum or difference of two computed values that `value` is a function of, and the steps from it to `value`."""
    steps, shape = list[Step](), shape_of(value)
    while isinstance(element_type(value), RealType):
        op = value.owner
        if isinstance(op, AddOp | SubOp) and joins_branches(op):
            return op, steps[::-1]
        try:
            before, step = step_of(value)
        except NoTail:
            return None, []
        if shape_of(before) != shape:
            return None, []
        steps.append(step)
        value = before
    return None, []


def _branch(value: SSAValue, ranges: Ranges) -> tuple[TailSource, Clipped]:
    """The integers that a branch scales, and how; NoTail if it clips them as well."""
    for nearest in (False, True):
        source, function = compose(value, ranges, nearest=nearest)
        ends = [function.slope * end + function.offset for end in (source.amin, source.amax)]
        if bool((function.low == np.minimum(*ends)).all() and (function.high == np.maximum(*ends)).all()):
            return source, function
    mend = "put a quantiser behind the ReLU or clip of each branch, in front of the sum"
    raise NoTail("a branch is clipped in front of the sum", mend)


def join_ops(op: QuantizeOp, tail: JoinTail) -> list[Operation]:
    """The ops that replace the quantiser; the last gives its result. NoTail if no integers do."""
    forms, clip = _integer_forms(op, tail.functions)
    shift = forms[0].shift
    type_ = element_type(op.result)
    after = shift + integer_format(type_).fraction_bits

    def number(codes: Sequence[int], fraction_bits: int, hint: str) -> Operation:
        return _number(codes, fraction_bits, -1 - tail.axis, hint)

    products, new = list[SSAValue](), list[Operation]()
    for branch, source in enumerate(tail.sources):
        bits = after - integer_format(element_type(source)).fraction_bits
        multipliers = [form.multipliers[branch] for form in forms]
        if len(set(multipliers)) > 1 and shape_of(source)[tail.axis :][:1] != shape_of(op.result)[tail.axis :][:1]:
            raise NoTail("a branch repeats its elements where scales differ", "give the other branch one scale")
        factor = number(multipliers, bits, "multiplier")
        new += [factor, MulOp(source, factor.results[0])]
        products.append(new[-1].results[0])
    new.append(AddOp(products[0], products[1]))
    addends = [form.addend for form in forms]
    if any(addends):
        term = number(addends, after, "addend")
        new += [term, AddOp(new[-1].results[0], term.results[0])]
    new.append(QuantizeOp(new[-1].results[0], type_, forms[0].rounding))
    return [*new, *clip_ops(new[-1].results[0], clip)] if clip is not None else new


def _integer_forms(op: QuantizeOp, joins: Sequence[Join]) -> tuple[list[IntegerJoin], IntRange | None]:
    """Forms of one shift, and what to clip to where the type does not saturate as they need."""
    type_ = element_type(op.result)
    if not isinstance(type_, FixedType | UFixedType):
        mend = "give both branches one scale, or quantise the sum to 2 bits or more"
        raise NoTail(f"branches with scales of their own give a sum, of which {type_} is the sign", mend)
    forms = None if op.narrow else integer_joins(joins, type_.format.code_range)
    if forms is not None:
        return forms, None
    clip = joins[0].clip
    if any(join.clip != clip for join in joins):
        raise NoTail("a clip differs between channels", "clip all channels to the same bounds")
    forms = integer_joins(joins, clip)
    if forms is None:
        what = f"no integers give the same codes from {clip.lo} to {clip.hi} for all pairs of codes"
        mend = "quantise both branches to 8 bits in front of the sum; or change a scale a little, against ties"
        raise NoTail(what, mend)
    return forms, clip


def _number(codes: Sequence[int], fraction_bits: int, trailing: int, hint: str) -> Operation:
    """A constant of a code for each channel, with `trailing` axes behind; a scalar if all are equal."""
    shape = () if len(set(codes)) == 1 else (-1, *(1,) * trailing)
    array = np.array(codes if shape else codes[:1], dtype=object).reshape(shape)
    new = constant(array, fixed_type(IntRange(min(codes), max(codes)), fraction_bits))
    new.result.name_hint = hint
    return new


def _quantisers(module: ModuleOp) -> Sequence[QuantizeOp]:
    found = [op for op in module.walk() if isinstance(op, QuantizeOp)]
    integer = FixedType | UFixedType
    return [op for op in found if isinstance(element_type(op.result), integer)]


@dataclass(frozen=True)
class LowerJoinsPass(ModulePass):
    """Turn sums of two scaled integers in front of a quantiser into integer arithmetic."""

    name = "q-lower-joins"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        ranges = RangesOnDemand(op)
        for quantiser in reversed(_quantisers(op)):
            try:
                tail = recognise(quantiser, ranges)
                if tail is not None:
                    replace_tail(quantiser, join_ops(quantiser, tail))
            except NoTail as reason:
                remark(quantiser, f"sum of two branches is left as it is: {reason}")
