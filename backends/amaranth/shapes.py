# SPDX-License-Identifier: Apache-2.0
"""How numbers and streams of the IR look on wires."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Format, Shape, Value, signed, unsigned
from amaranth.lib import data, stream

from ...qdialect.formats import BipolarFormat, IntegerFormat


def shape_of(format: IntegerFormat) -> Shape:
    """Wires of one element: two's complement or unsigned word; bipolar is one bit, 1 for +1."""
    if isinstance(format, BipolarFormat) or not format.signed:
        return unsigned(format.word_length)
    return signed(format.word_length)


class BeatLayout(data.ArrayLayout):
    """An array layout that prints as one number.

    For an ordinary array layout Amaranth adds a net `name[0]`, `name[1]`, ... for each element, which makes abc9 of
    yosys fail, because it names the bits of `name` in the same way.
    """

    def format(self, value: data.View, format_spec: str) -> Format:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Format("{}", Value.cast(value))


def stream_signature(format: IntegerFormat, lanes: int) -> stream.Signature:
    """Stream whose beat has `lanes` elements, lane 0 in the least significant bits."""
    return stream.Signature(BeatLayout(shape_of(format), lanes))


def lanes_of(word: Value, width: int) -> list[Value]:
    """Cuts a word into slices of `width` bits, least significant first."""
    return [word[low : low + width] for low in range(0, len(word), width)]


def code_of(format: IntegerFormat, bits: Value) -> Value:
    """The code that the bits of one element stand for, as a number."""
    if isinstance(format, BipolarFormat):
        return Cat(Const(1, 1), ~bits).as_signed()
    return bits.as_signed() if format.signed else bits.as_unsigned()


def wire_of(format: IntegerFormat, code: int) -> int:
    """The bits of one element, as an unsigned number, of a code that the format holds."""
    if isinstance(format, BipolarFormat):
        return (code + 1) // 2
    return code & ((1 << format.word_length) - 1)


def codes_by_wire(format: IntegerFormat) -> list[int]:
    """All codes of a format, in the order of their bits read as an unsigned number."""
    if isinstance(format, BipolarFormat):
        return [-1, 1]
    size = 1 << format.word_length
    return [wire - size if format.signed and 2 * wire >= size else wire for wire in range(size)]


def extended(number: Value, width: int) -> Value:
    """The low `width` bits of a number in two's complement."""
    extension: Value = number[-1] if number.shape().signed else Const(0, 1)
    return Cat(number[:width], extension.replicate(max(0, width - len(number))))


def aligned_code(format: IntegerFormat, bits: Value, fraction_bits: int) -> Value:
    """The number that the bits of one element stand for, in quanta of `fraction_bits`, at least those of its format."""
    code, zeros = code_of(format, bits), fraction_bits - format.fraction_bits
    shifted = Cat(Const(0, zeros), code)
    return shifted.as_signed() if code.shape().signed else shifted
