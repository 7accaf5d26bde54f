# SPDX-License-Identifier: Apache-2.0
"""Branches of different scales that meet: the integers give the code of exact arithmetic for every pair of codes."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes import join_math
from qopt_mlir.passes.join_math import Join, integer_join, integer_joins, least_remainder
from qopt_mlir.passes.lower_joins import join_ops, recognise
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.tail import NoTail
from qopt_mlir.qdialect.formats import IntRange, Rounding
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.rounding import round_fraction
from qopt_mlir.qdialect.text import parse_module
from xdsl.dialects.builtin import ModuleOp

NETWORK = """\
func.func @main(%x: tensor<1x80x!q.fixed<6, 1>>) -> tensor<1x40x{result}> {{
  %a = q.slice %x starts [0, 0] sizes [1, 40] steps [1, 1] : tensor<1x80x!q.fixed<6, 1>> -> tensor<1x40x!q.fixed<6, 1>>
  %b = q.slice %x starts [0, 40] sizes [1, 40] steps [1, 1] : tensor<1x80x!q.fixed<6, 1>> -> tensor<1x40x!q.fixed<6, 1>>
  %s = q.constant #q.dense<"{s}" : tensor<!q.real>>
  %t = q.constant #q.dense<"{t}" : tensor<!q.real>>
  %o = q.constant #q.dense<"{o}" : tensor<!q.real>>
  %lo = q.constant #q.dense<"{lo}" : tensor<!q.real>>
  %hi = q.constant #q.dense<"{hi}" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x40x!q.fixed<6, 1>>, tensor<!q.real> -> tensor<1x40x!q.real>
  %1 = q.mul %b, %t : tensor<1x40x!q.fixed<6, 1>>, tensor<!q.real> -> tensor<1x40x!q.real>
  %2 = q.add %1, %o : tensor<1x40x!q.real>, tensor<!q.real> -> tensor<1x40x!q.real>
  %3 = q.add %0, %2 : tensor<1x40x!q.real>, tensor<1x40x!q.real> -> tensor<1x40x!q.real>
  %4 = q.clip %3, %lo, %hi : tensor<1x40x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<1x40x!q.real>
  %y = q.quantize %4 {rounding} saturate : tensor<1x40x!q.real> -> tensor<1x40x{result}>
  func.return %y : tensor<1x40x{result}>
}}
"""


def _random_join(generator: random.Random) -> Join:
    def number(most: int) -> Fraction:
        return Fraction(generator.randint(-most, most), generator.randint(1, 997))

    def codes() -> IntRange:
        lo = generator.randint(-20, 5)
        return IntRange(lo, lo + generator.randint(0, 30))

    lo = generator.randint(-9, 3)
    clip = IntRange(lo, lo + generator.randint(0, 15))
    return Join((number(500), number(500)), number(2000), (codes(), codes()), clip, generator.choice(list(Rounding)))


def test_every_pair_of_codes() -> None:
    """The result is that of Fractions, pair by pair; a form is found for nearly all."""
    generator, found = random.Random(7), 0
    for _ in range(60):
        join = _random_join(generator)
        form = integer_join(join, join.clip)
        if form is None:
            continue
        found += 1
        for _ in range(80):
            a, b = (generator.randint(codes.lo, codes.hi) for codes in join.codes)
            exact = round_fraction(join.slopes[0] * a + join.slopes[1] * b + join.offset, join.rounding)
            integer = (form.multipliers[0] * a + form.multipliers[1] * b + form.addend) >> form.shift
            expected, actual = (min(max(code, join.clip.lo), join.clip.hi) for code in (exact, integer))
            assert actual == expected, (join, form, a, b)
    assert found > 40


def test_least_remainder() -> None:
    generator = random.Random(1)
    for _ in range(3000):
        modulus, count = generator.randint(1, 60), generator.randint(1, 40)
        step, first = generator.randint(-100, 100), generator.randint(-100, 100)
        expected = min((first + step * i) % modulus for i in range(count))
        assert least_remainder(step, first, modulus, count) == expected, (step, first, modulus, count)


def test_forms_proven_without_trying_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are right for every pair; only ties and roundings that depend on the sign have none."""
    monkeypatch.setattr(join_math, "MAX_PAIRS", 0)
    generator, found = random.Random(11), 0
    for _ in range(200):
        join = _random_join(generator)
        form = integer_join(join, join.clip)
        if form is None:
            continue
        found += 1
        a, b = (np.arange(codes.lo, codes.hi + 1).astype(object) for codes in join.codes)
        sums = (np.add.outer(a * form.multipliers[0], b * form.multipliers[1]) + form.addend) >> form.shift
        np.testing.assert_array_equal(np.clip(sums, join.clip.lo, join.clip.hi).astype(int), join.results())
    assert found > 80


