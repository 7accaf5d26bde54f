# SPDX-License-Identifier: Apache-2.0
"""Random changes of textual IR: tokens, lines, characters, names, numbers, types, constants."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from math import isfinite

TOKEN = re.compile(r'"[^"]*"|[%@!#]?[\w.]+|->|\s+|.', re.DOTALL)
NUMBER = re.compile(r'(?<![\w"/+.%-])-?\d+(?:\.\d+)?(?![\w"/+=])')
TYPE = re.compile(r"!q\.\w+(?:<[^<>]*>)?|\bf32\b|tensor<(?:[^<>]|<[^<>]*>)*>|!dataflow\.stream<(?:[^<>]|<[^<>]*>)*>")
CONSTANT = re.compile(r"#q\.dense<.*? : (?=tensor)")
FORMAT = re.compile(r"!q\.\w+(?:<[^<>]*>)?|\bf32\b")
SHAPE = re.compile(r"(?<=tensor<)(?:\d+x)*")
NUMBERS = "0 -1 1 3 7 64 65 4096 4097 1000000000000 9223372036854775808 0.5 -0.0 1e400 nan true".split()
NUMBERS += ['"nan"', "9" * 5000]
TYPES = ["f32", "!q.real", "!q.bipolar", "!q.fixed<1, 0>", "!q.ufixed<8, -3>", "!q.float<4, 3>", "!q.nothing<1>", "i32"]
TYPES += [
    "!q.fixed<999999999999, 0>",
    "!q.fixed<8, 99999999999>",
    "!q.real<1>",
    "tensor<?x4xf32>",
    "tensor<*xf32>",
    "()",
]
TYPES += ["tensor<1000000x1000000xf32>", "!dataflow.stream<!q.fixed<4, 0>, lanes = 1000000000000000000, beats = 2>"]
FORMATS = "!q.real f32 !q.bipolar !q.fixed<8,0> !q.fixed<16,8> !q.ufixed<4,0> !q.ufixed<1,0> !q.fixed<70,3>".split()
FORMATS += ["!q.ufixed<60,-3>", "!q.float<4, 3>", "!q.float<5, 2>"]
SHAPES = ["", "1x", "4x", "1x1x", "0x", "2x3x", "1x4x1x1x", "100000x"]
LITERALS = '0 1 -8 100000000000 [] [[]] [1,[2]] "" "AAAA" "!!" "1/3" "1/0" "1e999999999" 1.5 "nan" "inf" "open'.split()
CHARACTERS = "\0é😀\\\"<>{}(%#!\r\t':/0"

Change = Callable[[str, random.Random], str]


def substitute(pattern: re.Pattern[str], replace: Callable[[str, random.Random], str]) -> Change:
    """A change of one random match of `pattern`."""

    def change(text: str, rng: random.Random) -> str:
        matches = list(pattern.finditer(text))
        if not matches:
            return text
        match = rng.choice(matches)
        return text[: match.start()] + replace(match[0], rng) + text[match.end() :]

    return change


def everywhere(pattern: re.Pattern[str], replace: Callable[[str, random.Random], str]) -> Change:
    """A change of all matches that read as one random match does: often the text stays consistent."""

    def change(text: str, rng: random.Random) -> str:
        matches = sorted(set(pattern.findall(text)))
        if not matches:
            return text
        old = rng.choice(matches)
        new = replace(old, rng)
        return pattern.sub(lambda match: new if match[0] == old else match[0], text)

    return change


def change_tokens(text: str, rng: random.Random) -> str:
    tokens = TOKEN.findall(text)
    words = [index for index, token in enumerate(tokens) if not token.isspace()]
    i, j = rng.choice(words), rng.choice(words)
    kind = rng.randrange(4)
    if kind == 0:
        tokens[i] = ""
    elif kind == 1:
        tokens[i] += f" {tokens[i]}"
    elif kind == 2:
        tokens[i] = tokens[j]
    else:
        tokens[i], tokens[j] = tokens[j], tokens[i]
    return "".join(tokens)


def change_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(i, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    else:
        lines[i : i + 2] = reversed(lines[i : i + 2])
    return "\n".join(lines)


def change_characters(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text))
    kind = rng.randrange(3)
    if kind == 0:
        return text[:i] + rng.choice(CHARACTERS) + text[i + rng.randrange(2) :]
    return text[:i] if kind == 1 else text[:i] + text[i + rng.choice([1, 5, 50, 500]) :]


def change_names(text: str, rng: random.Random) -> str:
    pattern = rng.choice(
        [re.compile(r"%\w+"), re.compile(r"\b(?:q|dataflow|func)\.\w+(?= )"), re.compile(r"\b[a-z_]{3,}\b")]
    )
    names = sorted(set(pattern.findall(text)))
    if not names:
        return text
    return substitute(pattern, lambda _, rng: rng.choice(names))(text, rng)


def nearby(number: str, rng: random.Random) -> str:
    value = float(number)
    return str(int(value) + rng.choice([-1, 1, 2])) if isfinite(value) else number


def any_of(choices: list[str]) -> Callable[[str, random.Random], str]:
    return lambda _, rng: rng.choice(choices)


CHANGES: list[Change] = [
    change_tokens,
    change_lines,
    change_characters,
    change_names,
    substitute(NUMBER, any_of(NUMBERS)),
    substitute(NUMBER, nearby),
    everywhere(NUMBER, nearby),
    substitute(TYPE, any_of(TYPES)),
    *[everywhere(FORMAT, any_of(FORMATS))] * 4,
    *[everywhere(SHAPE, any_of(SHAPES))] * 2,
    substitute(CONSTANT, lambda _, rng: f"#q.dense<{rng.choice(LITERALS)} : "),
]


def mutated(text: str, rng: random.Random) -> str:
    """`text` with one to three changes."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if text.strip():
            text = rng.choice(CHANGES)(text, rng)
    return text
