# SPDX-License-Identifier: Apache-2.0
"""Specifications: what a text says, that it prints and parses to the same, and what each mistake is told."""

from fractions import Fraction
from pathlib import Path

import pytest
from qopt_mlir.frontends.precision.parser import parse_format, parse_specification, read_specification
from qopt_mlir.frontends.precision.specification import (
    Bound,
    Clip,
    Granularity,
    Kind,
    Measure,
    Objective,
    Role,
    Rounding,
    SharingGranularity,
    number_text,
)
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import FORMAT_NAMES, IntRange

EXAMPLES = Path(__file__).parents[2] / "examples" / "float_digits"

FULL = """\
# a comment
data {
    file = "frames.npz"
    calibration = x_train labels y_train
    test = x_test labels "y-test"
    scale = 1/255; offset = -0.5
    samples = 500
}
layers "*" {
    weight = fixed<8> per channel
    activation = fixed<8> clip percentile 99.9
    bias = fixed<24>
    accumulator = fixed<20>
}
layers "Conv*", matmul { weight = fixed<2..6> power_of_two clip mse; share = 4..16 per channel codebook fixed<8> }
layers input { activation = ufixed<8, 4> }
layers depthwise { weight = float<4, 3, bias = 8, specials = ieee, flush>; activation = e5m2 }
layers "a\\"b" { keep }   # a quote in a name
rounding = reconstruct
equalize = on
bias_correction = on
objective = weight_memory
bound = accuracy drop 0.5 %
"""


def test_meaning() -> None:
    stated = parse_specification(FULL)
    assert stated.data is not None
    assert (stated.data.scale, stated.data.offset, stated.data.samples) == (Fraction(1, 255), Fraction(-1, 2), 500)
    assert stated.data.test is not None
    assert (stated.data.test.frames, stated.data.test.labels) == ("x_test", "y-test")
    weight = stated.rules[0].formats[Role.WEIGHT]
    assert (weight.kind, weight.bits, weight.granularity) == (Kind.FIXED, IntRange(8, 8), Granularity.CHANNEL)
    activation = stated.rules[0].formats[Role.ACTIVATION]
    assert (activation.clip, activation.percentile) == (Clip.PERCENTILE, Fraction(999, 10))
    share = stated.rules[1].share
    assert share is not None
    assert (share.count, share.granularity) == (IntRange(4, 16), SharingGranularity.CHANNEL)
    assert stated.rules[3].formats[Role.ACTIVATION].float_format == FORMAT_NAMES["e5m2"]
    assert (stated.rounding, stated.equalize, stated.bias_correction) == (Rounding.RECONSTRUCT, True, True)
    assert stated.objective is Objective.WEIGHT_MEMORY
    assert stated.bound == Bound(Measure.ACCURACY, Fraction(1, 2))


def test_text_round_trip() -> None:
    stated = parse_specification(FULL)
    again = parse_specification(str(stated))
    assert again == stated
    assert str(again) == str(stated)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.spec")), ids=lambda path: path.stem)
def test_examples_round_trip(path: Path) -> None:
    stated = read_specification(path)
    assert parse_specification(str(stated)) == stated
    assert stated.data is not None
    assert stated.data.path.is_file()


def test_later_rules_override_role_by_role() -> None:
    text = """\
layers "*" { weight = fixed<8>; activation = fixed<7> }
layers "a*" { weight = fixed<4> }
layers "ab" { keep }
layers conv { share = 8 }
"""
    stated = parse_specification(text)
    plain, other = stated.choices(["b"], "matmul"), stated.choices(["x", "a1"], "conv")
    assert (plain.formats[Role.WEIGHT].bits.hi, plain.share) == (8, None)
    assert (other.formats[Role.WEIGHT].bits.hi, other.formats[Role.ACTIVATION].bits.hi) == (4, 7)
    assert other.share is not None
    assert stated.choices(["ab"], "matmul").keep
    assert not other.keep


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 8), "0.125"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(7), "7"),
        (Fraction(1, 100), "0.01"),
    ],
)
def test_numbers_as_text(number: Fraction, text: str) -> None:
    assert number_text(number) == text
    assert Fraction(text) == number


