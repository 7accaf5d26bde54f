# SPDX-License-Identifier: Apache-2.0
"""The text of a precision specification as statements whose words know where they stand; and errors that show it.

A statement is `key`, `key = words` or `key head { statements }`; statements end with a line or with `;`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken
from xdsl.ir import Operation

from ...qdialect.errors import QoptError
from .specification import Place, Specification

GRAMMAR = r"""
start: _END* (statement (_END+ statement)* _END*)?
statement: WORD head ["{" _END* (statement (_END+ statement)* _END*)? CLOSE]
         | WORD "=" item+ -> setting
head: (item ("," item)*)?
item: format | range | NUMBER | WORD | STRING | PERCENT
format: WORD "<" argument ("," argument)* ">"
argument: [WORD "="] (range | NUMBER | WORD)
range: NUMBER ".." NUMBER
CLOSE: "}"
PERCENT: "%"
WORD: /[A-Za-z_]\w*/
NUMBER: /[-+]?\d+(\.\d+)?([eE][-+]?\d{1,2})?(\/\d+)?/
STRING: /"(\\.|[^"\\\n])*"/
_END: /(\r?\n|;)+/
COMMENT: /#[^\n]*/
%ignore COMMENT
%ignore /[ \t]+/
"""

_TERMINALS = {
    "WORD": "a word",
    "NUMBER": "a number",
    "STRING": "a quoted text",
    "PERCENT": "'%'",
    "_END": "the end of the line",
    "CLOSE": "'}'",
    "LBRACE": "'{'",
    "EQUAL": "'='",
    "COMMA": "','",
    "LESSTHAN": "'<'",
    "MORETHAN": "'>'",
    "$END": "the end",
}


@dataclass(frozen=True)
class Item:
    """A word, number, text, range or format. `arguments` are those of a format, by name where they have one."""

    kind: str  # WORD, NUMBER, STRING, PERCENT, range, format
    text: str
    place: Place
    arguments: tuple[tuple[str | None, Item], ...] = ()


@dataclass(frozen=True)
class Statement:
    """`key = values`, or `key head { body }`; `body` is None without braces."""

    key: Item
    values: tuple[Item, ...] = ()
    is_setting: bool = False
    head: tuple[Item, ...] = ()
    body: tuple[Statement, ...] | None = None


@dataclass(frozen=True)
class Source:
    """A text and its name: where errors point into."""

    text: str
    name: str
    first_line: int = field(default=1)

    def error(self, place: Place, what: str, mend: str) -> QoptError:
        """An error that shows the line and puts a caret below the place."""
        lines = self.text.split("\n")
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        before = "".join("\t" if character == "\t" else " " for character in line[: place.column - 1])
        caret = before.ljust(place.column - 1) + "^" + "~" * (place.length - 1)
        return QoptError(f"{what}:\n    {line}\n    {caret}", f"{self.name}:{place.line}:{place.column}", mend)

    def unknown(self, item: Item, what: str, known: Sequence[str]) -> QoptError:
        """An error for a word that is none of `known`."""
        return self.error(item.place, f"unknown {what} '{item.text}'", suggestion(item.text, known))

    def parse(self) -> tuple[Statement, ...]:
        """The statements of the text; QoptError where it is none."""
        try:
            tree = _parser().parse(self.text)
        except UnexpectedInput as fault:
            self._refuse(fault)
        return tuple(_statement(cast(Tree[Token], child)) for child in tree.children)

    def _refuse(self, fault: UnexpectedInput) -> NoReturn:
        line, column = max(fault.line, 1), max(fault.column, 1)
        expected = set[str]()
        if isinstance(fault, UnexpectedCharacters):
            character = self.text[fault.pos_in_stream or 0]
            found = f"'{character}'" if character.isprintable() else repr(character)
            expected = set(fault.allowed or ())
        elif isinstance(fault, UnexpectedEOF) or (isinstance(fault, UnexpectedToken) and fault.token.type == "$END"):
            found, expected = "the end of the text", set(getattr(fault, "expected", None) or ())
            lines = self.text.rstrip().split("\n")
            line, column = len(lines), len(lines[-1]) + 1
        else:
            assert isinstance(fault, UnexpectedToken)
            token = cast(Token, fault.token)
            found = "the end of the line" if token.type == "_END" else f"'{token}'"
            expected = set(fault.accepts or fault.expected)
        names = sorted({_TERMINALS.get(name, name) for name in expected if not name.startswith("__")})
        raise self.error(Place(line, column), f"unexpected {found}", f"write {' or '.join(names)} here")


def error_in(
    specification: Specification, place: Place | None, what: str, mend: str, where: str | Operation | None = None
) -> QoptError:
    """An error that shows the place in the text of a specification; without a text it is about `where`."""
    if place is None or not specification.text:
        return QoptError(what, where or (specification.name if specification.text else None), mend)
    return Source(specification.text, specification.name).error(place, what, mend)


def suggestion(word: str, known: Sequence[str]) -> str:
    """The nearest of the known words, and all of them."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}known: {', '.join(known)}"


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def _place(token: Token) -> Place:
    assert token.line is not None
    assert token.column is not None
    return Place(token.line, token.column, max(len(token), 1))


def _statement(tree: Tree[Token]) -> Statement:
    children: list[Any] = list(tree.children)
    key = _token_item(children[0])
    if tree.data == "setting":
        return Statement(key, tuple(_item(child) for child in children[1:]), is_setting=True)
    head = tuple(_item(child) for child in children[1].children)
    closed = any(isinstance(child, Token) and child.type == "CLOSE" for child in children[2:])
    body = tuple(_statement(child) for child in children[2:] if isinstance(child, Tree)) if closed else None
    return Statement(key, head=head, body=body)


def _item(tree: Tree[Token]) -> Item:
    (child,) = tree.children
    return _token_item(child) if isinstance(child, Token) else _compound(child)


def _compound(tree: Tree[Token]) -> Item:
    children: list[Any] = list(tree.children)
    if tree.data == "range":
        first = _place(children[0])
        last = _place(children[1])
        length = last.column + last.length - first.column
        return Item("range", f"{children[0]}..{children[1]}", Place(first.line, first.column, length))
    arguments = tuple(_argument(child) for child in children[1:])
    return Item("format", str(children[0]), _place(children[0]), arguments)


def _argument(tree: Tree[Token]) -> tuple[str | None, Item]:
    name, value = cast(list[Any], tree.children)
    return (None if name is None else str(name), _token_item(value) if isinstance(value, Token) else _compound(value))


def _token_item(token: Token) -> Item:
    text = str(token)
    if token.type == "STRING":
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return Item(token.type, text, _place(token))
