# SPDX-License-Identifier: Apache-2.0
"""Meaning of the ops that only move elements: `q.reshape`, `q.transpose`, ..."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...formats import IntRange
from ...q import MoveOp
from ...types import element_type, shape_of
from ..operands import Operand, aligned_operands
from ..registry import Compiled, meaning
from ..values import Array, Numbers, hull


@meaning(MoveOp, view=True)
def move(op: MoveOp, operands: Sequence[Numbers]) -> Compiled:
    shape = shape_of(op.result)
    if len(operands) == 1:
        return [replace(operands[0], shape=shape)], lambda x: op.move(x, lead=1)
    aligned = aligned_operands(element_type(op.result), operands)
    result = replace(aligned[0].numbers, element_type=element_type(op.result), shape=shape, constant=None)
    result = replace(result, range=_hull(aligned), reusable=False)

    def kernel(*arrays: Array) -> Array:
        given, frames = iter(arrays), len(arrays[0])
        return op.move(*(_frames(operand, given, frames) for operand in aligned), lead=1)

    return [result], kernel


def _frames(operand: Operand, given: Iterator[Array], frames: int) -> Array:
    """The operand's array in a run: converted, or a constant repeated for every frame."""
    if operand.constant is not None:
        return np.broadcast_to(operand.constant, (frames, *operand.numbers.shape))
    array = next(given)
    return array if operand.convert is None else operand.convert(array)


def _hull(operands: Sequence[Operand]) -> IntRange | None:
    ranges = [operand.numbers.range for operand in operands]
    return hull(*(range_ for range_ in ranges if range_ is not None)) if None not in ranges else None
