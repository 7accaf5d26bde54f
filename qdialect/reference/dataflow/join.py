# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.add`, `dataflow.sub`, `dataflow.mul`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...dataflow import AddOp, JoinOp, MulOp, SubOp, SumOp
from ...formats import IntRange
from ..operands import Operand, elementwise, exact
from ..registry import Compiled, meaning
from ..values import Array, Numbers, carrier, product, scaled
from .streams import regrouped, stream_numbers


@meaning(AddOp, SubOp)
def sum_(op: SumOp, operands: Sequence[Numbers]) -> Compiled:
    a, b = (exact(numbers) for numbers in operands)
    quantum = min(a.scale, b.scale)
    first, second = (scaled(operand.range, int(operand.scale / quantum)) for operand in (a, b))
    ends = (second.lo, second.hi) if op.SIGN > 0 else (-second.hi, -second.lo)
    total = IntRange(first.lo + ends[0], first.hi + ends[1])
    dtype = carrier(first, second, total)
    result = stream_numbers(op.result_type, dtype, total)
    ufunc = np.add if op.SIGN > 0 else np.subtract
    return _joined(op, ufunc, (a.rescaled(quantum, dtype), b.rescaled(quantum, dtype)), result)


@meaning(MulOp)
def mul(op: MulOp, operands: Sequence[Numbers]) -> Compiled:
    a, b = (exact(numbers) for numbers in operands)
    range_ = product(a.range, b.range)
    dtype = carrier(a.range, b.range, range_)
    result = stream_numbers(op.result_type, dtype, range_)
    return _joined(op, np.multiply, (a.as_dtype(dtype), b.as_dtype(dtype)), result)


def _joined(op: JoinOp, ufunc: np.ufunc, operands: Sequence[Operand], result: Numbers) -> Compiled:
    a, b = (regrouped(operand, *op.runs(number)) for number, operand in enumerate(operands))
    shape = np.broadcast_shapes(op.runs(0), op.runs(1))
    kernel = elementwise(ufunc, a, b, replace(result, shape=shape))

    def joined(*arrays: Array) -> Array:
        return kernel(*arrays).reshape(-1, *result.shape)

    return [result], joined
