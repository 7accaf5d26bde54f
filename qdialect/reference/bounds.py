# SPDX-License-Identifier: Apache-2.0
"""The range of each channel, where one range of all would be too wide: it spares checks in a run.

Followed through the ops that make up the layers of a quantised network with channels last; other ops have one range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from xdsl.ir import Operation

from ..formats import BipolarFormat, FloatFormat, IntRange, Overflow
from ..q import AddOp, ConvOp, MulOp, QuantizeOp
from ..rounding import as_integers, round_quotient, saturation_range
from ..types import element_type, format_of, is_integer_type, shape_of
from .values import Array, Bounds, Numbers, common_scale


def channel_bounds(op: Operation, operands: Sequence[Numbers]) -> Bounds | None:
    """Lowest and highest code of each channel of the result, or None where one range says as much."""
    transfer = _TRANSFERS.get(type(op))
    if transfer is None or not is_integer_type(element_type(op.results[0])):
        return None
    if any(numbers.scale is None for numbers in operands):
        return None
    return transfer(op, *operands)


def _of(numbers: Numbers) -> Bounds:
    """Object arrays [C]."""
    if numbers.bounds is not None:
        return numbers.bounds
    range_, channels = numbers.exact[1], numbers.shape[-1]
    return np.full(channels, range_.lo, dtype=object), np.full(channels, range_.hi, dtype=object)


def _by_channel(numbers: Numbers, channels: int) -> Array | None:
    """A constant that is the same at all places, as an object array [C]."""
    constant = numbers.constant
    if constant is None or constant.size not in (1, channels) or (constant.size > 1 and constant.shape[-1] == 1):
        return None
    return np.broadcast_to(as_integers(constant).reshape(-1), (channels,)).astype(object)


def _conv(op: ConvOp, x: Numbers, weights: Numbers) -> Bounds | None:
    if not op.channels_last or weights.constant is None or not weights.constant.size:
        return None
    groups, numbers = op.groups, as_integers(weights.constant)
    taps = numbers.reshape(groups, len(numbers) // groups, numbers.shape[1], -1)
    up, down = np.maximum(taps, 0).sum(axis=3), np.minimum(taps, 0).sum(axis=3)
    low, high = _of(x)
    low, high = np.minimum(low, 0), np.maximum(high, 0)  # pads are zeros
    largest = max(int(up.max()), -int(down.min())) * max(int(high.max()), -int(low.min()))
    dtype = np.int64 if largest * numbers.shape[1] < 1 << 62 else object
    up, down = up.astype(dtype), down.astype(dtype)
    low, high = (ends.astype(dtype).reshape(groups, 1, -1) for ends in (low, high))
    least, most = (up * low + down * high).sum(axis=2), (up * high + down * low).sum(axis=2)
    return least.reshape(-1).astype(object), most.reshape(-1).astype(object)


def _mul(op: MulOp, x: Numbers, factors: Numbers) -> Bounds | None:
    if x.constant is not None or shape_of(op.result) != x.shape or not x.shape:
        return None
    factor = _by_channel(factors, x.shape[-1])
    if factor is None:
        return None
    ends = [end * factor for end in _of(x)]
    return np.minimum(*ends), np.maximum(*ends)


def _add(op: AddOp, x: Numbers, addends: Numbers) -> Bounds | None:
    if x.constant is not None or shape_of(op.result) != x.shape or not x.shape:
        return None
    addend = _by_channel(addends, x.shape[-1])
    if addend is None:
        return None
    (first, _), (second, _) = x.exact, addends.exact
    scale = common_scale(first, second)
    low, high = (end * int(first / scale) + addend * int(second / scale) for end in _of(x))
    return low, high


def _quantize(op: QuantizeOp, x: Numbers) -> Bounds | None:
    format_ = format_of(element_type(op.result))
    if isinstance(format_, FloatFormat | BipolarFormat) or x.bounds is None or op.overflow is Overflow.WRAP:
        return None
    held = saturation_range(format_, op.narrow)
    ratio = x.exact[0] * Fraction(2) ** format_.fraction_bits

    def code(end: Array) -> Array:
        rounded = round_quotient(end * ratio.numerator, ratio.denominator, op.rounding)
        return np.clip(np.asarray(rounded, dtype=object), held.lo, held.hi)

    return code(x.bounds[0]), code(x.bounds[1])


def range_of_bounds(bounds: Bounds) -> IntRange:
    return IntRange(int(bounds[0].min()), int(bounds[1].max()))


_TRANSFERS: dict[type[Operation], Callable[..., Any]] = {
    ConvOp: _conv,
    MulOp: _mul,
    AddOp: _add,
    QuantizeOp: _quantize,
}
