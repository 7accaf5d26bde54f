# SPDX-License-Identifier: Apache-2.0
"""The word length that the sums of a quantised layer need, in whole numbers."""

from __future__ import annotations

import numpy as np

from ...frontends.precision.specification import Role, Specification
from ...frontends.precision.syntax import error_in
from ...qdialect.formats import IntRange
from .applying import Quantizers, has_floats, linear_choices
from .layers import Linear, Network
from .quantizer import Quantizer
from .rows import has_rows, weight_rows


def check_accumulators(network: Network, specification: Specification, quantizers: Quantizers) -> None:
    """QoptError if the sums of a layer need more bits than its specification gives the accumulator."""
    for linear in network.linears:
        limit = linear_choices(specification, linear).formats.get(Role.ACCUMULATOR)
        weight = quantizers.weights.get(linear.op)
        activation = None if linear.input is None else quantizers.sites.get(linear.input.value)
        if limit is None or weight is None or activation is None or not has_rows(linear):
            continue
        if has_floats(weight, activation):
            continue
        needed = accumulator_range(linear, weight, activation).word_length
        if needed > limit.bits.hi:
            what = f"the accumulator of '{linear.name}' needs {needed} bits, the limit is {limit.bits.hi}"
            less = needed - limit.bits.hi
            mend = f"give its weights or its input {less} bits less, or the accumulator fixed<{needed}>"
            raise error_in(specification, limit.place, what, mend, linear.op)


def accumulator_range(linear: Linear, weight: Quantizer, activation: Quantizer) -> IntRange:
    """All partial sums of products of codes, in any order (without the bias)."""
    codes = weight_rows(linear, weight.quanta(linear.weights.array)).astype(np.int64)
    positive = np.maximum(codes, 0).sum(axis=-1)
    negative = np.minimum(codes, 0).sum(axis=-1)
    low, high = min(activation.codes.lo, 0), max(activation.codes.hi, 0)
    least = positive * low + negative * high
    greatest = positive * high + negative * low
    return IntRange(min(int(least.min()), 0), max(int(greatest.max()), 0))
