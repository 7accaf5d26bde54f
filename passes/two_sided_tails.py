# SPDX-License-Identifier: Apache-2.0
"""Thresholds of a leaky ReLU or PReLU between an integer value and a quantiser, in closed form.

For slopes s of at least 0, `prelu(x) = max(x, s x)` where s <= 1 and `min(x, s x)` where s > 1. What stands behind it
rises or falls, so that the codes are the larger, or the smaller, of those of two tails: a code is reached where one of
the two reaches it, or where both do.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ..qdialect.attrs import Array
from ..qdialect.q import PReluOp, QuantizeOp
from ..qdialect.types import element_type, is_integer_type, shape_of
from .range_analysis import Ranges
from .rewriting import is_constant
from .tail import Clipped, NoTail, Step, TailSource, compose, constant_step, quantized, step_of
from .threshold_math import Tail, Thresholds, pull_back, trimmed


def two_sided_thresholds(op: QuantizeOp, ranges: Ranges, max_levels: int) -> tuple[TailSource, Thresholds]:
    """Where the thresholds begin, and the thresholds. NoTail if there is no such activation, or there are too many."""
    prelu, steps = _prelu_above(op.input)
    slope = constant_step(prelu.slope, shape_of(prelu.result))
    if bool((slope < 0).any()):
        raise NoTail("a slope is negative")
    axes = {axis for step in (*steps, Step(factor=slope)) for axis in step.axes}
    if len(axes) > 1:
        raise NoTail("constants differ along more than one axis")
    axis = len(shape_of(prelu.result)) + axes.pop() if axes else None
    source, function = compose(prelu.input, ranges, axis)
    right, left = (_tail(op, side, steps) for side in (function, function.then(Step(factor=slope.reshape(-1)))))
    behind = function.slope * 0 + 1
    for step in steps:
        behind = behind if step.factor is None else behind * step.factor.reshape(-1)
    greater = (slope.reshape(-1) <= 1) == (behind > 0)
    low, high = (int(end) for end in (min(right.lo.min(), left.lo.min()), max(right.hi.max(), left.hi.max())))
    if high - low > max_levels:
        raise NoTail(
            f"it has {high - low} thresholds, the limit is {max_levels}", "use fewer bits behind the activation"
        )
    low -= 1 if low == high > 0 else 0  # of a constant: its one useless threshold stays on the side of zero
    levels = np.array(range(low + 1, max(high, low + 1) + 1), dtype=object)
    ends = [np.broadcast_to(end, right.slope.shape) for end in (source.amin, source.amax)]
    return source, trimmed(_joined(right, left, levels, ends, greater), right.falls, low, ends[0], ends[1])


def _prelu_above(value: SSAValue) -> tuple[PReluOp, list[Step]]:
    """The activation that `value` follows from, and the steps from it to `value`."""
    steps, shape = list[Step](), shape_of(value)
    while not isinstance(value.owner, PReluOp):
        value, step = step_of(value)
        if is_integer_type(element_type(value)) or shape_of(value) != shape:
            raise NoTail("there is no q.prelu in front of it")
        steps.append(step)
    if not is_constant(value.owner.slope):
        raise NoTail("the slope of q.prelu is computed", "export it as a constant")
    return value.owner, steps[::-1]


def _tail(op: QuantizeOp, function: Clipped, steps: list[Step]) -> Tail:
    for step in steps:
        function = function.then(step.by_channel)
    return quantized(op, function)


def _joined(right: Tail, left: Tail, levels: Array, ends: list[Array], greater: Array) -> Array:
    """[C, B]: thresholds of the greater (where `greater`) or smaller of two tails, by level."""
    tables = [pull_back(tail, levels, *ends) for tail in (right, left)]
    # A constant counts as rising; beside a falling one it falls: reached by all codes below `amax + 1`, or by none.
    turned = right.falls & ~left.falls
    tables[1] = np.where(turned[:, None], (ends[0] + ends[1] + 1)[:, None] - tables[1], tables[1])
    first = greater.astype(bool) != right.falls
    return np.where(first[:, None], np.minimum(*tables), np.maximum(*tables))
