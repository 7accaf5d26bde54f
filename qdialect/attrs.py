# SPDX-License-Identifier: Apache-2.0
"""Attributes: dense constants that hold a numpy array, proven ranges, rounding and overflow keywords."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from math import prod
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xdsl.dialects.builtin import IntAttr, IntegerType, TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Data, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, TypedAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .affine import parse_fraction
from .formats import BipolarFormat, FixedFormat, FloatFormat, IntRange, Overflow, Rounding
from .types import FormatType, QTensor, RealType, is_f32, tensor_type

Array: TypeAlias = NDArray[Any]
T = TypeVar("T")

MAX_ELEMENTS = 1 << 28  # a larger constant is a typing mistake; it must not exhaust the memory
INLINE_LIMIT = 64  # up to this many elements a constant prints as numbers that a person can read and edit

_elide: ContextVar[bool] = ContextVar("elide_dense_constants", default=False)


@contextmanager
def elided_constants() -> Generator[None]:
    """Within this context large constants print as a digest: for diagnostics, which must not dump weights."""
    token = _elide.set(True)
    try:
        yield
    finally:
        _elide.reset(token)


class Buffer:
    """A read-only array, compared and hashed by the digest of its contents."""

    __slots__ = ("_digest", "_extremes", "_facts", "array")

    def __init__(self, array: Array, extremes: IntRange | None = None):
        self.array = array
        self._digest: bytes | None = None
        self._extremes = extremes
        self._facts: dict[Hashable, Any] = {}

    @property
    def extremes(self) -> IntRange:
        """Least and greatest element of an array of integers that is not empty."""
        if self._extremes is None:
            self._extremes = IntRange(int(self.array.min()), int(self.array.max()))
        return self._extremes

    def fact(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` finds out about the array, computed once for each key and kept as long as the array."""
        if key not in self._facts:
            self._facts[key] = compute()
        return self._facts[key]

    @property
    def digest(self) -> bytes:
        if self._digest is None:
            hasher = hashlib.blake2b(f"{self.array.dtype.str}{self.array.shape}".encode(), digest_size=16)
            if self.array.dtype == object:
                hasher.update(" ".join(map(str, self.array.reshape(-1))).encode())
            elif self.array.size:
                hasher.update(self.array.reshape(-1).view(np.uint8).data)
            self._digest = hasher.digest()
        return self._digest

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Buffer) and self.digest == other.digest)

    def __hash__(self) -> int:
        return int.from_bytes(self.digest[:8], "little")

    def __repr__(self) -> str:
        return f"Buffer({self.array.dtype}{list(self.array.shape)}, {self.digest.hex()[:12]})"


@irdl_attr_definition
class BufferAttr(Data[Buffer]):
    """The array of a `#q.dense`; never written by itself."""

    name = "q.buffer"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Buffer:
        parser.raise_error("#q.buffer has no text form of its own; write #q.dense<... : tensor<...>>")

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(f'<"{self.data.digest.hex()}">')  # reached from error messages only


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


def _code_range(element_type: Attribute) -> IntRange | None:
    if not isinstance(element_type, FormatType):
        return None
    format_ = cast(FormatType[Any], element_type).format
    if isinstance(format_, FloatFormat):
        return IntRange(0, (1 << format_.word_length) - 1)
    assert isinstance(format_, FixedFormat | BipolarFormat)
    return format_.code_range


def _fault(buffer: Buffer, type_: QTensor) -> str | None:
    """Why an array (of codes) does not fit `type_`, or None."""
    array = buffer.array
    if array.shape != type_.get_shape():
        return f"constant of shape {list(array.shape)} does not fit {type_}"
    range_ = _code_range(type_.element_type)
    if range_ is None or not array.size:
        return None
    found = buffer.extremes
    if found not in range_:
        bad = found.hi if found.hi > range_.hi else found.lo
        return f"{type_.element_type} cannot hold the code {bad}; mend: its codes are {range_.lo} to {range_.hi}"
    if isinstance(cast(FormatType[Any], type_.element_type).format, BipolarFormat) and bool((array == 0).any()):
        return "!q.bipolar cannot hold the code 0; mend: its codes are -1 and 1"
    return None


