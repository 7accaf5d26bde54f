# SPDX-License-Identifier: Apache-2.0
"""Ranges of q.max, q.min, q.clip, q.prelu, q.select: no value outside, each bound reached, by trying all codes."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from qopt_mlir.passes import interval
from qopt_mlir.passes.interval import Interval
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.text import parse_module
from qopt_mlir.qdialect.types import integer_format
from xdsl.dialects.func import FuncOp

RANGES = [(-3, 2), (-2, -1), (0, 3), (1, 2), (0, 0), (-3, 0)]
QUARTER = Fraction(1, 4)


def hull(numbers: list[Fraction]) -> tuple[Fraction, Fraction]:
    return min(numbers), max(numbers)


def of(range_: tuple[int, int], scale: Fraction = Fraction(1)) -> tuple[Interval, list[Fraction]]:
    return interval.whole(IntRange(*range_), scale), [code * scale for code in range(range_[0], range_[1] + 1)]


def bounds(x: Interval) -> tuple[Fraction, Fraction]:
    return x.hull.lo * x.scale, x.hull.hi * x.scale


@pytest.mark.parametrize(("a", "b"), [*product(RANGES, RANGES)])
def test_intervals(a: tuple[int, int], b: tuple[int, int]) -> None:
    (x, xs), (y, ys) = of(a), of(b, QUARTER)
    pairs = list(product(xs, ys))
    assert bounds(interval.rising(np.maximum, x, y)) == hull([max(pair) for pair in pairs])
    assert bounds(interval.rising(np.minimum, x, y)) == hull([min(pair) for pair in pairs])
    assert bounds(interval.prelu(x, y)) == hull([p if p > 0 else p * s for p, s in pairs])
    truth = interval.whole(IntRange(0, 1), Fraction(1))
    assert bounds(interval.select(truth, x, y)) == hull([*xs, *ys])
    for known, side in ((1, xs), (0, ys)):
        assert bounds(interval.select(interval.whole(IntRange(known, known), Fraction(1)), x, y)) == hull(side)


OPS = {
    "q.max %x, %c": lambda x, c: max(x, c),
    "q.min %x, %c": lambda x, c: min(x, c),
    "q.prelu %x, %c": lambda x, c: x if x > 0 else x * c,
}


@pytest.mark.parametrize("text", OPS)
@pytest.mark.parametrize("slope", [-3, -1, 0, 2])
def test_types_and_analysis_are_tight(text: str, slope: int) -> None:
    """The narrowest type is accepted, one bit less is not; the analysis finds what the type says."""
    found = [OPS[text](Fraction(x, 2), Fraction(slope, 4)) for x in range(-4, 4)]
    bits = 3 if "prelu" in text else 2
    codes = IntRange(int(min(found) * 2**bits), int(max(found) * 2**bits))
    kind = "fixed" if codes.signed else "ufixed"
    module = (
        "func.func @main(%x: tensor<2x!q.fixed<3, 1>>) {{\n"
        f"%c = q.constant #q.dense<{slope} : tensor<!q.fixed<4, 2>>>\n"
        f"%y = {text} : tensor<2x!q.fixed<3, 1>>, tensor<!q.fixed<4, 2>> -> tensor<2x!q.{kind}<{{}}, {bits}>>\n"
        "func.return }}"
    )
    parsed = parse_module(module.format(codes.word_length), "text")
    parsed.verify()
    op = next(op for op in parsed.walk() if op.name == text.split()[0])
    assert isinstance(parsed.body.block.first_op, FuncOp)
    assert integer_format(op.results[0].type.element_type).code_range.hi >= codes.hi  # pyright: ignore
    assert analyse(parsed)[op.results[0]].hull == codes
    if codes.word_length > 1:
        with pytest.raises(Exception, match="can give codes"):
            parse_module(module.format(codes.word_length - 1), "text").verify()
