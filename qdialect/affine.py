# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation as one exact affine function of its input."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import QoptError
from .formats import NoCodeError

Array: TypeAlias = NDArray[Any]

SQRT_BITS = 81  # significant bits of a square root that is irrational: relative error below 2^-80


def reciprocal_sqrt(value: Fraction) -> Fraction:
    """`1 / sqrt(value)` for value > 0: exact if rational, else rounded down with a relative error below 2^-80."""
    numerator, denominator = value.denominator, value.numerator
    top, bottom = isqrt(numerator), isqrt(denominator)
    if top * top == numerator and bottom * bottom == denominator:
        return Fraction(top, bottom)
    shift = max(0, SQRT_BITS - (numerator.bit_length() - denominator.bit_length()) // 2 + 1)
    return Fraction(isqrt((numerator << (2 * shift)) // denominator), 1 << shift)


def batch_norm_affine(
    scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float | Fraction
) -> tuple[Array, Array]:
    """A and B of `A * x + B`, the batch normalisation `(x - mean) / sqrt(variance + epsilon) * scale + bias`.

    Args:
        scale, bias, mean, variance: arrays of one shape, of floats (taken as the exact numbers they are), integers or
            Fractions.
        epsilon: added to the variance.

    Returns: object arrays of Fractions; A has a relative error below 2^-80, B = bias - mean * A without further error.
    Raises: QoptError if variance + epsilon is not positive.
    """
    shifted = as_fractions(variance) + Fraction(epsilon)
    for channel, value in enumerate(shifted.reshape(-1)):
        if value <= 0:
            raise QoptError(
                f"batch normalisation needs variance + epsilon > 0, channel {channel} has {float(value):g}",
                mend="check the model's variances, or give a positive epsilon",
            )
    factor = as_fractions(scale) * _map(reciprocal_sqrt, shifted)
    return factor, as_fractions(bias) - as_fractions(mean) * factor


def as_fractions(numbers: Array) -> Array:
    """The same numbers as an object array of Fractions (floats exactly). Raises NoCodeError for NaN and infinities."""
    array = np.asarray(numbers)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NoCodeError("an infinity or NaN is no exact number")
    return _map(Fraction, array)


_NUMBER = re.compile(r"\s*[-+]?(\d+/\d+|(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?)\s*", re.ASCII | re.IGNORECASE)
_MAX_CHARACTERS = 4000  # of a number; Python refuses to read more than 4300 digits


def parse_fraction(text: str) -> Fraction:
    """`1/3`, `-0.25`, `1e-3`, exactly. Raises ValueError for anything else, and for what would fill the memory."""
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"a number of {len(text)} characters is too long")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is no number such as 1/3, 0.25 or 1e-3")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{text} divides by zero") from None


def _map(function: Any, numbers: Array) -> Array:
    result = np.empty(numbers.shape, dtype=object)
    result.reshape(-1)[:] = [function(number) for number in numbers.reshape(-1).tolist()]  # tolist: Python numbers
    return result
