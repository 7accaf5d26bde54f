# SPDX-License-Identifier: Apache-2.0
"""Scales and offsets behind moves, pools and reductions: patterns of q-move-affine-past-linear."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..qdialect.attrs import Array
from ..qdialect.q import (
    AddOp,
    ConcatOp,
    ConstantOp,
    MaxPoolOp,
    MoveOp,
    MulOp,
    PadOp,
    ReduceExtremeOp,
    ReduceSumOp,
    SumPoolOp,
)
from ..qdialect.q.base import common_type
from ..qdialect.types import RealType, element_type, integer_format, is_integer_type, shape_of
from .remarks import remark
from .rewriting import (
    Affine,
    affine,
    exact_values,
    fixed_constant,
    is_constant,
    least_broadcast,
    moved_through,
    real_constant,
    replace,
    with_constant,
)


def _match(value: SSAValue) -> Affine | None:
    """Arithmetic with a constant that keeps its shape, of a value that is no constant itself."""
    match = affine(value.owner)
    return match if match is not None and match.keeps_shape and not is_constant(match.x) else None


class MoveAffinePastMove(RewritePattern):
    """reshape(x * s)   =>   reshape(x) * s', and the same for offsets and for all ops that move elements."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, MoveOp) or len(op.operands) != 1:
            return
        match = affine(op.operands[0].owner)
        if match is None or not match.keeps_shape:
            return
        view, moved = op.on([match.x]), moved_through(op, match.values)
        replace(rewriter, op, [view, *with_constant(type(match.op), view.results[0], moved, op.result, match.op)])


class MoveAffinePastPad(RewritePattern):
    """pad(x * s, v)   =>   pad(x, v / s) * s, and pad(x + c, v)   =>   pad(x, v - c) + c."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PadOp, rewriter: PatternRewriter, /) -> None:
        match = _match(op.input)
        if match is None or not is_constant(op.value):
            return
        border, moved = exact_values(op.value).reshape(()).item(), _beyond_border(op, match)
        constants = {*match.values.reshape(-1)} if moved is not None else set[Fraction]()
        if isinstance(match.op, MulOp):
            before = {border / scale if scale else None for scale in constants}
        else:
            before = {border - offset for offset in constants}
        if moved is None or len(before) != 1 or None in before:
            remark(op, "constant not moved behind the border: it differs between the elements around it")
            return
        value = constant_like(match.x, before.pop())
        if value is None:
            remark(op, "constant not moved behind the border: the border would be no code of the operand")
            return
        padded = op.on([match.x, value.result])
        moved_ops = with_constant(type(match.op), padded.results[0], moved, op.result, match.op)
        replace(rewriter, op, [value, padded, *moved_ops])


def _beyond_border(op: PadOp, match: Affine) -> Array | None:
    """The constant for the padded tensor; None if it differs along a padded axis."""
    values = match.at_full_rank
    padded = [axis for axis, (low, high) in enumerate(zip(op.low, op.high, strict=True)) if low or high]
    return values if all(values.shape[axis] == 1 for axis in padded) else None


def constant_like(value: SSAValue, number: Fraction | None) -> ConstantOp | None:
    """The number as a constant that joins `value` without making real numbers of integers; None if it cannot."""
    array, type_ = np.array(number, dtype=object), element_type(value)
    if isinstance(type_, RealType):
        return real_constant(array)
    if number is None or not is_integer_type(type_):
        return None
    fraction_bits = integer_format(type_).fraction_bits
    codes = number * Fraction(2) ** fraction_bits
    return fixed_constant(array, fraction_bits) if codes.denominator == 1 else None


class MoveAffinePastConcat(RewritePattern):
    """concat(x * s, y * t)   =>   concat(x, y) * concat(s, t), and the same for offsets."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter, /) -> None:
        matches = [_match(value) for value in op.inputs]
        class_ = AddOp if any(match is not None and isinstance(match.op, AddOp) for match in matches) else MulOp
        moving = [match if match is not None and isinstance(match.op, class_) else None for match in matches]
        if not any(moving):
            return
        if not all(
            match or matches[i] or is_integer_type(element_type(op.inputs[i])) for i, match in enumerate(moving)
        ):
            remark(op, "constants not moved behind the concatenation: an operand is neither scaled nor an integer")
            return
        operands = [value if match is None else match.x for value, match in zip(op.inputs, moving, strict=True)]
        constants = _joined(op, moving)
        if class_ is MulOp and not _is_fixed(constants, op.result, common_type(operands)):
            remark(op, "scales not moved behind the concatenation: an operand without has more fraction bits")
            return
        joined = op.on(operands)
        like = next(match.op for match in moving if match is not None)
        replace(rewriter, op, [joined, *with_constant(class_, joined.results[0], constants, op.result, like)])


