# SPDX-License-Identifier: Apache-2.0
"""Bounds of affine forms are those of Python's integers, however long weights and ranges are."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.affine_forms import Form, Rows, bounds, mapped
from qopt_mlir.passes.interval import Array, Interval, points
from qopt_mlir.qdialect.rounding import as_integers

ELEMENTS, TAPS, NUMBERS = 5, 7, 6


def drawn(source: random.Random, bits: int, *shape: int) -> Array:
    limit = 1 << bits
    numbers = [-limit, *(source.randint(-limit, limit - 1) for _ in range(int(np.prod(shape)) - 1))]
    return as_integers(np.array(numbers, dtype=object).reshape(shape))


@pytest.mark.parametrize("rows", [(ELEMENTS, TAPS), (1, TAPS), (ELEMENTS, 1), (1, 1)])
@pytest.mark.parametrize("range_bits", [1, 20, 63, 90])
@pytest.mark.parametrize("weight_bits", [1, 20, 31, 63, 90])
def test_bounds_of_long_numbers(weight_bits: int, range_bits: int, rows: tuple[int, int]) -> None:
    source = random.Random(f"{weight_bits} {range_bits} {rows}")
    weights = drawn(source, weight_bits, *rows)
    index = np.array([[source.randrange(NUMBERS) for _ in range(TAPS)] for _ in range(ELEMENTS)])
    ends = np.sort(drawn(source, range_bits, 2, NUMBERS).astype(object), axis=0)
    x = Interval(as_integers(ends[0]), as_integers(ends[1]), Fraction(1, 3))
    found = bounds(Form(ELEMENTS, {"x": Rows(index, points(weights, Fraction(5, 2)))}), lambda _: x)
    each = np.broadcast_to(weights, index.shape).astype(object)
    pairs = [each * end[index] for end in ends]
    for bound, wanted in ((found.lo, np.minimum(*pairs)), (found.hi, np.maximum(*pairs))):
        assert [code * found.scale for code in bound.tolist()] == [sum(row) * Fraction(5, 6) for row in wanted]


@pytest.mark.parametrize("factor", [-3, 0, 1, 4])
@pytest.mark.parametrize("taps", [[0, 1, 2], [2, 0, 0], [1, -1, 2]])
def test_elements_picked_and_scaled(taps: list[int], factor: int) -> None:
    rows = Rows(np.array([[0, 1], [1, 2], [2, 0]]), points(np.array([[1, 2], [3, 4], [5, 6]]), Fraction(1)))
    new = mapped(Form(3, {"x": rows}), np.array(taps)[:, None], points(np.array([[factor]]), Fraction(1, 2)))
    values = points(np.array([100, 10, 1]), Fraction(1))
    wanted = [Fraction(factor * [120, 34, 605][tap], 2) if tap >= 0 else 0 for tap in taps]
    found = bounds(new, lambda _: values)
    assert [code * found.scale for code in found.lo.tolist()] == wanted
