# SPDX-License-Identifier: Apache-2.0
"""From a format, and what was seen of the numbers, to a quantiser: its type and scale.

Free scales have 12 significant bits: they lose nothing that matters, the product of two is exact in float32 (so a bias
in quanta of the products is exactly on the grid of the accumulator), and they keep the hardware's constants short.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frontends.precision.format_parser import LARGEST_SCALED
from ...frontends.precision.specification import Clip, FormatChoice, Granularity, Kind
from ...qdialect.attrs import Array
from ...qdialect.types import FixedType, FloatType, UFixedType, type_of
from .clipping import clip_range, squared_error, weight_limits
from .histogram import Histogram
from .quantizer import Quantizer, largest_number

SCALE_BITS = 12
MOST_THRESHOLD_BITS = 8  # wider codes become hardware by multiply-shift alone
FINE_BITS = 6  # from here on, saturating one number in ten thousand does less harm than the error that it saves


def activation_quantizer(histogram: Histogram, choice: FormatChoice, bits: int, at_join: bool = False) -> Quantizer:
    """The quantiser of an activation in the chosen format.

    Args:
        bits: its word length.
        at_join: it is, or becomes, a sum of two branches: see `tieless_scale`.
    """
    type_ = _activation_type(histogram, choice, bits)
    if choice.fraction_bits is not None:
        return Quantizer(type_, np.float32(2.0) ** np.asarray(-choice.fraction_bits, np.float32))
    if isinstance(type_, FloatType):
        largest = max(-histogram.low, histogram.high)
        return Quantizer(type_, _float_scale(np.asarray(largest), type_, choice))
    clip = choice.clip or (Clip.PERCENTILE if bits >= FINE_BITS else Clip.MSE)
    signed = isinstance(type_, FixedType)
    levels = 2**type_.format.word_length - (2 if signed else 1)
    low, high = clip_range(histogram, clip, levels, signed, choice.percentile)
    if isinstance(type_, UFixedType) and not choice.asymmetric:
        low = 0.0
    step, zero_point = (high - low) / levels, None
    if choice.asymmetric and choice.bits.lo < choice.bits.hi:
        step, zero_point = coarse_zero_point(low, high, levels, 1 << (choice.bits.hi - choice.bits.lo))
    if choice.power_of_two:
        scale = _power_of_two_step(histogram, step, levels, signed, clip)
    else:
        exact = prime_scale if bits > MOST_THRESHOLD_BITS else tieless_scale if at_join else None
        scale = short_scale(np.asarray(step)) if exact is None else exact(step)
    if zero_point is None:
        zero_point = int(np.rint(-low / float(scale))) if choice.asymmetric else 0
    return Quantizer(type_, scale, min(max(zero_point, 0), levels))


def coarse_zero_point(low: float, high: float, levels: int, quantum: int) -> tuple[float, int]:
    """The least step, with a zero point that is a multiple of `quantum`, at which codes 0 to `levels` hold both ends.

    A search for word lengths drops the last bits of codes: zero stays a code only if its own are 0. `low <= 0 <= high`.
    """
    ideal = -low / (high - low) * levels / quantum if high > low else 0.0
    found: list[tuple[float, int]] = []
    for zero in (int(ideal) * quantum, (int(ideal) + 1) * quantum):
        if zero < levels and (zero or low == 0):
            found.append((max(-low / zero if zero else 0.0, high / (levels - zero)), zero))
    return min(found)


def _activation_type(histogram: Histogram, choice: FormatChoice, bits: int) -> FixedType | UFixedType | FloatType:
    if choice.float_format is not None:
        type_ = type_of(choice.float_format)
        assert isinstance(type_, FloatType)
        return type_
    if choice.kind is Kind.UFIXED or choice.asymmetric:
        return UFixedType(bits)
    signed = histogram.low < 0 or choice.fraction_bits is not None
    return FixedType(bits) if signed else UFixedType(bits)


def _power_of_two_step(histogram: Histogram, step: float, levels: int, signed: bool, clip: Clip) -> Array:
    """The power of two above the step, or the one below where that makes the squared error less."""
    above = float(power_of_two_above(np.asarray(step)))
    candidates = [above] if clip is Clip.MAX else [above, above / 2]
    share = 0.5 if signed else 0.0

    def cost(scale: float) -> float:
        return squared_error(histogram, (-share * levels * scale, (1 - share) * levels * scale), levels)

    return np.asarray(min(candidates, key=cost), np.float32)


def weight_quantizer(weights: Array, axis: int | None, choice: FormatChoice, bits: int) -> Quantizer:
    """The quantiser of weights; `axis` counts the output channels (None: they have none of their own)."""
    axis = axis if choice.granularity is Granularity.CHANNEL else None
    if choice.float_format is not None:
        type_ = type_of(choice.float_format)
        assert isinstance(type_, FloatType)
        limits = weight_limits(weights, axis, 1, Clip.MAX)
        return Quantizer(type_, _scalar(_float_scale(limits, type_, choice)))
    if choice.fraction_bits is not None:
        return Quantizer(FixedType(bits), np.float32(2.0) ** np.asarray(-choice.fraction_bits, np.float32))
    levels = 2 ** (bits - 1) - 1
    limits = weight_limits(weights, axis, levels, choice.clip or Clip.MSE)
    scale = _scalar(_scale_for(limits, levels, choice.power_of_two))
    return Quantizer(FixedType(bits), scale, narrow=True)


def _scalar(scale: Array) -> Array:
    return scale.reshape(()) if scale.size == 1 else scale


def _float_scale(limits: Array, type_: FloatType, choice: FormatChoice) -> Array:
    return _scale_for(limits, min(largest_number(type_), LARGEST_SCALED), choice.power_of_two)


def _scale_for(limits: Array, largest: Any, power_of_two: bool) -> Array:
    """Scales at which the largest code stands for the limits."""
    steps = limits / float(largest)
    return power_of_two_above(steps).astype(np.float32) if power_of_two else short_scale(steps)


def short_scale(steps: Array) -> Array:
    """The nearest float32 with SCALE_BITS significant bits; 1 for steps that are zero."""
    mantissas, exponents = np.frexp(np.where(steps > 0, steps, 1.0))
    rounded = np.rint(np.ldexp(mantissas, SCALE_BITS))
    return np.asarray(np.ldexp(rounded, exponents - SCALE_BITS), np.float32)


def tieless_scale(step: float) -> Array:
    """The step as a float32 with an odd 24-bit mantissa; 1 if it is zero.

    A sum of two branches, `a * s + b * t` in quanta of r, becomes integers with one rounding only if no sum of codes
    lies half-way between two codes: short scales have many such ties, these have none but by rare chance.
    """
    scale = np.float32(step if step > 0 else 1.0)
    mantissa = int(np.ldexp(np.frexp(scale)[0], 24))
    return np.asarray(scale if mantissa % 2 else np.nextafter(scale, np.float32(np.inf)), np.float32)


def prime_scale(step: float) -> Array:
    """The step as a float32 whose mantissa, of 24 bits, is the prime next below.

    Sums of products have no ties when they become codes of many bits, for which thresholds would be too many:
    `2 * sum * s * t` is an odd multiple of the scale only if the prime divides one of them, and short scales s, t are
    less than it.
    """
    whole, exponent = _mantissa(tieless_scale(step))
    while not _is_prime(whole):
        whole -= 2
    return np.asarray(np.ldexp(np.float32(whole), exponent), np.float32)


def _mantissa(scale: Array) -> tuple[int, int]:
    """(m, e) of one float32 m * 2^e, m of 24 bits."""
    mantissa, exponent = np.frexp(scale.reshape(-1)[0])
    return int(np.ldexp(mantissa, 24)), int(exponent) - 24


def _is_prime(odd: int) -> bool:
    return all(odd % divisor for divisor in range(3, isqrt(odd) + 1, 2))


def alike_scale(steps: Array, scale: Array) -> Array:
    """The steps as scales of the kind that `scale` is: short, prime, tieless, or any if there are several."""
    if np.array_equal(short_scale(scale), scale):
        return short_scale(steps)
    if steps.size > 1:
        return steps.astype(np.float32)
    whole, _ = _mantissa(scale)
    exact = prime_scale if whole % 2 and _is_prime(whole) else tieless_scale
    return exact(float(steps.reshape(-1)[0])).reshape(steps.shape)


def next_scale(scale: Array) -> Array | None:
    """The number next to a prime scale (below) or a tieless one (above) that is of the same kind; None for others."""
    if scale.size > 1 or np.array_equal(short_scale(scale), scale):
        return None
    whole, exponent = _mantissa(scale)
    by = -2 if whole % 2 and _is_prime(whole) else 1
    return alike_scale(np.ldexp(np.float32(whole + by), exponent).reshape(scale.shape), scale)


def power_of_two_above(steps: Array) -> NDArray[np.float64]:
    """The least power of two that is not below each step; 1 for steps that are zero."""
    mantissas, exponents = np.frexp(np.where(steps > 0, steps, 1.0))
    return np.ldexp(1.0, np.where(mantissas == 0.5, exponents - 1, exponents))


def bias_quantizer(bits: int, input_scale: Array, weight_scale: Array) -> Quantizer:
    """The quantiser of a bias: its quantum is that of the products. `weight_scale` broadcasts against the bias."""
    return Quantizer(FixedType(bits), np.asarray(input_scale * weight_scale, np.float32))
