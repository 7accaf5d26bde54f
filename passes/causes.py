# SPDX-License-Identifier: Apache-2.0
"""Why real numbers are left in front of a layer or a quantiser: the cause where it arises, and what mends it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.errors import node_name
from ..qdialect.q import (
    AddOp,
    ConcatOp,
    ConvOp,
    ConvTransposeOp,
    MoveOp,
    MulOp,
    PoolOp,
    QuantizeOp,
    ReshapeOp,
    TransposeOp,
)
from ..qdialect.types import RealType, element_type, is_integer_type
from .hardware_support import LINEAR, is_pointwise, joins_branches, number_refusal
from .lower_functions import lowered_ops
from .lower_joins import join_ops
from .lower_joins import recognise as recognise_join
from .range_analysis import Ranges, analyse
from .refusals import Refusal
from .rewriting import Affine, affine, is_constant
from .tail import NoTail
from .tail import recognise as recognise_tail
from .transposing import inverse, producer

MAX_LEVELS = 255  # of a function as thresholds


def explained(found: Iterable[Refusal]) -> list[Refusal]:
    """The refusals with their causes; those of real numbers that only follow from another are left out."""
    found = list(found)
    blamed = {why.op for why in found if why.op.name in LINEAR or isinstance(why.op, QuantizeOp)}
    joins = {why.op for why in found if joins_branches(why.op)}
    turned = {why.op for why in found if _turns_channels(why.op)}
    refused = {why.op for why in found} - turned
    result, ranges = list[Refusal](), None
    for why in found:
        if why.op in turned and _is_beside(why.op, refused):
            continue
        if why != number_refusal(why.op) and not is_pointwise(why.op):
            result.append(why)
        elif isinstance(why.op, QuantizeOp) and not is_integer_type(element_type(why.op.result)):
            result += [] if (blamed & set(_makers(why.op))) | (joins & _users(why.op)) else [_of_rounding(why)]
        elif isinstance(why.op, QuantizeOp):
            ranges = ranges or analyse(_module_of(why.op))
            result += [] if blamed & set(_makers(why.op)) else [_of_quantiser(why, ranges)]
        elif not any(map(_is_real, why.op.operands)):
            follows = why == number_refusal(why.op) and why.op.name not in LINEAR and blamed & set(_makers(why.op))
            result += [] if follows else [why]
        elif why.op.name in LINEAR:
            result += [] if blamed & set(_makers(why.op)) else [_of_layer(why)]
        elif is_pointwise(why.op) and not _follows(why, blamed):
            quantiser = _quantiser_behind(why.op)
            ranges = ranges or analyse(_module_of(why.op))
            result.append(why if quantiser is None else _of_quantiser(Refusal(quantiser, why.what, why.mend), ranges))
        elif not _follows(why, blamed):
            result.append(why)
    return [why for number, why in enumerate(result) if why not in result[:number]]


def _is_real(value: SSAValue) -> bool:
    return isinstance(element_type(value), RealType)


def _module_of(op: Operation) -> ModuleOp:
    top = op
    while (parent := top.parent_op()) is not None:
        top = parent
    assert isinstance(top, ModuleOp)
    return top


def _named(op: Operation) -> str:
    name = node_name(op)
    return op.name if name is None else f"{op.name} of node '{name}'"


def _makers(op: Operation) -> Iterator[Operation]:
    """The layers, and the quantisers to float32, whose numbers that are no integers reach `op`."""
    todo, seen = list(op.operands), set[SSAValue]()
    while todo:
        value = todo.pop()
        if value in seen or is_integer_type(element_type(value)) or not isinstance(value.owner, Operation):
            continue
        seen.add(value)
        if value.owner.name in LINEAR or isinstance(value.owner, QuantizeOp):
            yield value.owner
        else:
            todo += value.owner.operands


def _users(op: Operation) -> set[Operation]:
    return {use.operation for result in op.results for use in result.uses}


def _leads_to(op: Operation, ends: Collection[Operation]) -> bool:
    """Whether the real numbers that `op` gives reach one of `ends`."""
    todo, seen = [op], set[Operation]()
    while todo:
        user = todo.pop()
        if user in ends:
            return True
        if user not in seen and any(map(_is_real, user.results)):
            todo += [use.operation for result in user.results for use in result.uses]
        seen.add(user)
    return False


def _turns_channels(op: Operation) -> bool:
    """Whether `op` moves the channels of an image to the end or back, as q-make-channels-last does."""
    if not isinstance(op, TransposeOp):
        return False
    last = (0, *range(2, len(op.permutation)), 1)
    return op.permutation in (last, inverse(last))


def _is_beside(op: Operation, refused: Collection[Operation]) -> bool:
    """Whether an op feeds one of `refused` or takes from it, perhaps by way of others than layers."""
    for step in (_users, lambda op: {value.owner for value in op.operands if isinstance(value.owner, Operation)}):
        todo, seen = [op], set[Operation]()
        while todo:
            near = step(todo.pop()) - seen
            if near & set(refused):
                return True
            seen |= near
            todo += [each for each in near if each.name not in LINEAR]
    return False


def _follows(why: Refusal, blamed: Collection[Operation]) -> bool:
    """Whether an op works on real numbers only because one of `blamed` does."""
    return why == number_refusal(why.op) and _leads_to(why.op, blamed)


def _quantiser_behind(op: Operation) -> QuantizeOp | None:
    """The quantiser to integers that alone uses what pointwise ops make of the real numbers that `op` gives."""
    while op.results[0].has_one_use():
        use = op.results[0].first_use
        assert use is not None
        op = use.operation
        if isinstance(op, QuantizeOp) and is_integer_type(element_type(op.result)):
            return op
        if not is_pointwise(op):
            return None
    return None


def _of_rounding(why: Refusal) -> Refusal:
    """Why numbers in front of a function of float32 stay float32.

    An op takes its result without a quantiser; or the quantiser behind it, with the function, has no integer form.
    """
    todo, quantisers = [why.op], list[QuantizeOp]()
    while todo:
        maker = todo.pop(0)
        for use in (use for result in maker.results for use in result.uses):
            user = use.operation
            if not is_pointwise(user) and not isinstance(user, ReshapeOp | TransposeOp):
                maker = producer(maker)
                what = f"{user.name} takes the float32 numbers of {_named(maker)} as they are"
                where = user if user.results else maker
                return Refusal(where, what, "put a quantiser between both")
            if isinstance(user, QuantizeOp):
                quantisers.append(user)
            else:
                todo.append(user)
    integer = next((op for op in quantisers if is_integer_type(element_type(op.result))), None)
    return why if integer is None else _of_quantiser(Refusal(integer, why.what, why.mend), analyse(_module_of(integer)))


def _of_quantiser(why: Refusal, ranges: Ranges) -> Refusal:
    """Why a quantiser has no integer form."""
    op = why.op
    assert isinstance(op, QuantizeOp)
    try:
        join = recognise_join(op, ranges)
        if join is not None:
            join_ops(op, join)
            return why
    except NoTail as reason:
        what = f"the sum of two branches in front of {op.name} is not made of integers: {reason}"
        return Refusal(op, what, reason.mend or "quantise both branches in front of the sum")
    try:
        levels = recognise_tail(op, ranges).num_thresholds
    except NoTail:
        return _of_function(why, op, ranges)
    if levels <= MAX_LEVELS:
        return why
    what = f"{op.name} has {levels} codes, too many for thresholds, and no multiplier and shift give the same codes"
    return Refusal(op, what, "use 8 bits or fewer, or round half up, which has no ties to even")


def _of_function(why: Refusal, op: QuantizeOp, ranges: Ranges) -> Refusal:
    try:
        lowered_ops(op, ranges, MAX_LEVELS)
    except NoTail as reason:
        product = None if reason.mend else _product_above(op.input)
        if product is not None:
            what = f"a branch of {product.name} is more than an integer with a scale and an offset of whole scales"
            return Refusal(product, what, "quantise both branches in front of the product")
        what = f"what stands in front of {op.name} is not made of integers: {reason}"
        return Refusal(op, what, reason.mend or "quantise in front of the activation as well")
    return why


def _product_above(value: SSAValue) -> MulOp | None:
    """The nearest product of two branches that are no integers, in front of a real number."""
    todo = [value]
    while todo:
        op = todo.pop(0).owner
        if not is_pointwise(op) or not _is_real(op.results[0]):
            continue
        if isinstance(op, MulOp) and joins_branches(op):
            return op
        todo += op.operands
    return None


def _of_layer(why: Refusal) -> Refusal:
    """Why a layer works on real numbers."""
    op = why.op
    operand = next(value for value in op.operands if _is_real(value))
    if is_constant(operand):
        mend = "give the weights one scale for the tensor, or one for each output channel"
        return Refusal(op, f"the weights of {op.name} have scales that differ along the summed axis", mend)
    steps, value = list[Affine](), operand
    while not is_integer_type(element_type(value)):
        maker = value.owner
        match = affine(maker)
        if match is not None:
            steps.append(match)
            value = match.x
        elif isinstance(maker, MoveOp | PoolOp) and len(maker.operands) == 1:
            value = maker.operands[0]
        else:
            return _of_real_maker(why, maker)
    return _of_affine(why, steps, value)


def _of_real_maker(why: Refusal, maker: object) -> Refusal:
    """A layer behind an op that gives real numbers."""
    if isinstance(maker, AddOp):
        what = f"{why.op.name} takes the sum of two branches with scales of their own as it is"
        mend = "put a quantiser between both, or give the branches one scale"
    elif isinstance(maker, Operation):
        what = f"{why.op.name} takes the real numbers of {_named(maker)} as they are"
        mend = "put a quantiser between both"
    else:
        return why
    return Refusal(why.op, what, mend)


def _of_affine(why: Refusal, steps: list[Affine], source: SSAValue) -> Refusal:
    """A layer behind scales and offsets of the integers `source` that did not move behind it."""
    op = why.op
    while isinstance(source.owner, MoveOp) and not isinstance(source.owner, ConcatOp):
        source = source.owner.operands[0]
    scaled = [step for step in steps if isinstance(step.op, MulOp)]
    if isinstance(source.owner, ConcatOp) and any(step.values.size > 1 for step in steps):
        concat = _named(source.owner)
        what = f"{op.name} sums over tensors of different scales or zero points, which {concat} puts side by side"
        return Refusal(op, what, "give them one scale and zero point, or put a quantiser behind the concatenation")
    if any(step.values.size > 1 for step in scaled):
        mend = "give its input one scale for the tensor; a scale for each channel suits depthwise layers"
        return Refusal(op, f"the scale of the input of {op.name} differs between the elements that it sums", mend)
    if isinstance(op, ConvTransposeOp):
        mend = "use a quantiser with zero point 0 in front of it"
        return Refusal(op, f"the zero point of the input of {op.name} is not 0", mend)
    if scaled or not isinstance(op, ConvOp) or not any(op.window.pads):
        return why
    what = f"{op.name} pads its input with zeros, and zero is no code of the input"
    mend = "use a quantiser whose zero point is a whole number, the same for all channels, or do not pad"
    return Refusal(op, what, mend)