def _is_fixed(scales: Array, result: SSAValue, joined: Attribute) -> bool:
    """Whether the scales have a type that, times the type of what is joined, gives the type of the result."""
    if not is_integer_type(element_type(result)):
        return True
    bits = integer_format(element_type(result)).fraction_bits - integer_format(joined).fraction_bits
    return all((scale * Fraction(2) ** bits).denominator == 1 for scale in scales.reshape(-1))


def _joined(op: ConcatOp, moving: Sequence[Affine | None]) -> Array:
    """The constants side by side, in least broadcast form; 0 or 1 for an operand without one."""
    neutral = Fraction(0 if any(match and isinstance(match.op, AddOp) for match in moving) else 1)
    parts = [np.array(neutral, dtype=object) if match is None else match.values for match in moving]
    if len({tuple(part.reshape(-1)) for part in parts if part.size == 1}) == 1 and all(p.size == 1 for p in parts):
        return parts[0].reshape(())
    rank = len(shape_of(op.result))
    full = [part.reshape((1,) * (rank - part.ndim) + part.shape) for part in parts]
    outer = np.broadcast_shapes(*((*p.shape[: op.axis], 1, *p.shape[op.axis + 1 :]) for p in full))
    shapes = [(*outer[: op.axis], shape_of(value)[op.axis], *outer[op.axis + 1 :]) for value in op.inputs]
    wide = [np.broadcast_to(part, shape) for part, shape in zip(full, shapes, strict=True)]
    return least_broadcast(np.concatenate(wide, axis=op.axis))


class MoveAffinePastExtreme(RewritePattern):
    """max_pool(x * s + c)   =>   max_pool(x) * s + c for s > 0 and constants that are the same for what competes."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, MaxPoolOp | ReduceExtremeOp):
            return
        match = _match(op.input)
        if match is None:
            return
        moved = _per_result(op, match)
        if moved is None:
            remark(op, "constant not moved behind the selection: it differs between the elements compared")
            return
        if isinstance(match.op, MulOp) and not bool((match.values > 0).all()):
            remark(op, "scale not moved behind the selection: it is not positive")
            return
        best = op.on([match.x])
        replace(rewriter, op, [best, *with_constant(type(match.op), best.results[0], moved, op.result, match.op)])


class MoveAffinePastSum(RewritePattern):
    """sum(x * s)   =>   sum(x) * s,   and   sum(x + c)   =>   sum(x) + sum(c), over axes and windows."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, SumPoolOp | ReduceSumOp):
            return
        match = _match(op.input)
        if match is None:
            return
        moved = _per_result(op, match) if isinstance(match.op, MulOp) else _summed(op, match)
        if moved is None:
            remark(op, "constant not moved behind the sum: it differs between the elements added, or their number does")
            return
        total = op.on([match.x])
        replace(rewriter, op, [total, *with_constant(type(match.op), total.results[0], moved, op.result, match.op)])


def _per_result(op: MaxPoolOp | ReduceExtremeOp | SumPoolOp | ReduceSumOp, match: Affine) -> Array | None:
    """The constant for each result; None if it differs between the elements that make one."""
    values = match.at_full_rank
    if isinstance(op, MaxPoolOp | SumPoolOp):
        return values if all(values.shape[axis] == 1 for axis in op.spatial_axes) else None
    if any(values.shape[axis] != 1 for axis in op.axes):
        return None
    return values if op.keep_dims else values.squeeze(op.axes)


def _summed(op: SumPoolOp | ReduceSumOp, match: Affine) -> Array | None:
    """What the offset adds to each sum; None if windows of a pool have different numbers of elements."""
    values = match.at_full_rank
    if isinstance(op, ReduceSumOp):
        repeated = [shape_of(op.input)[axis] if values.shape[axis] == 1 else 1 for axis in op.axes]
        total = np.asarray(values.sum(axis=op.axes, keepdims=op.keep_dims), dtype=object)
        return np.asarray(total * int(np.prod(repeated, dtype=object)), dtype=object)
    counts = [taps.counts() for taps in op.taps]
    if any(values.shape[axis] != 1 for axis in op.spatial_axes) or any((axis != axis[0]).any() for axis in counts):
        return None
    return np.asarray(values * int(np.prod([axis[0] for axis in counts], dtype=object)), dtype=object)
