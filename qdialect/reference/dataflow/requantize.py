# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.requantize`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...dataflow import RequantizeOp
from ...formats import IntRange
from ...rounding import round_fraction, round_quotient
from ..operands import exact
from ..q.quantize import clipped, rounding_kernel, working_dtype
from ..registry import Compiled, Kernel, meaning
from ..values import FLOAT32, FLOAT64, Array, DType, Numbers, carrier, cast, hull, product
from .streams import stream_numbers


@meaning(RequantizeOp)
def requantize(op: RequantizeOp, operands: Sequence[Numbers]) -> Compiled:
    x, multiplier, addend = exact(operands[0]), operands[1], operands[2]
    term, ratio = product(x.range, multiplier.exact[1]), Fraction(1, 1 << op.shift)
    total = IntRange(term.lo + addend.exact[1].lo, term.hi + addend.exact[1].hi)
    rounded = IntRange(round_fraction(total.lo * ratio, op.rounding), round_fraction(total.hi * ratio, op.rounding))
    codes = clipped(rounded, op.clip.range)
    work = working_dtype(hull(x.range, term, addend.exact[1], total), ratio, op.clip.range)
    result = stream_numbers(op.result_type, carrier(codes), codes)
    assert multiplier.constant is not None, "the verifier asks for constants"
    assert addend.constant is not None, "the verifier asks for constants"
    times, plus = cast(multiplier.constant, work), cast(addend.constant, work)
    convert, finish = x.as_dtype(work).convert or (lambda x: x), _finish_kernel(op, ratio, work)
    by_channel, shape, dtype = (-1, op.channels), result.shape, result.dtype

    def kernel(x: Array) -> Array:
        return cast(finish(convert(x).reshape(by_channel) * times + plus), dtype).reshape(len(x), *shape)

    return [result], kernel


def _finish_kernel(op: RequantizeOp, ratio: Fraction, work: DType) -> Kernel:
    """Shift, round, clip."""
    rounding, clip = op.rounding, op.clip.range
    if work in (FLOAT32, FLOAT64):
        return rounding_kernel(ratio, rounding, clip, work, work)
    return lambda x: np.clip(round_quotient(x, ratio.denominator, rounding), clip.lo, clip.hi)
