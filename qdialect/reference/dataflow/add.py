# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.add`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import AddOp
from ...formats import IntRange
from ..operands import elementwise, exact
from ..registry import Compiled, meaning
from ..values import Numbers, carrier, scaled
from .streams import regrouped, stream_numbers


@meaning(AddOp)
def add(op: AddOp, operands: Sequence[Numbers]) -> Compiled:
    shape = (op.result_type.beats, op.result_type.lanes)
    a, b = (regrouped(exact(numbers), *shape) for numbers in operands)
    quantum = min(a.scale, b.scale)
    first, second = (scaled(operand.range, int(operand.scale / quantum)) for operand in (a, b))
    total = IntRange(first.lo + second.lo, first.hi + second.hi)
    dtype = carrier(first, second, total)
    result = stream_numbers(op.result_type, dtype, total)
    return [result], elementwise(np.add, a.rescaled(quantum, dtype), b.rescaled(quantum, dtype), result)