RULE = 'layers "x" {{ {} }}'
DATA = 'data {{ file = "f.npz"; calibration = x; {} }}'
MISTAKES = {
    # name: (text, column in the last line, what is said, what mends it)
    "unknown key": ("wight = 8", 1, "unknown key 'wight'", "known: data, layers"),
    "unknown key of layers": (RULE.format("wieght = fixed<8>"), 14, "unknown key of layers 'wieght'", "'weight'?"),
    "unknown key of data": ('data { fil = "x" }', 8, "unknown key of data 'fil'", "did you mean 'file'?"),
    "unknown format": (RULE.format("weight = fixd<8>"), 23, "unknown format 'fixd'", "fixed<W>"),
    "unknown float": (RULE.format("weight = e4m4"), 23, "unknown format 'e4m4'", "did you mean 'e4m3'?"),
    "no bits": (RULE.format("weight = fixed<0>"), 29, "the word length is 0", "between 1 and 32"),
    "too many bits": (RULE.format("activation = fixed<64>"), 33, "the word length is 64", "between 1 and 32"),
    "half a bit": (RULE.format("weight = fixed<7.5>"), 29, "the word length is 7.5", "whole number"),
    "empty range": (RULE.format("weight = fixed<8..4>"), 29, "the range 8..4 is empty", "write 4..8"),
    "three numbers": (RULE.format("weight = fixed<8, 4, 2>"), 23, "one or two numbers", "fixed<W, F>"),
    "range of fraction bits": (RULE.format("weight = fixed<8, 2..4>"), 32, "fraction bits have no range", "one number"),
    "float of one number": (RULE.format("weight = float<4>"), 23, "float has two numbers", "float<E, M>"),
    "unknown option of a float": (RULE.format("weight = float<4, 3, base = 2>"), 42, "no 'base'", "known: bias"),
    "float of no size": (
        RULE.format("weight = float<4, 3, bias = 200>"),
        23,
        "too small for a scale",
        "a bias nearer",
    ),
    "float far off": (
        RULE.format("activation = float<4, 3, bias = -100>"),
        27,
        "too large for a scale",
        "a bias nearer",
    ),
    "unknown modifier": (RULE.format("weight = fixed<8> pre channel"), 32, "unknown modifier of a format 'pre'", "per"),
    "unknown granularity": (RULE.format("weight = fixed<8> per layer"), 36, "unknown granularity 'layer'", "channel"),
    "modifier twice": (
        RULE.format("weight = fixed<8> power_of_two power_of_two"),
        45,
        "'power_of_two' is said twice",
        "leave one",
    ),
    "unknown clip": (RULE.format("activation = fixed<8> clip mean"), 41, "unknown clip 'mean'", "known: max"),
    "percentile without number": (
        RULE.format("activation = fixed<8> clip percentile"),
        51,
        "expected a percentage",
        "complete 'activation'",
    ),
    "percentile out of range": (
        RULE.format("activation = fixed<8> clip percentile 120"),
        52,
        "share that fits",
        "99.9",
    ),
    "channels of an activation": (RULE.format("activation = fixed<8> per channel"), 36, "one scale", "leave 'per"),
    "unsigned weights": (RULE.format("weight = ufixed<8>"), 23, "weights have a sign", "write fixed<W>"),
    "asymmetric weights": (RULE.format("weight = fixed<8> asymmetric"), 32, "weights are symmetric", "leave"),
    "clip of weights": (RULE.format("weight = fixed<8> clip kl"), 32, "'clip kl' is for activations", "clip mse"),
    "float with clip": (RULE.format("activation = e4m3 clip mse"), 32, "a float format knows no 'clip'", "leave it"),
    "contradicting scales": (
        RULE.format("activation = fixed<8, 4> power_of_two"),
        39,
        "fraction bits fix the scale, and 'power_of_two' chooses one",
        "leave out 'power_of_two'",
    ),
    "asymmetric powers of two": (
        RULE.format("activation = fixed<8> power_of_two asymmetric"),
        49,
        "codes centred at zero",
        "leave one",
    ),
    "weights of one bit": (RULE.format("weight = fixed<1..4>"), 23, "weights of 1 bit are no fixed", "fixed<2..4>"),
    "float bias": (RULE.format("bias = e4m3"), 21, "the bias counts quanta of the products", "fixed<W> alone"),
    "kept and quantised": (RULE.format("keep; weight = fixed<8>"), 20, "kept in float32 and have 'weight'", "one of"),
    "role twice": (RULE.format("weight = fixed<8>; weight = fixed<4>"), 33, "'weight' is said twice", "leave one"),
    "nothing said": (RULE.format(""), 1, "the rule says nothing", "'keep'"),
    "no pattern": ("layers { keep }", 1, "there is no pattern", 'layers "Conv*"'),
    "unknown kind": ("layers cnv { keep }", 8, "unknown kind of layer 'cnv'", "a name is quoted"),
    "number as a pattern": ("layers 3 { keep }", 8, "a pattern is a quoted name or a kind", "quote names"),
    "no braces": ('layers "x"', 1, "'layers' has no braces", "layers PATTERN { ... }"),
    "no value": (RULE.format("weight"), 14, "'weight' has no value", "weight = ..."),
    "unquoted file": ("data { file = frames; calibration = x }", 15, "expected a file name", '"frames"'),
    "no file": ("data { calibration = x }", 1, "the data have no 'file'", 'file = "data.npz"'),
    "no calibration": ('data { file = "f.npz" }', 1, "the data have no 'calibration'", "NAME_OF_THE_ARRAY"),
    "data twice": (f"{DATA.format('')}\n{DATA.format('')}", 1, "'data' is said twice, first in line 1", "leave one"),
    "no samples": (DATA.format("samples = 0"), 51, "'samples' is 0", "whole number from 1"),
    "scale of zero": (DATA.format("scale = 0"), 49, "a scale is not zero", "write 1"),
    "division by zero": (DATA.format("scale = 1/0"), 49, "1/0 divides by zero", "another number"),
    "text as a number": (DATA.format("offset = half"), 50, "expected a number, got 'half'", "1/255"),
    "unknown granularity of sharing": (RULE.format("share = 4 per filter"), 28, "granularity of sharing", "channel"),
    "codebook of one": (RULE.format("share = 0 per layer"), 22, "number of shared values is 0", "between 1"),
    "codebook of floats": (RULE.format("share = 4 codebook e4m3"), 33, "a codebook has the scale", "fixed<W>"),
    "codebook with a range": (RULE.format("share = 4 codebook fixed<2..6>"), 33, "no format fixed<2..6>", "fixed<W>"),
    "codebook with more": (RULE.format("share = 4 codebook fixed<4> clip mse"), 33, "clip mse", "fixed<W, F> alone"),
    "range of a bias": (RULE.format("bias = fixed<4..20>"), 21, "the bias counts quanta", "fixed<W> alone"),
    "range with fraction bits": (
        RULE.format("weight = fixed<2..8, 4>"),
        23,
        "a range of word lengths chooses one",
        "fixed<2..8> power_of_two",
    ),
    "unknown objective": ("objective = area", 13, "unknown objective 'area'", "luts"),
    "unknown measure": ("bound = loss 1 %", 9, "unknown bound 'loss'", "accuracy"),
    "drop forgotten": ("bound = accuracy 1 %", 18, "unknown word '1'", "drop"),
    "unit forgotten": ("bound = agreement 99", 21, "expected '%'", "complete 'bound'"),
    "wrong unit": ("bound = sqnr 20 %", 17, "unknown unit '%'", "dB"),
    "more than all": ("bound = agreement 101 %", 19, "101 % is no share", "from 0 to 100"),
    "less than nothing": ("bound = accuracy drop -1 %", 23, "-1 % is no share", "from 0 to 100"),
    "more than float32": ("bound = sqnr 1e99 dB", 14, "1e99 dB: float32 numbers have less", "up to 150 dB"),
    "as much noise as signal": ("bound = sqnr 0 dB", 14, "noise may be as large as the signal", "up to 150 dB"),
    "accuracy without labels": (
        f"{DATA.format('')}\nbound = accuracy drop 1 %",
        1,
        "a bound on the accuracy needs labels",
        "agreement",
    ),
    "a word too much": ("equalize = on off", 15, "'equalize' goes on with 'off'", "leave it out"),
    "no switch": ("equalize = yes", 12, "unknown switch 'yes'", "known: on, off"),
    "open brace": ('layers "x" { keep', 18, "unexpected the end of the text", "'}'"),
    "strange character": ("rounding = $", 12, "unexpected '$'", "a word"),
    "open quote": ('layers "x { keep }', 8, "unexpected '\"'", "a quoted text"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_shown_where_they_stand(name: str) -> None:
    text, column, what, mend = MISTAKES[name]
    with pytest.raises(QoptError) as caught:
        parse_specification(text, "net.spec")
    fault = caught.value
    lines = text.split("\n")
    assert what in fault.what.split(":\n")[0]
    assert fault.mend is not None
    assert mend in fault.mend
    assert fault.where == f"net.spec:{len(lines)}:{column}"
    shown, caret = fault.what.split("\n")[1:]
    assert shown == f"    {lines[-1]}"
    assert caret.rstrip("~") == " " * (3 + column) + "^"


def test_a_number_of_thousands_of_digits() -> None:
    with pytest.raises(QoptError, match="more than a thousand digits") as caught:
        parse_specification(DATA.format(f"offset = {'9' * 5000}"), "net.spec")
    assert caught.value.where == "net.spec:1:50"


def test_a_format_alone() -> None:
    assert str(parse_format("fixed<6> power_of_two", Role.WEIGHT, "weight")) == "fixed<6> power_of_two"
    with pytest.raises(QoptError, match=r"the option 'weight':1:10"):
        parse_format("fix<6>", Role.WEIGHT, "weight")
    for more in ("; keep", "\nkeep"):
        with pytest.raises(QoptError, match="the option 'weight' goes on with 'keep'"):
            parse_format(f"fixed<6>{more}", Role.WEIGHT, "weight")
    with pytest.raises(QoptError, match="unexpected the end of the text"):
        parse_format("", Role.WEIGHT, "weight")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_bytes("# größer\n".encode("latin-1"))
    with pytest.raises(QoptError, match=r"net.spec' is no text: .*utf-8") as caught:
        read_specification(path)
    assert caught.value.mend == "give a specification in UTF-8"
