# SPDX-License-Identifier: Apache-2.0
"""Element types: which numbers a value can hold, bit by bit.

| type | holds |
|---|---|
| `!q.fixed<W, F>` | two's complement, W bits, F of them right of the point (F may be negative or above W) |
| `!q.ufixed<W, F>` | the same without sign |
| `!q.bipolar` | -1 or +1 in one bit |
| `!q.float<E, M>` | sign, E exponent bits, M fraction bits; optional `bias`, `specials`, `subnormals` |
| `!q.shared<K, T>` | an index into a codebook of K values of type T (weight sharing) |
| `!q.real` | an exact rational number; has no hardware form and must be gone before the dataflow level |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeAlias, cast

from typing_extensions import TypeVar
from xdsl.dialects.builtin import FixedBitwidthType, Float32Type, IntAttr, StringAttr, TensorType
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .formats import BipolarFormat, FixedFormat, FloatFormat, Format, IntegerFormat, IntRange, smallest_fixed

FormatT = TypeVar("FormatT", bound=Format, covariant=True)

MAX_WORD_LENGTH = 4096  # a wider word is a typing mistake, not a number
MAX_FRACTION_BITS = 1 << 16  # likewise, right or left of the point; exact numbers with more take their time


class FormatType(FixedBitwidthType, ABC, Generic[FormatT]):
    """A type with a bit-level format."""

    name = "q.abstract_format"

    @property
    @abstractmethod
    def format(self) -> FormatT:
        """The number format that the type stands for."""

    @property
    def bitwidth(self) -> int:
        return self.format.word_length

    @property
    def compile_time_size(self) -> int:
        return (self.bitwidth + 7) // 8


class _FixedBase(ParametrizedAttribute, FormatType[FixedFormat]):
    """What `!q.fixed` and `!q.ufixed` share: `<W, F>`. (xDSL compares only the fields of the concrete class.)"""

    name = "q.abstract_fixed"

    word_length: IntAttr
    fraction_bits: IntAttr

    def verify(self) -> None:
        if not 1 <= self.word_length.data <= MAX_WORD_LENGTH:
            raise VerifyException(_bad_word_length(self.name, self.word_length.data))
        if abs(self.fraction_bits.data) > MAX_FRACTION_BITS:
            raise VerifyException(_bad_fraction_bits(self.name, self.fraction_bits.data))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            word_length = parser.parse_integer(allow_boolean=False)
            if not 1 <= word_length <= MAX_WORD_LENGTH:
                parser.raise_error(_bad_word_length(cls.name, word_length), position, parser.pos)
            parser.parse_punctuation(",")
            position = parser.pos
            fraction_bits = parser.parse_integer(allow_boolean=False)
            if abs(fraction_bits) > MAX_FRACTION_BITS:
                parser.raise_error(_bad_fraction_bits(cls.name, fraction_bits), position, parser.pos)
        return (IntAttr(word_length), IntAttr(fraction_bits))

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.word_length.data}, {self.fraction_bits.data}>")


def _bad_word_length(name: str, word_length: int) -> str:
    return f"!{name} needs a word length from 1 to {MAX_WORD_LENGTH} bits, got {word_length}"


def _bad_fraction_bits(name: str, fraction_bits: int) -> str:
    return f"!{name} needs -{MAX_FRACTION_BITS} to {MAX_FRACTION_BITS} fraction bits, got {fraction_bits}"


@irdl_attr_definition
class FixedType(_FixedBase, TypeAttribute):
    """`!q.fixed<W, F>`: two's complement, value = code * 2^-F, code in [-2^(W-1), 2^(W-1) - 1]."""

    name = "q.fixed"

    word_length: IntAttr = param_def(converter=IntAttr.get)
    fraction_bits: IntAttr = param_def(converter=IntAttr.get)

    def __init__(self, word_length: int, fraction_bits: int = 0):
        super().__init__(word_length, fraction_bits)

    @property
    def format(self) -> FixedFormat:
        return FixedFormat(self.word_length.data, self.fraction_bits.data, signed=True)


