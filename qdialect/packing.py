# SPDX-License-Identifier: Apache-2.0
"""How the codes of a constant are stored in numpy, and packed into text: base64 of codes cut to their word length."""

from __future__ import annotations

import base64
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from .formats import BipolarFormat, FloatFormat
from .types import FormatType, RealType, is_f32

Array: TypeAlias = NDArray[Any]


def storage_dtype(element_type: Attribute) -> np.dtype[Any]:
    """numpy type in which codes (or values) of an element type are stored in a constant."""
    if is_f32(element_type):
        return np.dtype("<f4")
    if isinstance(element_type, RealType):
        return np.dtype(object)
    if isinstance(element_type, IntegerType):
        return np.dtype("<i8")
    if not isinstance(element_type, FormatType):
        raise VerifyException(f"#q.dense cannot hold elements of type {element_type}")
    format_ = cast(FormatType[Any], element_type).format
    bits = next((size for size in (8, 16, 32, 64) if format_.word_length <= size), None)
    if bits is None:
        return np.dtype(object)
    signed = not isinstance(format_, FloatFormat) and format_.signed
    return np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")


def pack(flat: Array, element_type: Attribute) -> str:
    """Base64 of the elements, little-endian, each cut to its word length in bits."""
    if not isinstance(element_type, FormatType):
        return base64.b64encode(np.ascontiguousarray(flat).tobytes()).decode()
    format_ = cast(FormatType[Any], element_type).format
    width = format_.word_length
    if width in (8, 16, 32, 64):
        return base64.b64encode(np.ascontiguousarray(flat).tobytes()).decode()
    if isinstance(format_, BipolarFormat):
        flat = (flat > 0).astype(np.uint8)
    if flat.dtype == object:
        size = (width + 7) // 8
        mask = (1 << width) - 1
        return base64.b64encode(b"".join((int(code) & mask).to_bytes(size, "little") for code in flat)).decode()
    bits = np.unpackbits(flat.view(np.uint8).reshape(flat.size, -1), axis=1, bitorder="little")[:, :width]
    return base64.b64encode(np.packbits(bits.reshape(-1), bitorder="little").tobytes()).decode()


def unpack(text: str, element_type: Attribute, shape: tuple[int, ...]) -> Array:
    data = base64.b64decode(text, validate=True)
    dtype, count = storage_dtype(element_type), int(np.prod(shape, dtype=np.int64))
    width = dtype.itemsize * 8
    if isinstance(element_type, FormatType):
        width = cast(FormatType[Any], element_type).format.word_length
    expected = count * ((width + 7) // 8) if dtype.hasobject else (count * width + 7) // 8
    if len(data) != expected:
        raise ValueError(
            f"{len(data)} bytes of packed codes where {expected} are due; mend: packed codes keep the type they were "
            "packed for: change the types of the ops around, not of the constant"
        )
    if not dtype.hasobject and width == dtype.itemsize * 8:
        return np.frombuffer(data, dtype).reshape(shape)
    return _unpack_bits(data, element_type, width, dtype, count).reshape(shape)


def _unpack_bits(data: bytes, element_type: Attribute, width: int, dtype: np.dtype[Any], count: int) -> Array:
    signed = not isinstance(cast(FormatType[Any], element_type).format, FloatFormat) and (
        cast(FormatType[Any], element_type).format.signed
    )
    if dtype.hasobject:
        size = (width + 7) // 8
        codes = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
        half = 1 << (width - 1)
        return np.array([c - 2 * half if signed and c >= half else c for c in codes], dtype=object)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width, bitorder="little").reshape(count, width)
    padded = np.zeros((count, dtype.itemsize * 8), np.uint8)
    padded[:, :width] = bits
    if isinstance(cast(FormatType[Any], element_type).format, BipolarFormat):
        return (bits[:, 0].astype(np.int8) * 2 - 1).astype(np.int8)
    if signed:
        padded[:, width:] = bits[:, -1:]
    return np.packbits(padded, axis=1, bitorder="little").view(dtype).reshape(count)
