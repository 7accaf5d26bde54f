# SPDX-License-Identifier: Apache-2.0
"""The words of one setting, taken one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...qdialect.formats import IntRange
from .syntax import Item, Place, Source

MAX_DIGITS = 1000  # Python refuses to read some thousands


class Words:
    """Takes words from left to right; `key` is what they are the value of."""

    def __init__(self, source: Source, items: Sequence[Item], key: Item):
        self.source, self.items, self.key, self.position = source, items, key, 0

    @property
    def more(self) -> bool:
        return self.position < len(self.items)

    def peek(self, expected: str = "more") -> Item:
        if not self.more:
            last = self.items[-1].place if self.items else self.key.place
            place = Place(last.line, last.column + last.length)
            raise self.source.error(place, f"expected {expected}", f"complete '{self.key.text}'")
        return self.items[self.position]

    def take(self, expected: str) -> Item:
        item = self.peek(expected)
        self.position += 1
        return item

    def end(self) -> None:
        """QoptError if a word is left."""
        if self.more:
            item = self.items[self.position]
            raise self.source.error(item.place, f"'{self.key.text}' goes on with '{item.text}'", "leave it out")

    def string(self, expected: str) -> str:
        item = self.take(expected)
        if item.kind != "STRING":
            raise self.source.error(item.place, f"expected {expected}", f'quote it, as in "{item.text}"')
        return item.text

    def name(self, expected: str) -> str:
        item = self.take(expected)
        if item.kind not in ("STRING", "WORD"):
            raise self.source.error(item.place, f"expected {expected}", "quote names that are no words")
        return item.text

    def number(self, expected: str = "a number") -> Fraction:
        item = self.take(expected)
        if item.kind != "NUMBER":
            raise self.source.error(item.place, f"expected {expected}, got '{item.text}'", "write 3, 0.5 or 1/255")
        return number_of(item, self.source)

    def nonzero(self) -> Fraction:
        item = self.peek("a number")
        number = self.number()
        if not number:
            raise self.source.error(item.place, "a scale is not zero", "write 1 to leave the numbers as they are")
        return number

    def integer(self, low: int, high: int) -> int:
        item = self.peek("a number")
        number = self.number()
        if number.denominator != 1 or not low <= number <= high:
            what = f"'{self.key.text}' is {item.text}"
            raise self.source.error(item.place, what, f"give a whole number from {low} to {high}")
        return int(number)

    def range(self, low: int, high: int, what: str) -> IntRange:
        """`8` or `2..8` with whole numbers between `low` and `high`."""
        return range_of(self.take(f"a {what}"), self.source, low, high, what)


def number_of(item: Item, source: Source) -> Fraction:
    if len(item.text) > MAX_DIGITS:
        raise source.error(item.place, "a number has more than a thousand digits", "write 3, 0.5 or 1/255")
    try:
        numerator, _, denominator = item.text.partition("/")
        return Fraction(numerator) / Fraction(denominator or 1)
    except ZeroDivisionError:
        raise source.error(item.place, f"{item.text} divides by zero", "write another number") from None


def range_of(item: Item, source: Source, low: int, high: int, what: str) -> IntRange:
    """The range that `8` or `2..8` states."""
    if item.kind not in ("NUMBER", "range"):
        raise source.error(item.place, f"expected a {what}, got '{item.text}'", "write 8, or a range such as 2..8")
    first, _, last = item.text.partition("..")
    try:
        numbers = (int(first), int(last or first))
    except ValueError:
        mend = "write a whole number, or a range such as 2..8"
        raise source.error(item.place, f"the {what} is {item.text}", mend) from None
    if numbers[0] > numbers[1]:
        mend = f"write {numbers[1]}..{numbers[0]}"
        raise source.error(item.place, f"the range {item.text} is empty", mend)
    if numbers[0] < low or numbers[1] > high:
        raise source.error(item.place, f"the {what} is {item.text}", f"stay between {low} and {high}")
    return IntRange(*numbers)


def one_of(item: Item, source: Source, known: Sequence[str], what: str) -> str:
    """The word, if it is one of `known`."""
    if item.text not in known or item.kind not in ("WORD", "PERCENT"):
        raise source.unknown(item, what, known)
    return item.text
