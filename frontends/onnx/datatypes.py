# SPDX-License-Identifier: Apache-2.0
"""Element types: what numpy, ONNX and FINN call a type, as the types of the q dialect."""

from __future__ import annotations

import re

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Attribute

from ...qdialect.formats import IntRange
from ...qdialect.types import BipolarType, FixedType, UFixedType, fixed_type, integer_format
from .model import Array

LARGEST_WHOLE_NUMBER = 1 << 53  # float64 and int64 hold the integers below

_INTEGER = re.compile(r"(U?)INT([0-9]{1,2})")
_FINN_NAMES: dict[str, Attribute] = {"BIPOLAR": BipolarType(), "BINARY": UFixedType(1), "TERNARY": FixedType(2)}


def integer_type(name: str) -> Attribute | None:
    """`int8`, `UINT4` -> the fixed type of that width; None for other names."""
    match = _INTEGER.fullmatch(name.upper())
    if match is None or not 1 <= int(match[2]) <= 64:
        return None
    return (UFixedType if match[1] else FixedType)(int(match[2]))


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
    if array.dtype.kind != "f" or not array.size or not bool((np.abs(array) < LARGEST_WHOLE_NUMBER).all()):
        return None
    if not bool((array == np.rint(array)).all()):
        return None
    return fixed_type(IntRange(int(array.min()), int(array.max())))


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
