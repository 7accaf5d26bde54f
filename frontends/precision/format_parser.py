# SPDX-License-Identifier: Apache-2.0
"""`fixed<2..8> per channel power_of_two clip mse`: the format of a role."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from ...qdialect.dataflow.table import MAX_TABLE_WIDTH
from ...qdialect.errors import QoptError
from ...qdialect.float_formats import value_of
from ...qdialect.formats import FORMAT_NAMES, FloatFormat, IntRange, float_format
from .specification import MAX_BITS, Clip, FormatChoice, Granularity, Kind, Role
from .syntax import Item, Source
from .words import Words, number_of, one_of, range_of

_FLOATS = {name: format_ for name, format_ in FORMAT_NAMES.items() if isinstance(format_, FloatFormat)}
_KNOWN = ("fixed<W>", "ufixed<W>", "fixed<W, F>", "float<E, M>", *_FLOATS)
_MODIFIERS = ("per", "power_of_two", "asymmetric", "clip")
MAX_FRACTION_BITS = 64
LARGEST_SCALED = 1 << 60  # number of a float format that a scale brings numbers to: the scale is a float32


def parse_choice(words: Words, role: Role) -> FormatChoice:
    """A format and what follows it, up to the end. QoptError where it does not suit the role."""
    item = words.take("a format")
    choice = _format(item, words.source)
    seen: dict[str, Item] = {}
    while words.more:
        word = words.take("a modifier")
        name = one_of(word, words.source, _MODIFIERS, "modifier of a format")
        if name in seen:
            raise words.source.error(word.place, f"'{name}' is said twice", "leave one of them out")
        seen[name] = word
        choice = _modified(choice, name, words)
    _check(choice, role, item, seen, words.source)
    return choice


def codebook_choice(words: Words) -> FormatChoice:
    """The format of values that weights share. QoptError if more than a format: their scale is that of the weights."""
    place = words.peek("a format").place
    choice = parse_choice(words, Role.WEIGHT)
    if choice != FormatChoice(Kind.FIXED, IntRange(choice.bits.hi, choice.bits.hi), choice.fraction_bits):
        what = f"a codebook has the scale of the weights, and no format {choice}"
        raise words.source.error(place, what, "write fixed<W> or fixed<W, F> alone")
    return choice


def _format(item: Item, source: Source) -> FormatChoice:
    if item.kind == "WORD" and item.text in _FLOATS:
        return _float_choice(_FLOATS[item.text], item)
    if item.kind != "format" or item.text not in ("fixed", "ufixed", "float"):
        raise source.unknown(item, "format", _KNOWN)
    positional = [argument for name, argument in item.arguments if name is None]
    if item.text == "float":
        return _float_choice(_float(item, positional, source), item)
    if len(positional) != len(item.arguments) or len(positional) > 2:
        mend = f"write {item.text}<W> or {item.text}<W, F>: W bits in all, F of them right of the point"
        raise source.error(item.place, f"{item.text} has one or two numbers", mend)
    bits = range_of(positional[0], source, 1, MAX_BITS, "word length")
    fraction_bits = None
    if len(positional) == 2:
        fraction = range_of(positional[1], source, -MAX_FRACTION_BITS, MAX_FRACTION_BITS, "number of fraction bits")
        if fraction.lo != fraction.hi:
            raise source.error(positional[1].place, "fraction bits have no range", "leave them out, or give one number")
        fraction_bits = fraction.lo
    return FormatChoice(Kind(item.text), bits, fraction_bits, place=item.place)


def _float_choice(format_: FloatFormat, item: Item) -> FormatChoice:
    bits = IntRange(format_.word_length, format_.word_length)
    return FormatChoice(Kind.FLOAT, bits, float_format=format_, place=item.place)


def _float(item: Item, positional: list[Item], source: Source) -> FloatFormat:
    options: dict[str, Any] = {}
    if len(positional) == 3 and positional[2].text == "flush":
        options["subnormals"] = False
        positional = positional[:2]
    if len(positional) != 2 or any(argument.kind != "NUMBER" for argument in positional):
        mend = "write float<E, M>: E exponent bits, M fraction bits"
        raise source.error(item.place, "float has two numbers", mend)
    exponent_bits = range_of(positional[0], source, 1, 8, "number of exponent bits").lo
    fraction_bits = range_of(positional[1], source, 0, 23, "number of fraction bits").lo
    for name, argument in item.arguments:
        if name == "bias":
            options["bias"] = range_of(argument, source, -256, 256, "bias").lo
        elif name == "specials":
            options["specials"] = one_of(argument, source, ("none", "ieee", "fn"), "specials")
        elif name is not None:
            raise source.error(argument.place, f"float knows no '{name}'", "known: bias, specials, flush")
    format_ = float_format(exponent_bits, fraction_bits, **options)
    _check_reach(format_, item, source)
    return format_


def _check_reach(format_: FloatFormat, item: Item, source: Source) -> None:
    """QoptError for a format whose numbers are so large, or so small, that float32 has no scale for them."""
    largest, least = value_of(format_.max_code, format_), Fraction(2) ** format_.min_exponent
    if largest < Fraction(1, LARGEST_SCALED) or (largest > LARGEST_SCALED and least > 1):
        what = f"the numbers of the format are too {'small' if largest < 1 else 'large'} for a scale of float32"
        raise source.error(item.place, what, "give a bias nearer to that of IEEE formats, or leave it out")


def _modified(choice: FormatChoice, name: str, words: Words) -> FormatChoice:
    if name == "per":
        known = tuple(member.value for member in Granularity)
        granularity = one_of(words.take(" or ".join(known)), words.source, known, "granularity")
        return replace(choice, granularity=Granularity(granularity))
    if name == "clip":
        known = tuple(member.value for member in Clip)
        clip = Clip(one_of(words.take(" or ".join(known)), words.source, known, "clip"))
        return replace(choice, clip=clip, percentile=_percentile(words) if clip is Clip.PERCENTILE else None)
    return replace(choice, **{name: True})


def _percentile(words: Words) -> Fraction:
    item = words.take("a percentage")
    percent = number_of(item, words.source) if item.kind == "NUMBER" else Fraction(-1)
    if not 50 < percent <= 100:
        mend = "write percentile 99.9, between 50 and 100"
        raise words.source.error(item.place, "a percentile is the share that fits", mend)
    if words.more and words.peek().kind == "PERCENT":
        words.take("'%'")
    return percent


def _check(choice: FormatChoice, role: Role, item: Item, seen: dict[str, Item], source: Source) -> None:
    """QoptError for what has no meaning together."""

    def refuse(name: str, what: str, mend: str) -> QoptError:
        return source.error((seen[name] if name in seen else item).place, what, mend)

    integer_role, is_range = role in (Role.BIAS, Role.ACCUMULATOR), choice.bits.lo < choice.bits.hi
    if integer_role and (choice.kind is not Kind.FIXED or choice.fraction_bits is not None or is_range or seen):
        what = f"the {role} counts quanta of the products"
        raise refuse(next(iter(seen), ""), what, "write fixed<W> alone: W is the word length it may have")
    if role in (Role.ACTIVATION, Role.FUNCTION) and choice.granularity is Granularity.CHANNEL:
        raise refuse("per", "an activation has one scale for the tensor", "leave 'per channel' out")
    if role is Role.FUNCTION and is_range:
        raise refuse("", "no search chooses the format of a function", f"write function = fixed<{choice.bits.hi}>")
    if role is Role.FUNCTION and (choice.kind is Kind.FLOAT or choice.bits.hi > MAX_TABLE_WIDTH):
        what = f"a function becomes a table of codes of up to {MAX_TABLE_WIDTH} bits, not of {choice}"
        raise refuse("", what, "write function = fixed<12>")
    if role is Role.WEIGHT and choice.asymmetric:
        raise refuse("asymmetric", "weights are symmetric", "leave 'asymmetric' out")
    if role is Role.WEIGHT and choice.kind is Kind.UFIXED:
        raise refuse("", "weights have a sign", "write fixed<W>")
    if role is Role.WEIGHT and choice.clip in (Clip.KL, Clip.PERCENTILE):
        raise refuse("clip", f"'clip {choice.clip}' is for activations", "write clip max or clip mse")
    if choice.kind is Kind.FLOAT and (choice.asymmetric or choice.clip not in (None, Clip.MAX)):
        name = "asymmetric" if choice.asymmetric else "clip"
        raise refuse(name, f"a float format knows no '{name}'", "leave it out")
    if role is Role.WEIGHT and choice.kind is Kind.FIXED and choice.fraction_bits is None and choice.bits.lo < 2:
        what = f"weights of 1 bit are no {choice.kind}: fixed<1> has the codes -1 and 0 alone"
        more = "" if choice.bits.hi < 3 else f"..{choice.bits.hi}"
        raise refuse("", what, f"write fixed<2{more}>: 2 bits have the codes -1, 0 and 1")
    if choice.fraction_bits is not None and is_range:
        mend = f"write {choice.kind}<{choice.bits.lo}..{choice.bits.hi}> power_of_two, or one word length"
        raise refuse("", "fraction bits fix the scale, and a range of word lengths chooses one", mend)
    if choice.fraction_bits is not None and seen:
        name = next(iter(seen))
        mend = f"leave out '{name}', or the fraction bits"
        raise refuse(name, f"fraction bits fix the scale, and '{name}' chooses one", mend)
    if choice.power_of_two and choice.asymmetric:
        raise refuse("asymmetric", "a power of two as the scale needs codes centred at zero", "leave one of them out")
