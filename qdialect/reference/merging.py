# SPDX-License-Identifier: Apache-2.0
"""What a layer does to its sums, as one step: scale, bias, rounding and clipping, each channel for itself.

Before:  %1 = q.mul %x, %scale;  %2 = q.add %1, %bias;  %3 = q.quantize %2
After:   one kernel that gives the codes of %3 from the integers of %x

Each of these ops is monotone, and so is a chain of them. A chain with few codes is therefore known from the least
integer that reaches each code, which the chain's own kernels tell by bisection; `affine_kernel` finds a line that has
them all, if there is one, and proves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from ..formats import Overflow
from ..q import AddOp, ClipOp, MaxOp, MinOp, MulOp, QuantizeOp, ReluOp, SubOp
from .affine_counts import affine_kernel
from .executor import Step
from .registry import Checked, Kernel
from .values import FLOAT32, FLOAT64, Array, Numbers

MOST_LEVELS = 1 << 10  # codes of a chain, less one

_MONOTONE = (AddOp, ClipOp, MaxOp, MinOp, MulOp, QuantizeOp, ReluOp, SubOp)


def merged(steps: Sequence[Step], returned: Sequence[int]) -> tuple[Step, ...]:
    """The steps, with chains of them that make codes of integers as one; `returned`: slots that stay after them."""
    uses = Counter([*returned, *(slot for step in steps for slot in step.sources)])
    result: list[Step] = []
    start = 0
    while start < len(steps):
        end = start
        while end < len(steps) and _continues(steps[start:end], steps[end], uses):
            end += 1
        step, start = _first_of(steps[start : max(end, start + 1)], start)
        result.append(step)
    return tuple(result)


def _continues(chain: Sequence[Step], step: Step, uses: Counter[int]) -> bool:
    """Whether the step may follow those of the chain in one that is merged."""
    if chain and (step.sources != chain[-1].targets or uses[step.sources[0]] > 1):
        return False
    if not isinstance(step.op, _MONOTONE) or isinstance(step.kernel, Checked) or len(step.sources) != 1:
        return False
    if isinstance(step.op, QuantizeOp) and step.op.overflow is Overflow.WRAP:
        return False
    varying = next(numbers for numbers in step.operands if numbers.constant is None)
    held = step.results[0].range is not None and varying.range is not None
    return held and varying.shape == step.results[0].shape and all(_by_channel(part) for part in step.operands)


def _by_channel(numbers: Numbers) -> bool:
    """Whether it is no constant, or one whose elements at all places of a channel are one."""
    constant = numbers.constant
    return constant is None or constant.size == 1 or constant.size == constant.shape[-1]


def _first_of(chain: Sequence[Step], start: int) -> tuple[Step, int]:
    """The step that does as many of the chain's, from the first, as one kernel can; and the index behind them."""
    for count in range(len(chain), 1, -1):
        kernel = _kernel(chain[:count])
        if kernel is not None:
            dropped = tuple(sorted({slot for step in chain[:count] for slot in step.dropped}))
            last = chain[count - 1]
            step = replace(last, kernel=kernel, sources=chain[0].sources, dropped=dropped, operands=chain[0].operands)
            return step, start + count
    return chain[0], start + 1


def _kernel(chain: Sequence[Step]) -> Kernel | None:
    """A kernel for a chain whose ops are monotone, or None where there is none that is quicker."""
    (x,) = (numbers for numbers in chain[0].operands if numbers.constant is None)
    result = chain[-1].results[0]
    codes = result.exact[1]
    if not 0 < codes.hi - codes.lo <= MOST_LEVELS or not result.shape or x.dtype not in (FLOAT32, FLOAT64):
        return None
    low, high = _ends(x)
    code_of = _function(chain, x)
    first, last = code_of(np.stack([low, high]))
    falls = first > last
    rising = _rising(code_of, falls, codes.lo + codes.hi)
    rows = _thresholds(rising, np.arange(codes.lo + 1, codes.hi + 1)[:, None], low, high)
    return affine_kernel(x, rows, falls, codes, result.dtype, 0)


def _ends(x: Numbers) -> tuple[Array, Array]:
    """Lowest and highest integer of each channel, int64 [C]."""
    channels, range_ = x.shape[-1], x.exact[1]
    low, high = x.bounds or (np.full(channels, range_.lo), np.full(channels, range_.hi))
    return low.astype(np.int64), high.astype(np.int64)


def _function(chain: Sequence[Step], x: Numbers) -> Callable[[Array], Array]:
    """Codes [L, C] that the chain makes of integers [L, C], laid out as the places of frames."""
    places, channels = prod(x.shape[:-1]), x.shape[-1]

    def code_of(integers: Array) -> Array:
        frames = -(-len(integers) // places)
        array = np.zeros((frames * places, channels), x.dtype)
        array[: len(integers)] = integers
        array = array.reshape(frames, *x.shape)
        for step in chain:
            array = step.kernel(array)
        return array.reshape(-1, channels)[: len(integers)].astype(np.int64)

    return code_of


def _rising(code_of: Callable[[Array], Array], falls: Array, ends: int) -> Callable[[Array], Array]:
    """The codes, those of channels that fall mirrored: `ends` is the sum of the lowest and the highest."""

    def rising(integers: Array) -> Array:
        codes = code_of(integers)
        return np.where(falls, ends - codes, codes)

    return rising


def _thresholds(rising: Callable[[Array], Array], codes: Array, low: Array, high: Array) -> Array:
    """For each channel the least integer that reaches each code, [C, B]; one beyond `high` where none does."""
    shape = np.broadcast_shapes(codes.shape, low.shape)
    # one that does not reach the code, and one that does
    below, above = np.broadcast_to(low - 1, shape), np.broadcast_to(high + 1, shape)
    while (above - below).max() > 1:
        middle = ((below + above) >> 1).clip(low, high)
        reached = rising(middle) >= codes
        below, above = np.where(reached, below, middle), np.where(reached, middle, above)
    return np.ascontiguousarray(above.T)
