# SPDX-License-Identifier: Apache-2.0
"""From the text of a precision specification to a `Specification`; every mistake is shown where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from ...qdialect.text import read_file
from .format_parser import codebook_choice, parse_choice
from .specification import (
    KINDS_OF_LAYERS,
    SETTINGS,
    Bound,
    DataArrays,
    DataSource,
    FormatChoice,
    Measure,
    Objective,
    Pattern,
    Role,
    Rounding,
    Rule,
    Sharing,
    SharingGranularity,
    Specification,
)
from .syntax import Item, Source, Statement, suggestion
from .words import Words, one_of

EnumT = TypeVar("EnumT", bound=StrEnum)

MAX_SHARED = 1 << 16  # values of a codebook
MAX_SQNR = 150  # dB: numbers of 24 bits have 146 dB, those of a network less
_BLOCKS = ("data", "layers")


def read_specification(path: str | Path) -> Specification:
    """The specification in a file; paths in it are relative to its folder."""
    return parse_specification(read_file(str(path), "give a specification in UTF-8"), str(path), Path(path).parent)


def parse_specification(text: str, name: str = "<specification>", folder: Path = Path()) -> Specification:
    """The specification that a text states. QoptError with file, line and column for a mistake."""
    return _Reader(Source(text, name), folder).read()


def parse_format(text: str, role: Role, name: str) -> FormatChoice:
    """One format, as in `fixed<8> per channel`, for a role; `name` is where it comes from, for messages."""
    source, statement = _one_setting(name, text)
    return parse_choice(Words(source, statement.values, statement.key), role)


def parse_codebook(text: str, name: str) -> FormatChoice:
    """As `parse_format`, for the values that weights share."""
    source, statement = _one_setting(name, text)
    return codebook_choice(Words(source, statement.values, statement.key))


def parse_setting(specification: Specification, key: str, text: str) -> Specification:
    """The specification with one more setting, as in `rounding = reconstruct`, given as an option of a pass."""
    source, statement = _one_setting(key, text)
    return replace(specification, **{key: _Reader(source, Path()).setting(statement)})


def _one_setting(key: str, text: str) -> tuple[Source, Statement]:
    """The setting that an option of a pass gives. QoptError if it says more than that."""
    source = Source(f"{key} = {text}", f"the option '{key}'")
    statement, *more = source.parse()
    if more:
        raise source.error(more[0].key.place, f"the option '{key}' goes on with '{more[0].key.text}'", "leave it out")
    return source, statement


class _Reader:
    def __init__(self, source: Source, folder: Path):
        self.source, self.folder = source, folder

    def read(self) -> Specification:
        data: DataSource | None = None
        rules: list[Rule] = []
        settings: dict[str, Any] = {}
        seen: dict[str, Statement] = {}
        for statement in self.source.parse():
            key = statement.key.text
            if key not in (*_BLOCKS, *SETTINGS):
                raise self.source.unknown(statement.key, "key", (*_BLOCKS, *SETTINGS))
            if key == "layers":
                rules.append(self._rule(statement))
                continue
            self._once(statement, seen)
            if key == "data":
                data = self._data(statement)
            else:
                settings[key] = self.setting(statement)
        places = {key: statement.key.place for key, statement in seen.items()}
        source = self.source
        specification = Specification(tuple(rules), data, **settings, name=source.name, text=source.text, places=places)
        self._check_bound(specification, seen.get("bound"))
        return specification

    def _check_bound(self, specification: Specification, statement: Statement | None) -> None:
        bound, data = specification.bound, specification.data
        if statement is None or bound is None or bound.measure is not Measure.ACCURACY or data is None:
            return
        if data.calibration.labels is None:  # the frames that choices are made on
            mend = "name them, as in calibration = x_train labels y_train, or bound the agreement"
            raise self.source.error(statement.key.place, "a bound on the accuracy needs labels", mend)

    def _once(self, statement: Statement, seen: dict[str, Statement]) -> None:
        first = seen.setdefault(statement.key.text, statement)
        if first is not statement:
            what = f"'{statement.key.text}' is said twice, first in line {first.key.place.line}"
            raise self.source.error(statement.key.place, what, "leave one of them out")

    # --- blocks

    def _body(self, statement: Statement) -> Sequence[Statement]:
        if statement.body is None:
            mend = f"write {statement.key.text} {'PATTERN ' if statement.key.text == 'layers' else ''}{{ ... }}"
            raise self.source.error(statement.key.place, f"'{statement.key.text}' has no braces", mend)
        return statement.body

    def _values(self, statement: Statement) -> Words:
        if not statement.is_setting:
            mend = f"write {statement.key.text} = ..."
            raise self.source.error(statement.key.place, f"'{statement.key.text}' has no value", mend)
        return Words(self.source, statement.values, statement.key)

    def _rule(self, statement: Statement) -> Rule:
        body = self._body(statement)
        patterns = tuple(self._pattern(item) for item in statement.head)
        if not patterns:
            mend = 'name layers, as in layers "Conv*" { ... } or layers matmul { ... }'
            raise self.source.error(statement.key.place, "there is no pattern", mend)
        rule, seen = Rule(patterns), dict[str, Statement]()
        known = (*(role.value for role in Role), "keep", "share")
        for entry in body:
            key = entry.key.text
            if key not in known:
                raise self.source.unknown(entry.key, "key of layers", known)
            self._once(entry, seen)
            if key == "keep":
                self._check_keep(entry)
                rule = replace(rule, keep=True, keep_place=entry.key.place)
            elif key == "share":
                rule = replace(rule, share=self._sharing(self._values(entry)))
            else:
                choice = parse_choice(self._values(entry), Role(key))
                rule = replace(rule, formats={**rule.formats, Role(key): choice})
        if rule.keep and (rule.formats or rule.share):
            other = next(entry for entry in body if entry.key.text != "keep")
            what = f"layers are kept in float32 and have '{other.key.text}' at once"
            raise self.source.error(other.key.place, what, "leave one of the two out")
        if not body:
            raise self.source.error(statement.key.place, "the rule says nothing", "give it a format, or 'keep'")
        return rule

    def _check_keep(self, entry: Statement) -> None:
        if entry.is_setting or entry.head or entry.body is not None:
            raise self.source.error(entry.key.place, "'keep' stands alone", "write keep")

    def _pattern(self, item: Item) -> Pattern:
        if item.kind == "STRING":
            return Pattern(item.text, place=item.place)
        if item.kind != "WORD":
            mend = 'quote names, as in "Conv_1*"; kinds of layers stand without quotes'
            raise self.source.error(item.place, "a pattern is a quoted name or a kind of layer", mend)
        if item.text not in KINDS_OF_LAYERS:
            mend = f"{suggestion(item.text, KINDS_OF_LAYERS)}; a name is quoted"
            raise self.source.error(item.place, f"unknown kind of layer '{item.text}'", mend)
        return Pattern(item.text, True, item.place)

    def _data(self, statement: Statement) -> DataSource:
        parsers: dict[str, Callable[[Words], Any]] = {
            "file": lambda words: words.string("a file name"),
            "calibration": self._arrays,
            "test": self._arrays,
            "scale": lambda words: words.nonzero(),
            "offset": lambda words: words.number(),
            "samples": lambda words: words.integer(1, 1 << 40),
        }
        values, seen = dict[str, Any](), dict[str, Statement]()
        for entry in self._body(statement):
            key = entry.key.text
            if key not in parsers:
                raise self.source.unknown(entry.key, "key of data", tuple(parsers))
            self._once(entry, seen)
            words = self._values(entry)
            values[key] = parsers[key](words)
            words.end()
        for needed in ("file", "calibration"):
            if needed not in values:
                mend = 'write file = "data.npz"' if needed == "file" else "write calibration = NAME_OF_THE_ARRAY"
                raise self.source.error(statement.key.place, f"the data have no '{needed}'", mend)
        return DataSource(**values, folder=self.folder, place=seen["file"].values[0].place)

    def _arrays(self, words: Words) -> DataArrays:
        place = words.peek("the name of an array").place
        arrays = DataArrays(words.name("the name of an array"), place=place)
        if words.more:
            one_of(words.take("'labels'"), words.source, ("labels",), "word")
            place = words.peek("the name of an array").place
            arrays = replace(arrays, labels=words.name("the name of an array"), labels_place=place)
        return arrays

    def _sharing(self, words: Words) -> Sharing:
        place = words.key.place
        count = words.range(1, MAX_SHARED, "number of shared values")
        granularity, codebook = SharingGranularity.LAYER, None
        while words.more and codebook is None:
            if one_of(words.take("'per' or 'codebook'"), words.source, ("per", "codebook"), "word") == "per":
                known = tuple(member.value for member in SharingGranularity)
                item = words.take("layer, channel, ...")
                granularity = SharingGranularity(one_of(item, words.source, known, "granularity of sharing"))
            else:
                codebook = codebook_choice(words)
        return Sharing(count, granularity, codebook, place)

    # --- settings

    def setting(self, statement: Statement) -> Any:
        words = self._values(statement)
        match statement.key.text:
            case "rounding":
                value: Any = self._enum(words, Rounding)
            case "objective":
                value = self._enum(words, Objective)
            case "bound":
                value = self._bound(words)
            case _:
                value = one_of(words.take("on or off"), self.source, ("on", "off"), "switch") == "on"
        words.end()
        return value

    def _enum(self, words: Words, type_: type[EnumT]) -> EnumT:
        known = tuple(member.value for member in type_)
        return type_(one_of(words.take(" or ".join(known)), self.source, known, words.key.text))

    def _bound(self, words: Words) -> Bound:
        measure = self._enum(words, Measure)
        if measure is Measure.ACCURACY:
            one_of(words.take("'drop'"), self.source, ("drop",), "word")
        item = words.peek()
        value = words.number()
        unit = "dB" if measure is Measure.SQNR else "%"
        one_of(words.take(f"'{unit}'"), self.source, (unit,), "unit")
        if measure is not Measure.SQNR and not 0 <= value <= 100:
            raise self.source.error(item.place, f"{item.text} % is no share", "give a percentage from 0 to 100")
        if measure is Measure.SQNR and not 0 < value <= MAX_SQNR:
            why = "float32 numbers have less" if value > 0 else "noise may be as large as the signal"
            raise self.source.error(
                item.place, f"a bound of {item.text} dB: {why}", f"give more than 0, up to {MAX_SQNR} dB"
            )
        return Bound(measure, value)
