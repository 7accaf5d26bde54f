# SPDX-License-Identifier: Apache-2.0
"""The word length that the sums of a quantised layer need, in whole numbers."""

from __future__ import annotations

import numpy as np

from ...frontends.precision.specification import FormatChoice, Role, Specification
from ...frontends.precision.syntax import error_in
from ...qdialect.errors import QoptError
from ...qdialect.formats import IntRange
from .applying import Quantizers, has_floats, linear_choices, site_choices
from .layers import Linear, Network
from .quantizer import Quantizer
from .rows import sum_terms


def check_accumulators(network: Network, specification: Specification, quantizers: Quantizers) -> None:
    """QoptError if the sums of a layer need more bits than its specification gives the accumulator.

    A search begins with the most bits that the formats allow: there the accumulator has to fit already.
    """
    for linear in network.linears:
        choices = linear_choices(specification, linear)
        limit = choices.formats.get(Role.ACCUMULATOR)
        if limit is None or choices.keep:
            continue
        weight = quantizers.weights.get(linear.op)
        activation = None if linear.input is None else quantizers.sites.get(linear.input.value)
        if weight is None or activation is None or has_floats(weight, activation):
            what = f"the accumulator of '{linear.name}' has a limit, and its weights or its input no chosen integers"
            mend = "give both of a float network a format such as fixed<8>, or leave 'accumulator' out"
            raise error_in(specification, limit.place, what, mend, linear.op)
        needed = accumulator_range(linear, weight, activation).word_length
        if needed > limit.bits.hi:
            raise _too_wide(linear, needed, limit, specification)


def _too_wide(linear: Linear, needed: int, limit: FormatChoice, specification: Specification) -> QoptError:
    assert linear.input is not None
    weight = linear_choices(specification, linear).formats[Role.WEIGHT].bits
    activation = site_choices(specification, linear.input).formats[Role.ACTIVATION].bits
    less = needed - limit.bits.hi
    what = f"the accumulator of '{linear.name}' needs {needed} bits, the limit is {limit.bits.hi}"
    mend = f"give its weights or its input {less} bits less, or the accumulator fixed<{needed}>"
    if weight.lo < weight.hi or activation.lo < activation.hi:
        widest = f"weights of {weight.hi} bits and an input of {activation.hi}"
        what = f"{what}; a search begins with the widest formats, {widest}"
        mend = f"end their ranges {less} bits earlier in all, or give the accumulator fixed<{needed}>"
    return error_in(specification, limit.place, what, mend, linear.op)


def accumulator_range(linear: Linear, weight: Quantizer, activation: Quantizer) -> IntRange:
    """All partial sums of products of codes, in any order (without the bias)."""
    codes = sum_terms(linear, weight.quanta(linear.weights.array)).astype(np.int64)
    positive = np.maximum(codes, 0).sum(axis=-1)
    negative = np.minimum(codes, 0).sum(axis=-1)
    low, high = min(activation.codes.lo, 0), max(activation.codes.hi, 0)
    least = positive * low + negative * high
    greatest = positive * high + negative * low
    return IntRange(min(int(least.min()), 0), max(int(greatest.max()), 0))
