# SPDX-License-Identifier: Apache-2.0
"""Which ONNX float type carries the numbers of a value, and constants in it.

A tensor of the file holds the *numbers* of a value (code * 2^-F), not its codes:

- float32 where that is exact: f32, every type whose codes are at most 2^24, small custom floats;
- float64 for codes up to 2^53, so that wide accumulators stay exact; of wider words, numbers below 2^53 are exact, and
  those with at most 53 significant bits (a float32 number cast to int64), and a remark names them;
- `!q.real` rounds, to float32 as other tools have it, or to float64: results agree to about 2^-22, or 2^-50, of their
  size, and a code may differ where the exact number lies that close to a rounding boundary.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...qdialect.attrs import Array, DenseAttr
from ...qdialect.errors import QoptError
from ...qdialect.float_formats import decode, fits_float64
from ...qdialect.formats import FloatFormat, IntRange
from ...qdialect.q.inference import code_range
from ...qdialect.types import FloatType, RealType, element_type, integer_format, is_f32, is_integer_type

DType: TypeAlias = np.dtype[Any]

FLOAT32, FLOAT64, INT64, BOOL = np.dtype("f4"), np.dtype("f8"), np.dtype("i8"), np.dtype("?")
_EXACT_BITS = {FLOAT32: 24, FLOAT64: 53}
_LARGEST_EXPONENT = {FLOAT32: 126, FLOAT64: 1022}  # of powers of two that are normal numbers, as their inverses are


def carrier(value: SSAValue, op: Operation, real: DType) -> DType:
    """The float type that holds the numbers of `value`, for `!q.real` as given; QoptError at `op` if none does."""
    type_ = element_type(value)
    if is_f32(type_):
        return FLOAT32
    if isinstance(type_, RealType):
        return real
    if is_integer_type(type_):
        fraction_bits = integer_format(type_).fraction_bits
        held = next((dtype for dtype in _EXACT_BITS if holds(dtype, code_range(value), fraction_bits)), None)
        if held is None and _is_in_reach(code_range(value), fraction_bits, FLOAT64):
            held = FLOAT64
        mend = "quantize it to a shorter word, with fewer fraction bits"
    else:
        assert isinstance(type_, FloatType)
        held = _float_carrier(type_.format)
        mend = "use a float format with at most 53 significant bits and 11 exponent bits"
    if held is None:
        raise QoptError(f"the numbers of {op.name} of type {type_} do not fit float64", op, mend)
    return held


def holds(dtype: DType, codes: IntRange, fraction_bits: int) -> bool:
    """Whether a float type holds every `code * 2^-fraction_bits` as a normal number, and its quantum and inverse."""
    return max(-codes.lo, codes.hi) <= 1 << _EXACT_BITS[dtype] and _is_in_reach(codes, fraction_bits, dtype)


def _is_in_reach(codes: IntRange, fraction_bits: int, dtype: DType) -> bool:
    exponent = max(-codes.lo, codes.hi).bit_length() - fraction_bits
    return max(abs(fraction_bits), abs(exponent)) <= _LARGEST_EXPONENT[dtype]


def is_rounded(value: SSAValue) -> bool:
    """Whether an integer type has codes that float64 rounds."""
    type_ = element_type(value)
    if not is_integer_type(type_):
        return False
    return not holds(FLOAT64, code_range(value), integer_format(type_).fraction_bits)


def _float_carrier(format_: FloatFormat) -> DType | None:
    if not fits_float64(format_):
        return None
    largest = (format_.max_code >> format_.fraction_bits) - format_.bias
    return FLOAT32 if format_.fraction_bits <= 23 and format_.quantum_exponent >= -149 and largest < 128 else FLOAT64


def is_power_in_range(exponent: int, dtype: DType) -> bool:
    """Whether 2^exponent and 2^-exponent are normal numbers of a float type."""
    return abs(exponent) <= _LARGEST_EXPONENT[dtype]


def numbers(constant: DenseAttr, dtype: DType) -> Array:
    """The numbers of a constant, in a float type; exact but for `!q.real`."""
    type_ = constant.type.element_type
    if is_integer_type(type_):
        codes = constant.array.astype(np.float64)
        return np.ldexp(codes, -integer_format(type_).fraction_bits).astype(dtype)
    if isinstance(type_, FloatType):
        return decode(constant.array, type_.format).astype(dtype)
    return constant.array.astype(dtype)