def test_a_wide_branch() -> None:
    """A sum of products of 20 bits beside codes of 8 bits, scales as float32 has them."""
    scales = [Fraction(float(np.float32(number))) for number in (0.0123, 0.0004567, 0.0391)]
    codes = (IntRange(-128, 127), IntRange(-300_000, 345_678))
    slopes = (scales[0] / scales[2], scales[1] / scales[2])
    join = Join(slopes, Fraction(-5), codes, IntRange(-133, 122), Rounding.HALF_EVEN)
    form = integer_join(join, join.clip)
    assert form is not None
    assert form.shift < 64
    generator = random.Random(5)
    for _ in range(3000):
        a, b = (generator.randint(each.lo, each.hi) for each in codes)
        integer = (form.multipliers[0] * a + form.multipliers[1] * b + form.addend) >> form.shift
        assert integer == round_fraction(slopes[0] * a + slopes[1] * b - 5, Rounding.HALF_EVEN)


def test_ties_of_powers_of_two_keep_their_rounding() -> None:
    codes = IntRange(0, 7)
    join = Join((Fraction(1, 2), Fraction(1, 4)), Fraction(0), (codes, codes), IntRange(0, 7), Rounding.HALF_EVEN)
    (form,) = integer_joins([join], join.clip) or [None]
    assert form is not None
    assert (form.multipliers, form.shift, form.rounding) == ((2, 1), 2, Rounding.HALF_EVEN)


def test_no_form_where_ties_contradict() -> None:
    """Half to even sends 1/2 down and 3/2 up: no line does for a sum of halves."""
    codes = IntRange(0, 7)
    join = Join((Fraction(1, 2), Fraction(1, 2)), Fraction(0), (codes, codes), IntRange(0, 7), Rounding.HALF_EVEN)
    assert integer_join(join, join.clip) is None


def test_too_many_pairs_are_left() -> None:
    codes = IntRange(0, 5000)
    join = Join((Fraction(1, 7), Fraction(1, 5)), Fraction(0), (codes, codes), IntRange(0, 7), Rounding.FLOOR)
    assert integer_join(join, join.clip) is None


@pytest.mark.parametrize(
    ("result", "lo", "hi"),
    [("!q.fixed<5, 0>", "-100", "100"), ("!q.fixed<6, 0>", "-3", "12"), ("!q.ufixed<4, 1>", "0", "100")],
)
@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_networks_keep_every_bit(
    result: str, lo: str, hi: str, rounding: str, exact_pass: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    numbers = {"s": "31/97", "t": "-53/41", "o": "7/13"}
    text = NETWORK.format(result=result, lo=lo, hi=hi, rounding=rounding, **numbers)
    module = exact_pass(parse_module(text, "test"), "q-lower-joins")
    assert "real" not in str(module)
    assert np.count_nonzero(["q.quantize" in line for line in str(module).split("\n")]) == 1


def test_a_sign_of_scaled_branches_is_refused() -> None:
    numbers = {"s": "31/97", "t": "-53/41", "o": "7/13", "lo": "-100", "hi": "100"}
    module = parse_module(NETWORK.format(result="!q.bipolar", rounding="half_even", **numbers), "test")
    (quantiser,) = (op for op in module.walk() if isinstance(op, QuantizeOp))
    join = recognise(quantiser, analyse(module))
    assert join is not None
    with pytest.raises(NoTail, match="branches with scales of their own give a sum"):
        join_ops(quantiser, join)


def test_scales_of_channels(exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """Each of two channels has scales of its own, in front of the sum and behind it, along the axis in the middle."""
    text = """
    func.func @main(%x: tensor<1x4x20x!q.fixed<5, 0>>) -> tensor<1x2x20x!q.fixed<5, 0>> {
      %a = q.slice %x starts [0, 0, 0] sizes [1, 2, 20] steps [1, 1, 1]
          : tensor<1x4x20x!q.fixed<5, 0>> -> tensor<1x2x20x!q.fixed<5, 0>>
      %b = q.slice %x starts [0, 2, 0] sizes [1, 2, 20] steps [1, 1, 1]
          : tensor<1x4x20x!q.fixed<5, 0>> -> tensor<1x2x20x!q.fixed<5, 0>>
      %s = q.constant #q.dense<[["31/97"], ["-17/41"]] : tensor<2x1x!q.real>>
      %t = q.constant #q.dense<"11/53" : tensor<!q.real>>
      %u = q.constant #q.dense<[["3/7"], ["9/7"]] : tensor<2x1x!q.real>>
      %0 = q.mul %a, %s : tensor<1x2x20x!q.fixed<5, 0>>, tensor<2x1x!q.real> -> tensor<1x2x20x!q.real>
      %1 = q.mul %b, %t : tensor<1x2x20x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x20x!q.real>
      %2 = q.add %0, %1 : tensor<1x2x20x!q.real>, tensor<1x2x20x!q.real> -> tensor<1x2x20x!q.real>
      %3 = q.add %2, %u : tensor<1x2x20x!q.real>, tensor<2x1x!q.real> -> tensor<1x2x20x!q.real>
      %y = q.quantize %3 half_even saturate : tensor<1x2x20x!q.real> -> tensor<1x2x20x!q.fixed<5, 0>>
      func.return %y : tensor<1x2x20x!q.fixed<5, 0>>
    }"""
    module = exact_pass(parse_module(text, "test"), "q-lower-joins")
    assert "real" not in str(module)
