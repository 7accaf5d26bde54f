# SPDX-License-Identifier: Apache-2.0
"""Turn a sum of two scaled integers in front of a quantiser into integer arithmetic: where branches of a network join.

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
Needs: one scale and offset for a tensor, between the integers and the sum, and behind it; relu and clip behind it.
Keeps: every output bit and the type of the result.
Leaves: scales that differ between channels, clips in front of the sum, more than a million pairs (remark).
Codes that are clipped to less than a type holds are counted from the lowest, which is added behind the quantiser.
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

from ..qdialect.formats import IntRange, Overflow, Rounding
from ..qdialect.q import AddOp, MulOp, QuantizeOp
from ..qdialect.types import (
    FixedType,
    RealType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    shape_of,
    tensor_type,
)
from .hardware_support import joins_branches
from .join_math import IntegerJoin, Join, integer_join
from .lower_tails import replace_tail
from .range_analysis import Ranges, analyse
from .remarks import remark
from .retype import fixed_by_interface
from .rewriting import constant
from .tail import Clipped, NoTail, Step, TailSource, compose, quantized, step_of


@dataclass(frozen=True)
class JoinTail:
    """A quantiser as a function of the codes of two integer values."""

    sources: tuple[SSAValue, SSAValue]
    function: Join


def recognise(op: QuantizeOp, ranges: Ranges) -> JoinTail | None:
    """The sum of two branches in front of a quantiser; None if there is no sum. NoTail says why it is none of these."""
    add, steps = _sum_above(op.input)
    if add is None:
        return None
    if shape_of(add.lhs) != shape_of(add.rhs):
        raise NoTail("one branch repeats its elements")
    if op.overflow is Overflow.WRAP:
        raise NoTail("it wraps")
    branches = [compose(value, ranges) for value in (add.lhs, add.rhs)]
    for source, function in branches:
        _check_plain(source, function)
    (a, f), (b, g) = branches
    function = Clipped(f.slope * 0 + 1, f.offset * 0, f.low + g.low, f.high + g.high)
    for step in steps:
        function = function.then(step.by_channel)
    tail = quantized(op, function)
    if len(tail.slope) > 1:
        raise NoTail("a constant behind the sum differs between channels")
    slope: Fraction = tail.slope[0]
    codes = tuple(IntRange(int(source.amin[0]), int(source.amax[0])) for source, _ in branches)
    join = Join(
        (f.slope[0] * slope, g.slope[0] * slope),
        (f.offset[0] + g.offset[0]) * slope + tail.offset[0],
        (codes[0], codes[1]),
        IntRange(int(tail.lo[0]), int(tail.hi[0])),
        tail.rounding,
    )
    return JoinTail((a.source, b.source), join)


def _sum_above(value: SSAValue) -> tuple[AddOp | None, list[Step]]:
    """The sum of two computed values that `value` is a function of, and the steps from it to `value`."""
    steps, shape = list[Step](), shape_of(value)
    while isinstance(element_type(value), RealType):
        op = value.owner
        if isinstance(op, AddOp) and joins_branches(op):
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


def _check_plain(source: TailSource, function: Clipped) -> None:
    """NoTail unless the function is the same for all channels and clips nothing."""
    if len(function.slope) > 1:
        raise NoTail("a scale in front of the sum differs between channels")
    slope, offset = function.slope[0], function.offset[0]
    ends = sorted(slope * end + offset for end in (int(source.amin[0]), int(source.amax[0])))
    if [function.low[0], function.high[0]] != ends:
        raise NoTail("a branch is clipped in front of the sum")


def join_ops(op: QuantizeOp, tail: JoinTail) -> list[Operation]:
    """The ops that replace the quantiser; the last gives its result. NoTail if no integers do."""
    form, type_, base = _integer_form(op, tail.function)
    after = form.shift + integer_format(type_).fraction_bits
    products, new = list[SSAValue](), list[Operation]()
    for source, multiplier in zip(tail.sources, form.multipliers, strict=True):
        factor = _number(multiplier, after - integer_format(element_type(source)).fraction_bits, "multiplier")
        new += [factor, MulOp(source, factor.results[0])]
        products.append(new[-1].results[0])
    new.append(AddOp(products[0], products[1]))
    addend = form.addend - (base << form.shift)
    if addend:
        term = _number(addend, after, "addend")
        new += [term, AddOp(new[-1].results[0], term.results[0])]
    new.append(QuantizeOp(new[-1].results[0], type_, Rounding.FLOOR))
    if base or (type_ != element_type(op.result) and fixed_by_interface(op.result)):
        least = _number(base, integer_format(type_).fraction_bits, "least")
        new += [least, AddOp(new[-1].results[0], least.results[0], tensor_type(op.result))]
    return new


def _integer_form(op: QuantizeOp, join: Join) -> tuple[IntegerJoin, FixedType | UFixedType, int]:
    """The form, a type that saturates as it needs, and the code that is added to what the type holds."""
    type_, bits = element_type(op.result), integer_format(element_type(op.result)).fraction_bits
    assert isinstance(type_, FixedType | UFixedType)
    form = None if op.narrow else integer_join(join, type_.format.code_range)
    if form is not None:
        return form, type_, 0
    clip = join.clip
    if clip.lo < clip.hi and (clip.hi - clip.lo + 1).bit_count() == 1:
        form = integer_join(join, clip)
    if form is None:
        raise NoTail(f"no integers give the same codes from {clip.lo} to {clip.hi} for all pairs of codes")
    return form, fixed_type(IntRange(0, clip.hi - clip.lo), bits), clip.lo


def _number(code: int, fraction_bits: int, hint: str) -> Operation:
    new = constant(np.array(code, dtype=object), fixed_type(IntRange(code, code), fraction_bits))
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
        ranges = analyse(op)
        for quantiser in reversed(_quantisers(op)):
            try:
                tail = recognise(quantiser, ranges)
                if tail is not None:
                    replace_tail(quantiser, join_ops(quantiser, tail))
            except NoTail as reason:
                remark(quantiser, f"sum of two branches is left as it is: {reason}")
