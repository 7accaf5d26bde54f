# SPDX-License-Identifier: Apache-2.0
"""Chains of integer multiplications and additions as one affine function of codes."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.affine_tail import AffineTail, per_channel


@pytest.mark.parametrize("seed", range(50))
def test_composition_equals_exact_arithmetic(seed: int) -> None:
    rnd = random.Random(seed)
    tail, channels = AffineTail.identity(), 3
    x = np.array([Fraction(rnd.randint(-50, 50)) for _ in range(channels)], dtype=object)
    value = x.copy()
    for _ in range(rnd.randint(0, 4)):
        codes = np.array([rnd.randint(-9, 9) for _ in range(rnd.choice([1, channels]))])
        fraction_bits = rnd.randint(-3, 5)
        constant = np.array([int(code) * Fraction(2) ** -fraction_bits for code in codes], dtype=object)
        if rnd.random() < 0.5:
            tail, value = tail.times(codes, fraction_bits), value * constant
        else:
            tail, value = tail.plus(codes, fraction_bits), value + constant
    target = rnd.randint(-4, 6)
    multiplier, addend, shift = tail.shifted(target)
    assert shift >= 0
    assert shift == 0 or any(int(n) % 2 for n in (*np.ravel(multiplier), *np.ravel(addend)))
    assert (value * Fraction(2) ** target == (multiplier * x + addend) / Fraction(2**shift)).all()


def test_the_period_of_a_frame_is_the_shortest() -> None:
    assert per_channel(np.array(7), (2, 3)).tolist() == [7]
    assert per_channel(np.array([[1, 2, 3]]), (2, 3)).tolist() == [1, 2, 3]
    assert per_channel(np.array([[1], [2]]), (2, 3)).tolist() == [1, 1, 1, 2, 2, 2]
    assert per_channel(np.array([[1, 1], [1, 1]]), (2, 2)).tolist() == [1]
    assert per_channel(np.array([[[1, 2]], [[1, 2]]]), (2, 1, 2)).tolist() == [1, 2]