@irdl_attr_definition
class DenseAttr(TypedAttribute):
    """`#q.dense<[[1, -2], [3, 4]] : tensor<2x2x!q.fixed<8, 4>>>`: a constant tensor.

    Elements are codes for the types with a format, numbers for f32, fractions (`"1/3"`) for `!q.real`. Up to 64
    elements print as numbers, equal ones as one number, more as base64 of the codes packed to their word length.
    """

    name = "q.dense"

    buffer: BufferAttr = param_def()
    type: TensorType[Attribute] = param_def()

    def __init__(self, array: ArrayLike, type_: QTensor):
        """`array`: codes (values for f32 and real) of any numeric dtype; VerifyException if one does not fit."""
        given = Buffer(np.asarray(array))
        fault = _fault(given, type_)
        if fault:
            raise VerifyException(fault)
        super().__init__(BufferAttr(_frozen(given, type_.element_type)), type_)

    def verify(self) -> None:
        fault = _fault(self.buffer.data, self.type)
        if fault:
            raise VerifyException(fault)

    @property
    def array(self) -> Array:
        """Read-only codes (or values), of shape `type`'s."""
        return self.buffer.data.array

    @property
    def extremes(self) -> IntRange:
        """Least and greatest code of a constant that is not empty, of a type with integer codes."""
        return self.buffer.data.extremes

    def fact(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` finds out about the codes, computed once for each key."""
        return self.buffer.data.fact(key, compute)

    @property
    def digest(self) -> bytes:
        return self.buffer.data.digest

    def get_type(self) -> Attribute:
        return self.type

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            literal = _parse_literal(parser)
            end = parser.pos
            parser.parse_punctuation(":")
            type_ = _parse_constant_type(parser)
            try:
                given = Buffer(_array_of(literal, type_))
                fault = _fault(given, type_)
                frozen = _frozen(given, type_.element_type) if fault is None else given
            except (ValueError, OverflowError, TypeError, VerifyException, binascii.Error) as reason:
                parser.raise_error(f"not a constant of {type_}: {reason}", position, end)
            if fault:
                parser.raise_error(fault, position, end)
        return (BufferAttr(frozen), type_)

    def print_parameters(self, printer: Printer) -> None:
        flat = self.array.reshape(-1)
        printer.print_string("<")
        if flat.size > INLINE_LIMIT and _uniform(flat):
            printer.print_string(_number_text(flat[0]))
        elif flat.size <= INLINE_LIMIT:
            printer.print_string(_nested_text(self.array))
        elif _elide.get():
            printer.print_string(f'"elided blake2b:{self.digest.hex()[:12]}"')
        elif flat.dtype == object and isinstance(self.type.element_type, RealType):
            printer.print_string(_nested_text(self.array))
        else:
            printer.print_string(f'"{_pack(flat, self.type.element_type)}"')
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_string(">")

    def __str__(self) -> str:
        with elided_constants():
            return super().__str__()

    def print_without_type(self, printer: Printer) -> None:
        self.print_parameters(printer)

    @staticmethod
    def parse_with_type(parser: AttrParser, type: Attribute) -> TypedAttribute:
        return DenseAttr.new(DenseAttr.parse_parameters(parser))


def _frozen(given: Buffer, element_type: Attribute) -> Buffer:
    """The array as a constant stores it. Bytes that nobody can write are not copied."""
    extremes = given.extremes if given.array.size and _code_range(element_type) is not None else None
    return Buffer(_freeze(given.array, element_type), extremes)


def _freeze(array: Array, element_type: Attribute) -> Array:
    dtype = storage_dtype(element_type)
    if array.dtype == dtype and not dtype.hasobject and array.flags.c_contiguous and _is_immutable(array):
        return array
    frozen = np.array(array, dtype=dtype, order="C")  # a copy: it becomes read-only
    if isinstance(element_type, RealType):
        frozen = _map_objects(Fraction, frozen)
    elif frozen.dtype == object:
        frozen = _map_objects(int, frozen)
    frozen.flags.writeable = False
    return frozen


def _is_immutable(array: Array) -> bool:
    """True if the elements lie in bytes, or in an array that is read-only itself, as those of constants are."""
    base: object = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return False
        base = cast(object, base.base)
    return base is None or isinstance(base, bytes)


def _map_objects(convert: Any, array: Array) -> Array:
    result = np.empty(array.shape, dtype=object)
    result.reshape(-1)[:] = [convert(item) for item in array.reshape(-1)]
    return result


def _uniform(flat: Array) -> bool:
    if flat.dtype.kind == "f":  # by bits: -0.0 and NaN must survive
        flat = flat.view(np.uint32)
    return bool((flat == flat[0]).all())


def _number_text(item: Any) -> str:
    if isinstance(item, Fraction):
        return f'"{item}"'
    if isinstance(item, np.floating):
        value = float(item)
        if not np.isfinite(value):
            return f'"{value}"'
        digits, e, exponent = repr(float(str(item))).partition("e")
        return f"{digits}{'.0' if e and '.' not in digits else ''}{e}{exponent}"  # MLIR asks for the point
    return str(int(item))


def _nested_text(array: Array) -> str:
    if array.ndim == 0:
        return _number_text(array[()])
    return "[" + ", ".join(_nested_text(np.asarray(row, dtype=array.dtype)) for row in array) + "]"


def _parse_constant_type(parser: AttrParser) -> QTensor:
    position = parser.pos
    type_ = parser.parse_type()
    if not isinstance(type_, TensorType):
        parser.raise_error(f"a constant is a tensor, not {type_}", position, parser.pos)
    shape = type_.get_shape()
    if min(shape, default=0) < 0:
        parser.raise_error(f"a constant has a fixed shape, not that of {type_}", position, parser.pos)
    if prod(shape) > MAX_ELEMENTS:
        parser.raise_error(
            f"a constant has at most {MAX_ELEMENTS} elements, {type_} has {prod(shape)}", position, parser.pos
        )
    return tensor_type(type_)


def _parse_literal(parser: AttrParser) -> Any:
    """Nested lists of int, float or str; a bare number or string for a splat or packed codes."""
    items = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_literal(parser))
    if items is not None:
        return items
    text = parser.parse_optional_str_literal()
    if text is not None:
        return text
    return parser.parse_number()


def _array_of(literal: Any, type_: QTensor) -> Array:
    shape, element_type = type_.get_shape(), type_.element_type
    if isinstance(literal, str) and not (isinstance(element_type, RealType) or _is_special_float(literal)):
        return _unpack(literal, element_type, shape)
    items = np.array(literal, dtype=object)
    if not items.size and 0 in shape:
        return np.zeros(shape, dtype=storage_dtype(element_type))
    if items.ndim and items.shape != shape:
        raise ValueError(f"the numbers have shape {list(items.shape)}")
    if isinstance(element_type, RealType):
        converted = _map_objects(_fraction, items)
    elif is_f32(element_type):
        with np.errstate(over="ignore"):
            converted = items.astype(np.float32)
        if any(not isinstance(item, str) for item in items[np.isinf(converted)]):
            raise ValueError("a number is too large for f32")
    else:
        if any(not isinstance(item, int) for item in items.reshape(-1)):
            raise ValueError("codes are whole numbers")
        converted = items
    return np.broadcast_to(converted, shape)


def _is_special_float(text: str) -> bool:
    return text in ("inf", "-inf", "nan")


def _fraction(item: Any) -> Fraction:
    return parse_fraction(item) if isinstance(item, str) else Fraction(item)


def _pack(flat: Array, element_type: Attribute) -> str:
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


def _unpack(text: str, element_type: Attribute, shape: tuple[int, ...]) -> Array:
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


@irdl_attr_definition
class RangeAttr(ParametrizedAttribute):
    """`#q.range<-784, 784>`: a proof that every code of a value lies in [lo, hi], in quanta of the value's type."""

    name = "q.range"

    lo: IntAttr = param_def(converter=IntAttr.get)
    hi: IntAttr = param_def(converter=IntAttr.get)

    def __init__(self, lo: int, hi: int):
        super().__init__(lo, hi)

    def verify(self) -> None:
        if self.lo.data > self.hi.data:
            raise VerifyException(f"#q.range<{self.lo.data}, {self.hi.data}> is empty")

    @property
    def range(self) -> IntRange:
        return IntRange(self.lo.data, self.hi.data)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            lo = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            hi = parser.parse_integer(allow_boolean=False)
            if lo > hi:
                parser.raise_error(f"#q.range<{lo}, {hi}> is empty", position, parser.pos)
        return (IntAttr(lo), IntAttr(hi))

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.lo.data}, {self.hi.data}>")


# formats.py knows no xDSL, so its enums are those of the standard library.
@irdl_attr_definition
class RoundingAttr(EnumAttribute[Rounding], SpacedOpaqueSyntaxAttribute):  # pyright: ignore[reportInvalidTypeArguments]
    """How `q.quantize` rounds: half_even, half_up, half_down, ceil, floor, up, down."""

    name = "q.rounding"


@irdl_attr_definition
class OverflowAttr(EnumAttribute[Overflow], SpacedOpaqueSyntaxAttribute):  # pyright: ignore[reportInvalidTypeArguments]
    """What `q.quantize` does with a code that does not fit: saturate, wrap."""

    name = "q.overflow"
