# SPDX-License-Identifier: Apache-2.0
"""Turn quantisers, with the scales, offsets and activations before them, into an integer product, sum and shift.

Before:
    %0 = q.mul %a, %s : tensor<1x2x!q.fixed<16, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
    %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
After:
    %0 = q.mul %a, %m : tensor<1x2x!q.fixed<16, 0>>, tensor<!q.ufixed<9, 15>> -> tensor<1x2x!q.fixed<25, 15>>
    %1 = q.add %0, %b : tensor<1x2x!q.fixed<25, 15>>, tensor<!q.ufixed<15, 15>> -> tensor<1x2x!q.fixed<25, 15>>
    %y = q.quantize %1 floor saturate : tensor<1x2x!q.fixed<25, 15>> -> tensor<1x2x!q.fixed<8, 0>>

Exact: the constants give the right code for every code that can reach them, which the thresholds of the tail prove.
Needs: constants that differ along one axis at most, behind an integer value.
Keeps: every output bit; a ReLU before a signed result turns it into an unsigned type of one bit less.
Leaves: quantisers for which there are no such constants, to bipolar, from float32, and those that wrap (remark).
A scale that is a whole number of 2^-n keeps the rounding of its quantiser if that is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..qdialect.attrs import Array
from ..qdialect.formats import IntRange, Rounding
from ..qdialect.q import AddOp, ConstantOp, MulOp, QuantizeOp
from ..qdialect.q.inference import constant_of
from ..qdialect.rounding import round_fraction, saturation_range
from ..qdialect.types import FixedType, UFixedType, element_type, fixed_type, integer_format
from .integer_clips import clip_ops
from .lower_quantizers_to_thresholds import found_in_parts, found_thresholds, threshold_parts
from .lower_tails import lower_tails
from .multiply_shift_math import MAX_SHIFT, MultiplyShift, floor_form, floor_form_of_parts
from .quantizer_cost import multiply_shift_area
from .retype import fixed_by_interface
from .rewriting import constant
from .tail import NoTail, QuantizerTail
from .threshold_math import Tail, Thresholds


@dataclass(frozen=True)
class Requantizer:
    """`saturate(round((multiplier * a + addend) / 2^shift))` in `type_`, clipped to `clip` if that is less."""

    form: MultiplyShift
    rounding: Rounding
    type_: FixedType | UFixedType
    narrow: bool = False
    clip: IntRange | None = None

    def area(self, tail: QuantizerTail) -> int:
        """Estimated cost of a lane in look-up tables."""
        width = integer_format(element_type(tail.source)).word_length
        return multiply_shift_area(self.form, width, self.type_.bitwidth)


def cheapest_requantizer(op: QuantizeOp, tail: QuantizerTail, thresholds: Thresholds | None) -> Requantizer:
    """The cheapest exact form. NoTail if there is none. `thresholds`: those of the tail; None if it has too many."""
    found = list(_requantizers(op, tail, thresholds))
    if not found:
        raise NoTail("no multiplier, addend and shift give the same codes")
    return min(found, key=lambda candidate: candidate.area(tail))


def _requantizers(op: QuantizeOp, tail: QuantizerTail, thresholds: Thresholds | None) -> Iterator[Requantizer]:
    type_ = element_type(op.result)
    if not isinstance(type_, FixedType | UFixedType):
        return
    targets: list[tuple[FixedType | UFixedType, bool]] = [(type_, op.narrow)]
    positive = isinstance(type_, FixedType) and type_.bitwidth > 1 and tail.least_code >= 0
    if positive and not fixed_by_interface(op.result):
        targets.append((UFixedType(type_.bitwidth - 1, type_.fraction_bits.data), False))
    found = False
    for target, narrow in targets:
        for form, rounding in _forms(tail, thresholds, saturation_range(target.format, narrow)):
            yield Requantizer(form, rounding, target, narrow)
            found = True
    if not found:
        start = tail.function.start
        clip = IntRange(int(tail.function.lo.min()) + start, int(tail.function.hi.max()) + start)
        for form, rounding in _forms(tail, thresholds, clip):
            yield Requantizer(form, rounding, type_, clip=clip)


def _forms(
    tail: QuantizerTail, thresholds: Thresholds | None, held: IntRange
) -> Iterator[tuple[MultiplyShift, Rounding]]:
    """The forms that give, clipped to `held`, the right codes."""
    direct = _direct_form(tail, held)
    if direct is not None:
        yield direct, tail.function.rounding if direct.shift else Rounding.FLOOR
    fitted = None
    if thresholds is not None:
        fitted = floor_form(thresholds, held.lo, held.hi, *_ranges(tail, thresholds))
    elif found_in_parts(tail):
        fitted = floor_form_of_parts(lambda: threshold_parts(tail), held.lo, held.hi)
    if fitted is not None:
        yield fitted, Rounding.FLOOR


def _ranges(tail: QuantizerTail, thresholds: Thresholds) -> tuple[Array, Array]:
    """Least and greatest input code for each row of thresholds."""
    if len(thresholds.table) == len(tail.amin):
        return tail.amin, tail.amax
    return np.array([tail.amin.min()], dtype=object), np.array([tail.amax.max()], dtype=object)


def _direct_form(tail: QuantizerTail, held: IntRange) -> MultiplyShift | None:
    """Slope and offset as they are, if both are multiples of a power of two and saturation does all the clipping."""
    function = _without_start(tail.function)
    if function is None:
        return None
    numbers: list[Fraction] = [*function.slope, *function.offset]
    finest = max(number.denominator for number in numbers)
    if finest > 1 << MAX_SHIFT or any(number.denominator.bit_count() != 1 for number in numbers):
        return None
    for slope, offset, lo, hi, *ends in zip(
        function.slope, function.offset, function.lo, function.hi, tail.amin, tail.amax, strict=True
    ):
        for end in ends:
            code = round_fraction(slope * end + offset, function.rounding)
            if min(max(code, held.lo), held.hi) != min(max(code, lo), hi):
                return None
    multiplier = np.array([int(slope * finest) for slope in function.slope], dtype=object)
    addend = np.array([int(offset * finest) for offset in function.offset], dtype=object)
    return MultiplyShift(multiplier, addend, finest.bit_length() - 1)


def _without_start(tail: Tail) -> Tail | None:
    """The same function with its start in the offset, where the rounding allows that."""
    rounding, start = tail.rounding, tail.start
    if (
        start
        and rounding not in (Rounding.FLOOR, Rounding.CEIL)
        and not (rounding is Rounding.HALF_EVEN and start % 2 == 0)
    ):
        return None
    return Tail(tail.slope, tail.offset + start, tail.lo + start, tail.hi + start, rounding)


def requantizer_ops(op: QuantizeOp, tail: QuantizerTail, requantizer: Requantizer) -> list[Operation] | None:
    """The ops that replace the quantiser, the last gives its result; None if they stand there already."""
    form, type_ = requantizer.form, requantizer.type_
    before = integer_format(element_type(tail.source)).fraction_bits
    after = form.shift + type_.format.fraction_bits
    steps = list[tuple[type[AddOp] | type[MulOp], ConstantOp]]()
    if after != before or any(factor != 1 for factor in form.multiplier):
        steps.append((MulOp, _constant(tail, form.multiplier, after - before)))
    if any(form.addend):
        steps.append((AddOp, _constant(tail, form.addend, after)))
    if _stands_there(op, tail.source, steps, requantizer):
        return None
    value, new = tail.source, list[Operation]()
    for class_, factor in steps:
        factor.result.name_hint = "multiplier" if class_ is MulOp else "addend"
        new += [factor, class_(value, factor.result)]
        value = new[-1].results[0]
    new.append(QuantizeOp(value, type_, requantizer.rounding, narrow=requantizer.narrow))
    return new if requantizer.clip is None else [*new, *clip_ops(new[-1].results[0], requantizer.clip)]


def _constant(tail: QuantizerTail, codes: Array, fraction_bits: int) -> ConstantOp:
    range_ = IntRange(int(codes.min()), int(codes.max()))
    codes = codes[:1].reshape(()) if range_.lo == range_.hi else tail.spread(codes)
    return constant(codes, fixed_type(range_, fraction_bits))


def _stands_there(
    op: QuantizeOp,
    source: SSAValue,
    steps: Sequence[tuple[type[AddOp] | type[MulOp], ConstantOp]],
    requantizer: Requantizer,
) -> bool:
    """True if `op` is this quantiser, behind these steps with the same constants."""
    if (
        requantizer.clip is not None
        or element_type(op.result) != requantizer.type_
        or op.rounding is not requantizer.rounding
    ):
        return False
    value = op.input
    for class_, factor in reversed(steps):
        existing = value.owner
        if not isinstance(existing, AddOp | MulOp) or not isinstance(existing, class_):
            return False
        if constant_of(existing.rhs) != factor.value:
            return False
        value = existing.lhs
    return value is source and op.narrow == requantizer.narrow


@dataclass(frozen=True)
class LowerQuantizersToMultiplyShiftPass(ModulePass):
    """Turn quantisers, with the scales, offsets and activations before them, into a product, a sum and a shift."""

    name = "q-lower-quantizers-to-multiply-shift"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        def lower(quantizer: QuantizeOp, tail: QuantizerTail) -> list[Operation] | None:
            requantizer = cheapest_requantizer(quantizer, tail, found_thresholds(tail))
            return requantizer_ops(quantizer, tail, requantizer)

        lower_tails(op, lower)
