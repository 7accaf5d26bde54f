# SPDX-License-Identifier: Apache-2.0
"""Attributes: dense constants that hold a numpy array, proven ranges, rounding and overflow keywords."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from math import prod
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import IntAttr, TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Data, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, TypedAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .affine import parse_fraction
from .formats import BipolarFormat, FixedFormat, FloatFormat, IntRange, Overflow, Rounding
from .packing import Array, pack, storage_dtype, unpack
from .sharing import Codebook, codebook_of, decoded, index_width
from .types import FormatType, QTensor, RealType, SharedType, UFixedType, is_f32, tensor_type

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
    if isinstance(type_.element_type, SharedType):
        return _sharing_fault(buffer, type_.element_type.entries.data)
    return None


def _codebook(buffer: Buffer, entries: int) -> Codebook | None:
    return buffer.fact(("codebook", entries), lambda: codebook_of(buffer.array, entries))


def _sharing_fault(buffer: Buffer, entries: int) -> str | None:
    if _codebook(buffer, entries) is not None:
        return None
    distinct = len(np.unique(buffer.array))
    return (
        f"!q.shared has codebooks of {entries} values, but the constant has {distinct} different codes, and no axis "
        f"along which {entries} are enough; mend: write !q.shared<{distinct}, ...>, or run q-share-weights"
    )


@irdl_attr_definition
class DenseAttr(TypedAttribute):
    """`#q.dense<[[1, -2], [3, 4]] : tensor<2x2x!q.fixed<8, 4>>>`: a constant tensor.

    Elements are codes for the types with a format, numbers for f32, fractions (`"1/3"`) for `!q.real`. Up to 64
    elements print as numbers, equal ones as one number, more as base64 of the codes packed to their word length.

    With the element type `!q.shared<K, T>` the elements are indices, and their codebooks follow, with codes of T:
    one for all, or one for each place along an axis. `array` holds the codes that the indices stand for.
    `#q.dense<[[0, 1], [2, 0]] codebook [-3, 0, 7] : tensor<2x2x!q.shared<3, !q.fixed<4, 0>>>>`
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

    @property
    def codebook(self) -> Codebook | None:
        """Indices and codebooks of a constant of a shared type, else None."""
        type_ = self.type.element_type
        return _codebook(self.buffer.data, type_.entries.data) if isinstance(type_, SharedType) else None

    def get_type(self) -> Attribute:
        return self.type

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            literal = _parse_literal(parser)
            codebook = _parse_literal(parser) if parser.parse_optional_keyword("codebook") else None
            end = parser.pos
            parser.parse_punctuation(":")
            type_ = _parse_constant_type(parser)
            try:
                given = Buffer(_array_of(literal, codebook, type_))
                fault = _fault(given, type_)
                frozen = _frozen(given, type_.element_type) if fault is None else given
            except (ValueError, OverflowError, TypeError, VerifyException, binascii.Error) as reason:
                parser.raise_error(f"not a constant of {type_}: {reason}", position, end)
            if fault:
                parser.raise_error(fault, position, end)
        return (BufferAttr(frozen), type_)

    def print_parameters(self, printer: Printer) -> None:
        shared, type_ = self.codebook, self.type.element_type
        printer.print_string("<")
        if shared is None:
            printer.print_string(self._elements_text(self.array, type_))
        else:
            index_type = _index_type(shared.entries)
            printer.print_string(self._elements_text(shared.indices.astype(storage_dtype(index_type)), index_type))
            if not _elide.get():
                printer.print_string(f" codebook {_nested_text(shared.codebook)}")
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_string(">")

    def _elements_text(self, array: Array, type_: Attribute) -> str:
        flat = array.reshape(-1)
        if flat.size > INLINE_LIMIT and _uniform(flat):
            return _number_text(flat[0])
        if flat.size <= INLINE_LIMIT:
            return _nested_text(array)
        if _elide.get():
            return f'"elided blake2b:{self.digest.hex()[:12]}"'
        if flat.dtype == object and isinstance(type_, RealType):
            return _nested_text(array)
        return f'"{pack(flat, type_)}"'

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


def _index_type(entries: int) -> UFixedType:
    """The type in which indices into a codebook are written."""
    return UFixedType(max(1, index_width(entries)))


def _array_of(literal: Any, codebook: Any, type_: QTensor) -> Array:
    """The array of a constant written as `literal`, with a codebook if its type is shared."""
    if not isinstance(type_.element_type, SharedType):
        if codebook is not None:
            raise ValueError(f"only !q.shared has a codebook, not {type_.element_type}")
        return _elements(literal, type_)
    entries, books = type_.element_type.entries.data, np.array(codebook, dtype=object)
    if codebook is None or not books.ndim or any(not isinstance(code, int) for code in books.reshape(-1)):
        raise ValueError(f"{type_.element_type} needs a codebook; mend: write 'codebook [...]' with its codes")
    if not 1 <= books.shape[-1] <= entries:
        raise ValueError(f"its codebook has {books.shape[-1]} entries, {type_.element_type} 1 to {entries}")
    if not isinstance(literal, str):
        indices = _elements(literal, TensorType(UFixedType(32), type_.get_shape()))
    else:
        indices = _elements(literal, TensorType(_index_type(books.shape[-1]), type_.get_shape()))
    return decoded(indices, books)


def _elements(literal: Any, type_: QTensor) -> Array:
    shape, element_type = type_.get_shape(), type_.element_type
    if isinstance(literal, str) and not (isinstance(element_type, RealType) or _is_special_float(literal)):
        return unpack(literal, element_type, shape)
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
