# SPDX-License-Identifier: Apache-2.0
"""Number formats without any IR: which values a word of bits can hold, and how a value is brought into it.

A *code* is the integer a word stands for: the value of a fixed-point number is `code * 2**-fraction_bits`. Everything
here is exact (integers or `fractions.Fraction`); numpy arrays of codes are int64 where that is enough, else `object`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Rounding(StrEnum):
    """How `q.quantize` picks a code for a value between two codes, named as QONNX's `rounding_mode`."""

    HALF_EVEN = "half_even"  # QONNX ROUND and HALF_EVEN: nearest, ties to even
    HALF_UP = "half_up"  # QONNX HALF_UP: nearest, ties away from zero
    HALF_DOWN = "half_down"  # QONNX HALF_DOWN: nearest, ties toward zero
    CEIL = "ceil"
    FLOOR = "floor"
    UP = "up"  # away from zero
    DOWN = "down"  # toward zero


class Overflow(StrEnum):
    """What `q.quantize` does with a code that the format cannot hold."""

    SATURATE = "saturate"
    WRAP = "wrap"  # modulo 2^word_length; fixed formats only
    INFINITY = "infinity"  # infinity, or NaN in a format without infinity; float formats with specials only


class NoCodeError(ValueError):
    """A number that no code of the format stands for: NaN, or an infinity that cannot saturate."""


@dataclass(frozen=True)
class IntRange:
    """Closed interval of integers [lo, hi]."""

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise ValueError(f"empty range [{self.lo}, {self.hi}]")

    def __contains__(self, other: object) -> bool:
        if isinstance(other, IntRange):
            return self.lo <= other.lo and other.hi <= self.hi
        return isinstance(other, int) and self.lo <= other <= self.hi

    def hull(self, other: IntRange) -> IntRange:
        return IntRange(min(self.lo, other.lo), max(self.hi, other.hi))

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def word_length(self) -> int:
        """Least word length in bits that holds the range: two's complement if `lo < 0`, else unsigned."""
        if self.lo >= 0:
            return max(1, self.hi.bit_length())
        return 1 + max((-self.lo - 1).bit_length(), max(self.hi, 0).bit_length())


@dataclass(frozen=True)
class FixedFormat:
    """`word_length` bits, two's complement if `signed`, value `code * 2**-fraction_bits`."""

    word_length: int
    fraction_bits: int = 0
    signed: bool = True

    @property
    def code_range(self) -> IntRange:
        if self.signed:
            return IntRange(-(1 << (self.word_length - 1)), (1 << (self.word_length - 1)) - 1)
        return IntRange(0, (1 << self.word_length) - 1)


@dataclass(frozen=True)
class BipolarFormat:
    """-1 or +1 in one bit. Codes are the values -1 and +1 (never 0); the wire bit is 1 for +1."""

    @property
    def word_length(self) -> int:
        return 1

    @property
    def fraction_bits(self) -> int:
        return 0

    @property
    def signed(self) -> bool:
        return True

    @property
    def code_range(self) -> IntRange:
        return IntRange(-1, 1)


@dataclass(frozen=True)
class FloatFormat:
    """Sign, `exponent_bits`, `fraction_bits`; see `!q.float`. Codes are the encoded words (unsigned integers)."""

    exponent_bits: int
    fraction_bits: int
    bias: int
    specials: Literal["none", "ieee", "fn"] = "none"
    subnormals: bool = True

    @property
    def word_length(self) -> int:
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def min_exponent(self) -> int:
        """Exponent of the least normal number, 2**min_exponent."""
        return 1 - self.bias

    @property
    def quantum_exponent(self) -> int:
        """Every finite value is a multiple of 2**quantum_exponent (the least subnormal number)."""
        return self.min_exponent - self.fraction_bits

    @property
    def max_code(self) -> int:
        """Code of the largest finite number; codes without sign bit rise with their values."""
        match self.specials:
            case "none":
                return (1 << (self.exponent_bits + self.fraction_bits)) - 1
            case "ieee":
                return (((1 << self.exponent_bits) - 1) << self.fraction_bits) - 1
            case "fn":
                return (1 << (self.exponent_bits + self.fraction_bits)) - 2

    @property
    def infinity_code(self) -> int | None:
        """Code of +infinity, or None."""
        return self.max_code + 1 if self.specials == "ieee" else None

    @property
    def nan_code(self) -> int | None:
        """Code of a quiet NaN, or None."""
        if self.specials == "ieee" and self.fraction_bits:
            return self.max_code + 1 + (1 << (self.fraction_bits - 1))
        return self.max_code + 1 if self.specials == "fn" else None


# The formats whose codes are plain integers: what integer hardware works on.
IntegerFormat = FixedFormat | BipolarFormat
Format = FixedFormat | BipolarFormat | FloatFormat


def smallest_fixed(range_: IntRange, fraction_bits: int = 0) -> FixedFormat:
    """Narrowest fixed format whose codes contain `range_`; unsigned if the range has no negative number."""
    return FixedFormat(range_.word_length, fraction_bits, range_.signed)


def float_format(
    exponent_bits: int,
    fraction_bits: int,
    specials: Literal["none", "ieee", "fn"] = "none",
    bias: int | None = None,
    subnormals: bool = True,
) -> FloatFormat:
    """A float format; the bias is 2^(E-1) - 1 if none is given."""
    if bias is None:
        bias = (1 << (exponent_bits - 1)) - 1
    return FloatFormat(exponent_bits, fraction_bits, bias, specials, subnormals)


FLOAT32 = float_format(8, 23, "ieee")

# Names for the command line and precision specifications. e4m3, e5m2, e3m2, e2m3, e2m1 as in OCP's MX specification.
FORMAT_NAMES: dict[str, Format] = {
    "bipolar": BipolarFormat(),
    "e4m3": float_format(4, 3, "fn"),
    "e5m2": float_format(5, 2, "ieee"),
    "e3m2": float_format(3, 2),
    "e2m3": float_format(2, 3),
    "e2m1": float_format(2, 1),
    "bf16": float_format(8, 7, "ieee"),
    "f16": float_format(5, 10, "ieee"),
}
