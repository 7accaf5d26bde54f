# SPDX-License-Identifier: Apache-2.0
"""Reading `NAME: FORMAT [scale NUMBER] [offset NUMBER]`."""

from fractions import Fraction

import pytest
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.input_format import InputFormat, parse_input_format
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: uint<8> scale 1/255", InputFormat("x", UFixedType(8, 0), Fraction(1, 255))),
        ("global_in: fixed<16, 10>", InputFormat("global_in", FixedType(16, 10))),
        ("a:b/c : int<1>offset -0.5", InputFormat("a:b/c", FixedType(1, 0), offset=Fraction(-1, 2))),
        ("x:ufixed<4,-2> offset 3 scale -1.25", InputFormat("x", UFixedType(4, -2), Fraction(-5, 4), Fraction(3))),
        ("x: bipolar scale 0.5/ 3", InputFormat("x", BipolarType(), Fraction(1, 6))),
    ],
)
def test_reads(text: str, expected: InputFormat) -> None:
    assert parse_input_format(text) == expected


@pytest.mark.parametrize(
    ("text", "what", "column"),
    [
        ("uint<8>", "needs a name, a colon and a format", 0),
        (": uint<8>", "needs a name, a colon and a format", 0),
        ("x: byte", "the formats of an input are uint<W>", 3),
        ("x: uint", "expected '<'", 7),
        ("x: uint<0>", "a word has 1 to 4096 bits", 8),
        ("x: uint<8.5>", "expected a whole number of bits", 8),
        ("x: uint<bits>", "expected a number", 8),
        ("x: uint<8, 3>", "expected '>'", 9),
        ("x: fixed<8>", "expected ','", 10),
        ("x: uint<8> scale", "expected a number", 16),
        ("x: uint<8> scale 1/0", "a fraction does not divide by zero", 17),
        ("x: uint<8> scale 0", "the scale of an input is not zero", 17),
        ("x: uint<8> times 2", "goes on with one 'scale' and one 'offset'", 11),
        ("x: uint<8> scale 1 scale 2", "goes on with one 'scale' and one 'offset'", 19),
        ("x: uint<8> ?", "expected 'scale', 'offset' or the end", 11),
        ("x: uint<8> 3", "expected 'scale', 'offset' or the end", 11),
    ],
)
def test_refuses_with_the_place(text: str, what: str, column: int) -> None:
    with pytest.raises(QoptError) as fault:
        parse_input_format(text)
    assert what in fault.value.what
    lines = fault.value.what.split("\n")
    assert lines[1] == f"    {text}"
    assert lines[2] == " " * (4 + column) + "^"
    assert fault.value.mend is not None
