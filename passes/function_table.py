# SPDX-License-Identifier: Apache-2.0
"""Functions of one integer value, as tables: the code of the result for each code that can come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.formats import BipolarFormat, IntRange, NoCodeError
from ..qdialect.q import BatchNormOp, ClipOp, MulOp, QOp, QuantizeOp, ThresholdOp
from ..qdialect.q.base import tensor
from ..qdialect.rounding import as_objects
from ..qdialect.types import element_type, integer_format, is_integer_type, shape_of
from .evaluation import run_block
from .hardware_support import is_pointwise, joins_branches, unit_refusal
from .range_analysis import Ranges
from .rewriting import is_constant
from .tail import NoTail, TailSource
from .transposing import producer

MAX_ENTRIES = 1 << 20  # codes times channels
FEWER_CODES = (
    "put a quantiser between the layer and the activation as well: function = fixed<12> in a specification, a Quant "
    "node or quantised layer in a quantised model"
)
MAX_FUSED_WIDTH = 10  # bits of a value whose products with its own functions are smaller as a table


@dataclass(frozen=True)
class FunctionTable(TailSource):
    """An op as a function of the codes of `source`. `codes`: [N] ascending; `table`: [N, C or 1] of results."""

    codes: Array
    table: Array


def is_short_product(op: object) -> TypeGuard[MulOp]:
    """Whether `op` multiplies two branches that follow, by pointwise ops, from one integer value of few bits."""
    if not isinstance(op, MulOp) or not joins_branches(op):
        return False
    try:
        source, _ = _function(op)
    except NoTail:
        return False
    return integer_format(element_type(source)).word_length <= MAX_FUSED_WIDTH


def tabulate(op: QOp, ranges: Ranges) -> FunctionTable:
    """What `op` and the pointwise ops in front of it make of the integer value that they all follow from.

    NoTail says why there is no such value, or that it has too many codes.
    """
    source, ops = _function(op)
    axis = _channel_axis(ops, shape_of(source))
    format_ = integer_format(element_type(source))
    found, held = ranges[source].hull, format_.code_range
    hull = IntRange(max(found.lo, held.lo), min(found.hi, held.hi))  # of a proven range, the type may know more
    step = 2 if isinstance(format_, BipolarFormat) else 1
    shape = tuple(size if at == axis else 1 for at, size in enumerate(shape_of(source)))
    count = (hull.hi - hull.lo) // step + 1
    if count * max(shape, default=1) > MAX_ENTRIES:
        raise NoTail(f"it is a function of {count} codes, too many for a table", FEWER_CODES)
    codes = np.arange(hull.lo, hull.hi + 1, step, dtype=np.int64)
    try:
        table = _run(op, source, ops, shape, codes)
    except NoCodeError as reason:
        raise NoTail(f"a code has no result: {reason}") from None
    held = integer_format(element_type(op.results[0])).code_range
    table = np.clip(table, held.lo, held.hi)  # codes that other channels have alone may give more than a proven range
    if bool((table == table[:, :1]).all()):
        table = table[:, :1]
    least, most = (as_objects(np.array([end])) for end in (hull.lo, hull.hi))
    return FunctionTable(source, least, most, len(shape) - 1 if axis is None else axis, codes, table)


def _function(op: QOp) -> tuple[SSAValue, list[QOp]]:
    """The one integer value that `op` follows from, nearest to it, and the ops in between, in order."""
    place: dict[object, int] = {item: number for number, item in enumerate(_block_ops(op))}
    found, leaves = list[QOp]([op]), set(_computed(op))
    while len(leaves) > 1 or not all(map(_can_be_source, leaves)):
        last = max(leaves, key=lambda leaf: place.get(leaf.owner, -1))
        maker = last.owner
        if not (is_pointwise(maker) or isinstance(maker, ThresholdOp)):  # a branch may be one already
            name = producer(maker).name if isinstance(maker, Operation) else "an argument"
            raise NoTail(f"it is no function of one integer: {name} feeds it")
        leaves.remove(last)
        leaves.update(_computed(maker))
        found.append(maker)
    if not leaves:
        raise NoTail("it is constant")
    return leaves.pop(), sorted(set(found), key=place.__getitem__)


def _can_be_source(value: SSAValue) -> bool:
    """Whether hardware can compute an integer value without the function."""
    maker = value.owner
    if isinstance(maker, ClipOp) and not isinstance(maker.input.owner, QuantizeOp):
        return False  # a table clips at no cost; behind a quantiser the clip costs nothing either
    if is_short_product(maker):
        return False
    return is_integer_type(element_type(value)) and not (is_pointwise(maker) and unit_refusal(maker) is not None)


def _block_ops(op: Operation) -> Iterator[Operation]:
    block = op.parent_block()
    assert block is not None
    return iter(block.ops)


def _computed(op: Operation) -> Iterator[SSAValue]:
    """The operands that are no constants; NoTail if one repeats its elements."""
    for operand in op.operands:
        if is_constant(operand):
            continue
        if shape_of(operand) != shape_of(op.results[0]):
            raise NoTail("an operand repeats its elements")
        yield operand


def _channel_axis(ops: list[QOp], shape: tuple[int, ...]) -> int | None:
    """The axis along which constants differ; None if they are the same for all elements."""
    axes = set[int]()
    for op in ops:
        for operand in op.operands:
            if not is_constant(operand):
                continue
            own = shape_of(operand)
            if isinstance(op, BatchNormOp):
                own = (*own, *(1,) * (len(shape) - 1 - op.axis))
            elif isinstance(op, ThresholdOp):
                own = (own[0], *(1,) * op.trailing)
            axes |= {len(shape) - len(own) + at for at, size in enumerate(own) if size > 1}
    if len(axes) > 1:
        mend = "give each channel one constant; an average pool may count its pads (count_include_pad = 1)"
        raise NoTail("constants differ along more than one axis", mend)
    return axes.pop() if axes else None


def _clone_constant(value: SSAValue, block: Block, mapping: dict[SSAValue, SSAValue]) -> None:
    """Append the ops of a constant expression, as far as they do not stand in the block."""
    if value in mapping:
        return
    op = value.owner
    assert isinstance(op, Operation)
    for operand in op.operands:
        _clone_constant(operand, block, mapping)
    block.add_op(op.clone(mapping))  # which enters its results into the mapping


def _run(op: QOp, source: SSAValue, ops: list[QOp], shape: tuple[int, ...], codes: Array) -> Array:
    """The results [N, C or 1] that the reference gives for the codes [N]."""
    block = Block(arg_types=[tensor(element_type(source), shape)])
    mapping: dict[SSAValue, SSAValue] = {source: block.args[0]}
    for item in ops:
        for operand in item.operands:
            _clone_constant(operand, block, mapping)
        new = item.on([mapping[operand] for operand in item.operands])
        block.add_op(new)
        mapping |= dict(zip(item.results, new.results, strict=True))
    frames = np.broadcast_to(codes.reshape(-1, *(1,) * len(shape)), (len(codes), *shape))
    return run_block(block, [mapping[op.results[0]]], frames)[0].reshape(len(codes), -1).astype(np.int64)
