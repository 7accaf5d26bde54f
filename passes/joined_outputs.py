# SPDX-License-Identifier: Apache-2.0
"""One stream for several values that leave the hardware: one behind the other in a frame; the host cuts them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import prod

from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.q import ConcatOp, QuantizeOp, ReshapeOp, SliceOp
from ..qdialect.types import element_type, shape_of
from .hardware_division import Division
from .rewriting import at


def join_outputs(division: Division) -> Division:
    """The same division with one value that leaves the hardware: joined behind its ops, and cut apart behind that."""
    leaving = _leaving(division)
    if len(leaving) < 2:
        return division
    sizes = [prod(shape_of(value)) for value in leaving]
    views, flat = list[ReshapeOp](), list[SSAValue]()
    for value, size in zip(leaving, sizes, strict=True):
        flat.append(_as_vector(value, size, views))
    joined = ConcatOp(flat, 1)
    joined.result.name_hint = "outputs"
    parts = [
        _cut(joined.result, start, value)
        for start, value in zip(accumulate(sizes[:-1], initial=0), leaving, strict=True)
    ]
    inner: list[Operation] = [*views, joined]
    outer = [op for part in parts for op in part]
    _place_behind(division, [*inner, *outer])
    hardware = {*division.hardware, *inner}
    for value, part in zip(leaving, parts, strict=True):
        for use in list(value.uses):
            if use.operation not in hardware:
                use.operation.operands[use.index] = part[-1].results[0]
    return replace(division, hardware=[*division.hardware, *inner], after=[*outer, *division.after])


def _as_vector(value: SSAValue, size: int, views: list[ReshapeOp]) -> SSAValue:
    """`value` as [1, size]; an op that this takes is appended to `views`."""
    if shape_of(value) == (1, size):
        return value
    views.append(ReshapeOp(value, (1, size)))
    return views[-1].result


def _place_behind(division: Division, new: Sequence[Operation]) -> None:
    """Put ops behind those of the hardware, and in front of those that use its results."""
    last = division.hardware[-1]
    Rewriter.insert_op([at(op, last) for op in new], InsertPoint.after(last))
    place = new[-1]
    for op in division.after:
        op.detach()
        Rewriter.insert_op(op, InsertPoint.after(place))
        place = op


def _leaving(division: Division) -> list[SSAValue]:
    """The results of hardware that others use, in order."""
    hardware = {*division.hardware}
    return [
        result
        for op in division.hardware
        for result in op.results
        if any(use.operation not in hardware for use in result.uses)
    ]


def _cut(joined: SSAValue, start: int, value: SSAValue) -> Sequence[Operation]:
    """Ops that take `value` out of the vector, in its own shape and type."""
    part = SliceOp(joined, [0, start], [1, prod(shape_of(value))])
    ops: list[Operation] = [part]
    if shape_of(part.result) != shape_of(value):
        ops.append(ReshapeOp(part.result, shape_of(value)))
    if element_type(part.result) != element_type(value):
        ops.append(QuantizeOp(ops[-1].results[0], element_type(value)))
    ops[-1].results[0].name_hint = value.name_hint
    return ops