@irdl_attr_definition
class UFixedType(_FixedBase, TypeAttribute):
    """`!q.ufixed<W, F>`: unsigned, value = code * 2^-F, code in [0, 2^W - 1]."""

    name = "q.ufixed"

    word_length: IntAttr = param_def(converter=IntAttr.get)
    fraction_bits: IntAttr = param_def(converter=IntAttr.get)

    def __init__(self, word_length: int, fraction_bits: int = 0):
        super().__init__(word_length, fraction_bits)

    @property
    def format(self) -> FixedFormat:
        return FixedFormat(self.word_length.data, self.fraction_bits.data, signed=False)


@irdl_attr_definition
class BipolarType(ParametrizedAttribute, FormatType[BipolarFormat], TypeAttribute):
    """`!q.bipolar`: -1 or +1 in one bit (the bit is 1 for +1)."""

    name = "q.bipolar"

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        return ()  # so that parameters are refused: xDSL would read and then trip over them

    @property
    def format(self) -> BipolarFormat:
        return BipolarFormat()


@irdl_attr_definition
class FloatType(ParametrizedAttribute, FormatType[FloatFormat], TypeAttribute):
    """`!q.float<E, M>`: sign, E exponent bits, M fraction bits.

    Options, printed only where they differ from the default: `bias = B` (2^(E-1) - 1), `specials = ieee|fn` (none:
    every code is a number; ieee: top exponent is infinity and NaN; fn: only the all-ones code is NaN), `flush` (no
    subnormal numbers).
    """

    name = "q.float"

    exponent_bits: IntAttr = param_def(converter=IntAttr.get)
    fraction_bits: IntAttr = param_def(converter=IntAttr.get)
    bias: IntAttr = param_def(converter=IntAttr.get)
    specials: StringAttr = param_def(converter=StringAttr.get)
    subnormals: IntAttr = param_def(converter=IntAttr.get)

    def __init__(
        self,
        exponent_bits: int,
        fraction_bits: int,
        bias: int | None = None,
        specials: str = "none",
        subnormals: bool = True,
    ):
        if bias is None:
            bias = (1 << max(exponent_bits - 1, 0)) - 1
        super().__init__(exponent_bits, fraction_bits, bias, specials, int(subnormals))

    def verify(self) -> None:
        fault = _float_fault(self.exponent_bits.data, self.fraction_bits.data, self.specials.data)
        if fault:
            raise VerifyException(fault)

    @property
    def format(self) -> FloatFormat:
        specials = self.specials.data
        assert specials == "none" or specials == "ieee" or specials == "fn"
        return FloatFormat(
            self.exponent_bits.data, self.fraction_bits.data, self.bias.data, specials, bool(self.subnormals.data)
        )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            exponent_bits = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            fraction_bits = parser.parse_integer(allow_boolean=False)
            bias = (1 << max(exponent_bits - 1, 0)) - 1 if exponent_bits < 64 else 0
            specials, subnormals = "none", 1
            while parser.parse_optional_punctuation(","):
                match parser.parse_identifier():
                    case "bias":
                        parser.parse_punctuation("=")
                        bias = parser.parse_integer(allow_boolean=False)
                    case "specials":
                        parser.parse_punctuation("=")
                        specials = parser.parse_identifier()
                    case "flush":
                        subnormals = 0
                    case option:
                        parser.raise_error(f"!q.float knows 'bias', 'specials' and 'flush', not '{option}'")
            fault = _float_fault(exponent_bits, fraction_bits, specials)
            if fault:
                parser.raise_error(fault, position, parser.pos)
        ints = (IntAttr(exponent_bits), IntAttr(fraction_bits), IntAttr(bias))
        return (*ints, StringAttr(specials), IntAttr(subnormals))

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.exponent_bits.data}, {self.fraction_bits.data}")
        if self.bias.data != (1 << (self.exponent_bits.data - 1)) - 1:
            printer.print_string(f", bias = {self.bias.data}")
        if self.specials.data != "none":
            printer.print_string(f", specials = {self.specials.data}")
        if not self.subnormals.data:
            printer.print_string(", flush")
        printer.print_string(">")


def _float_fault(exponent_bits: int, fraction_bits: int, specials: str) -> str | None:
    if not 1 <= exponent_bits <= 15:
        return f"!q.float needs 1 to 15 exponent bits, got {exponent_bits}"
    if not 0 <= fraction_bits <= 112:
        return f"!q.float needs 0 to 112 fraction bits, got {fraction_bits}"
    if specials not in ("none", "ieee", "fn"):
        return f"!q.float knows the specials 'none', 'ieee' and 'fn', not '{specials}'"
    return None


