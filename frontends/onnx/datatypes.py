# SPDX-License-Identifier: Apache-2.0
"""Element types: what numpy, ONNX and FINN call a type, as the types of the q dialect."""

from __future__ import annotations

import re

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute

from ...qdialect.affine import as_fractions
from ...qdialect.formats import IntRange
from ...qdialect.types import BipolarType, FixedType, FloatType, RealType, UFixedType, fixed_type, integer_format
from .model import Array

_SHORT_WORD = 24  # bits: a float64 constant of more of them is a scale or an offset
LARGEST_WHOLE_NUMBER = 1 << 53  # float64 and int64 hold the integers below

_INTEGER = re.compile(r"(U?)INT([0-9]{1,2})")
# TensorProto.DataType of the types that a quantiser or a cast can name -> what numpy and ml_dtypes call them
TYPE_NAMES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    25: "uint2",
    26: "int2",
    27: "float6_e2m3fn",
    28: "float6_e3m2fn",
}
# "fnuz" has one NaN where others have -0: the same numbers as a format without specials
_FLOATS = {
    "float8_e4m3fn": FloatType(4, 3, specials="fn"),
    "float8_e4m3fnuz": FloatType(4, 3, bias=8),
    "float8_e5m2": FloatType(5, 2, specials="ieee"),
    "float8_e5m2fnuz": FloatType(5, 2, bias=16),
    "float6_e2m3fn": FloatType(2, 3),
    "float6_e3m2fn": FloatType(3, 2),
    "float4_e2m1fn": FloatType(2, 1),
}
_FINN_NAMES: dict[str, Attribute] = {"BIPOLAR": BipolarType(), "BINARY": UFixedType(1), "TERNARY": FixedType(2)}


def integer_type(name: str) -> Attribute | None:
    """`int8`, `UINT4`, `bool` -> the fixed type of that width; None for other names."""
    if name.upper() == "BOOL":
        return UFixedType(1)
    match = _INTEGER.fullmatch(name.upper())
    if match is None or not 1 <= int(match[2]) <= 64:
        return None
    return (UFixedType if match[1] else FixedType)(int(match[2]))


def float_type(name: str) -> FloatType | None:
    """`float8_e4m3fn` -> the float type with these numbers; None for other names."""
    return _FLOATS.get(name)


def onnx_name(type_: Attribute | str) -> str:
    """ONNX name of an integer type of the IR, or of a numpy dtype."""
    if isinstance(type_, str):
        return {"float32": "FLOAT", "float64": "DOUBLE", "str": "STRING", "object": "STRING"}.get(type_, type_.upper())
    assert isinstance(type_, FixedType | UFixedType), type_
    bits = type_.format.word_length
    return "BOOL" if type_ == UFixedType(1) else f"{'INT' if isinstance(type_, FixedType) else 'UINT'}{bits}"


def input_type(name: str) -> Attribute | None:
    """Type of a graph input of an ONNX element type; None if it cannot enter a network."""
    return Float32Type() if name == "FLOAT" else integer_type(name)


def finn_type(name: str | None) -> Attribute | None:
    """Type of a FINN datatype annotation; None for real numbers and unknown names."""
    if name is None:
        return None
    return _FINN_NAMES.get(name) or integer_type(name)


def whole_number_type(array: Array) -> FixedType | UFixedType | None:
    """The narrowest type of a float constant whose elements are integers; None for other constants."""
    if array.dtype.kind != "f" or not array.size:
        return None
    if not bool((np.abs(array, dtype=np.float64) < LARGEST_WHOLE_NUMBER).all()):  # which float16 does not hold
        return None
    if not bool((array == np.rint(array)).all()):
        return None
    return fixed_type(IntRange(int(array.min()), int(array.max())))


def exact_constant(array: Array) -> tuple[Attribute, Array]:
    """Type and codes of finite float64 numbers: fixed point for integers and short words, else real numbers."""
    mantissas, exponents = np.frexp(array)
    integers, exponents = np.ldexp(mantissas, 53).astype(np.int64), exponents.astype(np.int64) - 53
    trailing = np.frexp((integers & -integers).astype(np.float64))[1] - 1  # zeros behind the last one
    lowest = int((exponents + trailing)[integers != 0].min(initial=1 << 12))
    highest = int((exponents + 53)[integers != 0].max(initial=0))
    if highest - lowest > (53 if lowest >= 0 else _SHORT_WORD):
        return RealType(), as_fractions(array)
    lowest = lowest if integers.any() else 0
    codes = np.ldexp(array, -lowest).astype(np.int64)
    return fixed_type(IntRange(int(codes.min()), int(codes.max())), -lowest), codes


def annotated_type(array: Array, annotation: str | None) -> Attribute | None:
    """Type that FINN's annotation gives a float32 constant, if all its elements are of that type."""
    type_ = finn_type(annotation)
    if type_ is None or array.dtype.kind != "f" or not array.size or not np.isfinite(array).all():
        return None
    range_ = integer_format(type_).code_range
    fits = bool(np.all(array == np.rint(array))) and range_.lo <= int(array.min()) and int(array.max()) <= range_.hi
    if not fits or (isinstance(type_, BipolarType) and not array.all()):
        return None
    return type_
