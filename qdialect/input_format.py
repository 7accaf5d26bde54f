# SPDX-License-Identifier: Apache-2.0
"""What a user says of a network's input: `NAME: FORMAT [scale NUMBER] [offset NUMBER]`.

FORMAT is `uint<W>`, `int<W>`, `fixed<W, F>`, `ufixed<W, F>` (W bits in all, F of them right of the point) or
`bipolar`; NUMBER is an integer, a decimal or a fraction, like `-3`, `0.5`, `1e-6`, `1/255`. A code c on the wire
stands for the number `c * 2^-F * scale + offset`, rounded once to float32, that the network sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from .errors import QoptError
from .types import MAX_WORD_LENGTH, BipolarType, FixedType, IntegerType, UFixedType

SYNTAX = "write 'NAME: FORMAT [scale NUMBER] [offset NUMBER]', as in 'x: uint<8> scale 1/255'"
_NUMBER = r"[-+]?\d{1,400}(?:\.\d{1,400})?(?:[eE][-+]?\d{1,2})?(?:\s*/\s*\d{1,400})?"
_TOKEN = re.compile(rf"\s*(?:(?P<word>[a-z]+)|(?P<number>{_NUMBER})|(?P<mark>[<>,])|(?P<end>$))")


@dataclass(frozen=True)
class InputFormat:
    """Element type of an input, and the scale and offset that turn its values into what the network sees."""

    name: str
    element_type: IntegerType
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


def parse_input_format(text: str) -> InputFormat:
    """Read `NAME: FORMAT [scale NUMBER] [offset NUMBER]`. Raises QoptError with the place of a mistake."""
    name, colon, rest = text.rpartition(":")
    if not colon or not name.strip():
        _Reader(text, 0).fail("an input format needs a name, a colon and a format")
    reader = _Reader(text, len(text) - len(rest))
    element_type = reader.element_type()
    numbers: dict[str, Fraction] = {}
    while (word := reader.word("'scale', 'offset' or the end", end=True)) is not None:
        if word not in ("scale", "offset") or word in numbers:
            reader.fail("an input format goes on with one 'scale' and one 'offset'")
        numbers[word] = reader.number()
        if word == "scale" and numbers[word] == 0:
            reader.fail("the scale of an input is not zero")
    return InputFormat(name.strip(), element_type, **numbers)


class _Reader:
    """Takes tokens from `text`; knows where the last one began."""

    def __init__(self, text: str, start: int):
        self.text, self.position, self.last = text, start, start

    def fail(self, what: str) -> NoReturn:
        raise QoptError(f"{what}:\n    {self.text}\n    {' ' * self.last}^", mend=SYNTAX)

    def _take(self, expected: str) -> re.Match[str]:
        match = _TOKEN.match(self.text, self.position)
        rest = self.text[self.position :]
        self.last = self.position + len(rest) - len(rest.lstrip())
        if match is None:
            self.fail(f"expected {expected}")
        self.position = match.end()
        return match

    def word(self, expected: str, end: bool = False) -> str | None:
        """The next word; None at the end of the text, where `end` allows that."""
        match = self._take(expected)
        word = match["word"]
        if word is None and not (end and match["end"] is not None):
            self.fail(f"expected {expected}")
        return word

    def mark(self, mark: str) -> None:
        if self._take(f"'{mark}'")["mark"] != mark:
            self.fail(f"expected '{mark}'")

    def number(self) -> Fraction:
        text = self._take("a number")["number"]
        if text is None:
            self.fail("expected a number")
        numerator, _, denominator = text.partition("/")
        if denominator and not int(denominator):
            self.fail("a fraction does not divide by zero")
        return Fraction(numerator.strip()) / Fraction(denominator.strip() or 1)

    def integer(self) -> int:
        number = self.number()
        if number.denominator != 1:
            self.fail("expected a whole number of bits")
        return int(number)

    def element_type(self) -> IntegerType:
        kind = self.word("a format")
        if kind == "bipolar":
            return BipolarType()
        if kind not in ("int", "uint", "fixed", "ufixed"):
            self.fail("the formats of an input are uint<W>, int<W>, fixed<W, F>, ufixed<W, F> and bipolar")
        self.mark("<")
        word_length = self.integer()
        if not 1 <= word_length <= MAX_WORD_LENGTH:
            self.fail(f"a word has 1 to {MAX_WORD_LENGTH} bits")
        fraction_bits = 0
        if kind.endswith("fixed"):
            self.mark(",")
            fraction_bits = self.integer()
        self.mark(">")
        return (UFixedType if kind.startswith("u") else FixedType)(word_length, fraction_bits)
