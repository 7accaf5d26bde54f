# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation as an exact affine function."""

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.affine import batch_norm_affine, reciprocal_sqrt
from qopt_mlir.qdialect.errors import QoptError


def test_rational_roots_are_exact() -> None:
    assert reciprocal_sqrt(Fraction(9, 4)) == Fraction(2, 3)
    assert reciprocal_sqrt(Fraction(1, 2**60)) == 2**30


def test_relative_error() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        value = Fraction(int(rng.integers(1, 1 << 60)), int(rng.integers(1, 1 << 60))) * Fraction(2) ** int(
            rng.integers(-300, 300)
        )
        root = reciprocal_sqrt(value)
        assert root**2 * value <= 1
        assert (root * (1 + Fraction(1, 2**80))) ** 2 * value > 1


def test_affine_of_floats() -> None:
    scale, bias, mean, variance = (np.float32([v, -v]) for v in (0.5, 0.1, 3.0, 4.0))
    variance = np.abs(variance)
    factor, offset = batch_norm_affine(scale, bias, mean, variance, Fraction(0))
    assert factor.tolist() == [Fraction(1, 4), Fraction(-1, 4)]
    assert offset.tolist() == [Fraction(float(b)) - Fraction(3, 4) for b in bias]


def test_negative_variance_is_refused() -> None:
    one = np.ones(2)
    with pytest.raises(QoptError, match=r"variance \+ epsilon > 0, channel 1 has -0.5"):
        batch_norm_affine(one, one, one, np.array([1.0, -1.5]), 1.0)