@irdl_attr_definition
class RealType(ParametrizedAttribute, TypeAttribute):
    """`!q.real`: an exact rational number. It has no hardware form: scales and offsets on their way out of the net."""

    name = "q.real"

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        return ()


@irdl_attr_definition
class SharedType(ParametrizedAttribute, FormatType[IntegerFormat], TypeAttribute):
    """`!q.shared<K, T>`: an index of ceil(log2 K) bits into a codebook of K values of the type T. Of constants only.

    A constant of it means `codebook[index]`; whatever takes it takes a constant of T. `format` is that of T.
    """

    name = "q.shared"

    entries: IntAttr = param_def(converter=IntAttr.get)
    value_type: TypeAttribute = param_def()

    def __init__(self, entries: int, value_type: FixedType | UFixedType | BipolarType):
        super().__init__(entries, value_type)

    def verify(self) -> None:
        fault = _shared_fault(self.entries.data, self.value_type)
        if fault:
            raise VerifyException(fault)

    @property
    def format(self) -> IntegerFormat:
        return integer_format(self.value_type)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            position = parser.pos
            entries = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            value_type = parser.parse_type()
            fault = _shared_fault(entries, value_type)
            if fault:
                parser.raise_error(fault, position, parser.pos)
        return (IntAttr(entries), value_type)

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.entries.data}, ")
        printer.print_attribute(self.value_type)
        printer.print_string(">")


MAX_ENTRIES = 1 << 16  # of a codebook: more share nothing


def _shared_fault(entries: int, value_type: Attribute) -> str | None:
    if not 1 <= entries <= MAX_ENTRIES:
        return f"!q.shared needs a codebook of 1 to {MAX_ENTRIES} values, got {entries}"
    if not isinstance(value_type, FixedType | UFixedType | BipolarType):
        return f"!q.shared holds values of !q.fixed, !q.ufixed or !q.bipolar, not of {value_type}"
    return None


IntegerType: TypeAlias = FixedType | UFixedType | BipolarType
QType: TypeAlias = FixedType | UFixedType | BipolarType | SharedType | FloatType | RealType
QTensor: TypeAlias = TensorType[Attribute]


def type_of(format_: Format) -> FixedType | UFixedType | BipolarType | FloatType:
    """The element type of a format."""
    match format_:
        case FixedFormat(word_length, fraction_bits, signed):
            return (FixedType if signed else UFixedType)(word_length, fraction_bits)
        case BipolarFormat():
            return BipolarType()
        case FloatFormat(exponent_bits, fraction_bits, bias, specials, subnormals):
            return FloatType(exponent_bits, fraction_bits, bias, specials, subnormals)


def fixed_type(range_: IntRange, fraction_bits: int = 0) -> FixedType | UFixedType:
    """The narrowest fixed type whose codes contain `range_`."""
    format_ = smallest_fixed(range_, fraction_bits)
    return (FixedType if format_.signed else UFixedType)(format_.word_length, format_.fraction_bits)


def is_integer_type(element_type: Attribute) -> bool:
    """True for the types whose codes are plain integers: fixed, ufixed, bipolar, and those shared."""
    return isinstance(element_type, FixedType | UFixedType | BipolarType | SharedType)


def integer_format(element_type: Attribute) -> IntegerFormat:
    """The format of a fixed, ufixed or bipolar type (of the values of a shared one); else a program fault."""
    assert isinstance(element_type, FixedType | UFixedType | BipolarType | SharedType), element_type
    return element_type.format


def format_of(element_type: Attribute) -> Format:
    """The format of a type that has one; `!q.real` and f32 have none (a program fault)."""
    assert isinstance(element_type, FormatType), element_type
    return cast(Format, element_type.format)


def unshared(element_type: Attribute) -> Attribute:
    """The type of the values of a shared type; any other type itself."""
    return element_type.value_type if isinstance(element_type, SharedType) else element_type


def is_f32(element_type: Attribute) -> bool:
    return isinstance(element_type, Float32Type)


def tensor_type(value: SSAValue | Attribute) -> QTensor:
    """The tensor type of a value (or the type itself); anything else is a program fault."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, TensorType), type_
    return cast(QTensor, type_)


def element_type(value: SSAValue | Attribute) -> Attribute:
    return tensor_type(value).element_type


def shape_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    return tensor_type(value).get_shape()
