# SPDX-License-Identifier: Apache-2.0
"""The rounding modes written out in Fractions, for tests to compare with."""

from fractions import Fraction
from math import ceil, floor

from qopt_mlir.qdialect.formats import Rounding


def rounded(value: Fraction, rounding: Rounding) -> int:
    """The definition of each mode, by sign and magnitude."""
    sign, size = (-1 if value < 0 else 1), abs(value)
    match rounding:
        case Rounding.FLOOR:
            return floor(value)
        case Rounding.CEIL:
            return ceil(value)
        case Rounding.UP:
            return sign * ceil(size)
        case Rounding.DOWN:
            return sign * floor(size)
        case Rounding.HALF_UP:
            return sign * floor(size + Fraction(1, 2))
        case Rounding.HALF_DOWN:
            return sign * ceil(size - Fraction(1, 2))
        case Rounding.HALF_EVEN:
            return round(value)
