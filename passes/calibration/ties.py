# SPDX-License-Identifier: Apache-2.0
"""Scales of quantisers at which no sum of codes lies half-way between two codes of the result.

Of `a * s + b * t` in quanta of r, and of a pooled or multiplied value that becomes codes of many bits, integers give
the right code only if no such tie is possible: a floor rounds all ties up, half-even rounds every second one down.
Scales are odd or prime 24-bit numbers (see `choosing.py`), which makes ties rare. Where one is left by chance, the
scale moves to the next number of its kind, until whole numbers show that no codes meet half-way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm, prod

from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from ...qdialect.formats import IntRange
from ...qdialect.q import (
    AddOp,
    ClipOp,
    ConcatOp,
    ConstantOp,
    DivOp,
    MaxPoolOp,
    MoveOp,
    MulOp,
    QuantizeOp,
    ReduceExtremeOp,
    ReduceSumOp,
    ReluOp,
    SubOp,
    SumPoolOp,
)
from ...qdialect.rounding import saturation_range
from ...qdialect.types import element_type, integer_format, is_integer_type, shape_of
from ..rewriting import exact_values, is_constant
from .choosing import next_scale
from .folding import constant_array, set_constant

TRIES = 16  # of two branches of 12 bits about every third scale has no tie, of shorter ones nearly all
MOST_CODES = 1 << 12  # of the branch with fewer codes: wider joins have no integer form anyway


@dataclass(frozen=True)
class CodeSum:
    """The numbers `slope * code + ... + offset`: at most two terms, whose codes are those that are possible at most."""

    terms: tuple[tuple[Fraction, IntRange], ...]
    offset: Fraction = Fraction(0)

    def scaled(self, factor: Fraction) -> CodeSum:
        return CodeSum(tuple((slope * factor, codes) for slope, codes in self.terms), self.offset * factor)

    def shifted(self, number: Fraction) -> CodeSum:
        """The number added: to the codes, where it is a whole number of their quanta, as a zero point is."""
        if len(self.terms) == 1 and not self.offset and (number / self.terms[0][0]).denominator == 1:
            ((slope, codes),) = self.terms
            by = int(number / slope)
            return CodeSum(((slope, IntRange(codes.lo + by, codes.hi + by)),))
        return CodeSum(self.terms, self.offset + number)

    def has_tie(self) -> bool:
        """Whether a number may lie half-way between two whole numbers; False where there are too many codes to tell."""
        common = lcm(self.offset.denominator, *(slope.denominator for slope, _ in self.terms))
        if common % 2:
            return False
        first, second = sorted(
            [*self.terms, *[(Fraction(0), IntRange(0, 0))] * 2][:2], key=lambda term: _count(term[1])
        )
        if _count(first[1]) > MOST_CODES:
            return False
        a, b = int(first[0] * common), int(second[0] * common)
        rest = common // 2 - int(self.offset * common)
        return any(_solvable(b, rest - a * code, common, second[1]) for code in range(first[1].lo, first[1].hi + 1))


def _solvable(factor: int, rest: int, modulus: int, codes: IntRange) -> bool:
    """Whether `factor * code` and `rest` differ by a multiple of the modulus for one of the codes."""
    divisor = gcd(factor, modulus)
    if rest % divisor:
        return False
    period = modulus // divisor
    return (rest // divisor * pow(factor // divisor, -1, period) - codes.lo) % period <= codes.hi - codes.lo


def _count(codes: IntRange) -> int:
    return codes.hi - codes.lo + 1


def avoid_ties(main: FuncOp, free: Mapping[ConstantOp, Sequence[ConstantOp]]) -> None:
    """Move scales of quantisers until no tie is possible, or `TRIES` times.

    Args:
        free: scales that may change, and with each those that stay equal to it, itself among them.
    """
    movable = [
        (op, scale)
        for op in main.body.block.ops
        if isinstance(op, QuantizeOp)
        and (scale := scale_in_front(op)) is not None
        and scale in free
        and next_scale(constant_array(scale)) is not None
    ]
    for _ in range(TRIES):
        tied = {one: None for op, scale in movable if has_tie(op) for one in free[scale]}
        for scale in tied:
            moved = next_scale(constant_array(scale))
            assert moved is not None
            set_constant(scale, moved)
        if not tied:
            return


def scale_in_front(op: QuantizeOp) -> ConstantOp | None:
    """The scale of `quantize(x / scale)` or `quantize(x / scale + zero_point)`."""
    owner = op.input.owner
    if isinstance(owner, AddOp) and is_constant(owner.rhs):
        owner = owner.lhs.owner
    return owner.rhs.owner if isinstance(owner, DivOp) and isinstance(owner.rhs.owner, ConstantOp) else None


def has_tie(op: QuantizeOp) -> bool:
    """Whether what a quantiser gets may lie half-way between two of its codes; False where it is no sum of codes."""
    type_ = element_type(op.result)
    numbers = _codes_behind(op.input) if is_integer_type(type_) else None
    return numbers is not None and numbers.scaled(Fraction(2) ** integer_format(type_).fraction_bits).has_tie()


def _codes_behind(value: SSAValue) -> CodeSum | None:
    """A value as a sum of codes; None if it is something else. Clips only leave codes out."""
    op = value.owner
    match op:
        case QuantizeOp() if is_integer_type(element_type(value)):
            format_ = integer_format(element_type(value))
            return CodeSum(((Fraction(2) ** -format_.fraction_bits, saturation_range(format_, op.narrow)),))
        case ReluOp() | ClipOp() | MoveOp() | MaxPoolOp() | ReduceExtremeOp():
            return _codes_behind(op.operands[0])
        case ConcatOp():
            return _hull([_codes_behind(operand) for operand in op.operands])
        case SumPoolOp() | ReduceSumOp():
            return _summed(op)
        case AddOp() | SubOp() | MulOp() | DivOp():
            return _arithmetic(op)
        case _:
            return None


def _hull(parts: Sequence[CodeSum | None]) -> CodeSum | None:
    """What holds the codes of all parts, if they have one scale."""
    found = [part for part in parts if part is not None and len(part.terms) == 1]
    if len(found) < len(parts) or len({(part.terms[0][0], part.offset) for part in found}) > 1:
        return None
    ends = [part.terms[0][1] for part in found]
    codes = IntRange(min(one.lo for one in ends), max(one.hi for one in ends))
    return CodeSum(((found[0].terms[0][0], codes),), found[0].offset)


def _summed(op: SumPoolOp | ReduceSumOp) -> CodeSum | None:
    """Sums of a window or of an axis, whose elements need not all be there."""
    numbers = _codes_behind(op.operands[0])
    if numbers is None or numbers.offset:
        return None
    if isinstance(op, SumPoolOp):
        count = prod(op.window.kernel)
    else:
        count = prod(shape_of(op.operands[0])) // max(prod(shape_of(op.result)), 1)
    terms = ((slope, IntRange(min(c.lo, 0) * count, max(c.hi, 0) * count)) for slope, c in numbers.terms)
    return CodeSum(tuple(terms))


def _arithmetic(op: AddOp | SubOp | MulOp | DivOp) -> CodeSum | None:
    """Of codes with one number for all, or of two values."""
    sides = [(op.lhs, op.rhs)] if isinstance(op, DivOp | SubOp) else [(op.lhs, op.rhs), (op.rhs, op.lhs)]
    for value, other in sides:
        if not is_constant(other):
            continue
        constant, numbers = exact_values(other).reshape(-1), _codes_behind(value)
        if numbers is None or constant.size != 1 or (not constant[0] and isinstance(op, MulOp | DivOp)):
            return None
        if isinstance(op, MulOp | DivOp):
            return numbers.scaled(constant[0] if isinstance(op, MulOp) else 1 / constant[0])
        return numbers.shifted(constant[0] if isinstance(op, AddOp) else -constant[0])
    first = None if isinstance(op, DivOp) else _codes_behind(op.lhs)
    if first is None or len(first.terms) > 1:  # asked before the other side: both may go back to the same ops
        return None
    second = _codes_behind(op.rhs)
    if second is None or len(second.terms) > 1:
        return None
    if isinstance(op, MulOp):
        return _product(first, second)
    second = second.scaled(Fraction(-1)) if isinstance(op, SubOp) else second
    return CodeSum((*first.terms, *second.terms), first.offset + second.offset)


def _product(first: CodeSum, second: CodeSum) -> CodeSum | None:
    """All whole numbers between the ends of the products: more than the products are."""
    if first.offset or second.offset:
        return None
    (slope, codes), (factor, others) = first.terms[0], second.terms[0]
    ends = [a * b for a in (codes.lo, codes.hi) for b in (others.lo, others.hi)]
    return CodeSum(((slope * factor, IntRange(min(ends), max(ends))),))
