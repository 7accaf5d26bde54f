# SPDX-License-Identifier: Apache-2.0
"""Meaning of the ops that only move elements: `q.reshape`, `q.transpose`, ..."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...formats import IntRange
from ...q import MoveOp
from ...types import element_type, is_f32, shape_of
from ..operands import Operand, exact, float32
from ..registry import Compiled, meaning
from ..values import Array, Numbers, carrier, common_scale, hull, scaled


@meaning(MoveOp, view=True)
def move(op: MoveOp, operands: Sequence[Numbers]) -> Compiled:
    shape = shape_of(op.result)
    if len(operands) == 1:
        return [replace(operands[0], shape=shape)], lambda x: op.move(x, lead=1)
    aligned = _aligned(op, operands)
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


def _aligned(op: MoveOp, operands: Sequence[Numbers]) -> list[Operand]:
    """All operands in one dtype, with one scale."""
    if is_f32(element_type(op.result)):
        return [float32(numbers) for numbers in operands]
    if all(numbers.scale is None for numbers in operands):  # codes of one custom float type
        return [Operand(numbers) for numbers in operands]
    exacts = [exact(numbers) for numbers in operands]
    scale = exacts[0].scale
    for operand in exacts[1:]:
        scale = common_scale(scale, operand.scale)
    ranges = [scaled(operand.range, int(operand.scale / scale)) for operand in exacts]
    return [operand.rescaled(scale, carrier(*ranges)) for operand in exacts]
