# SPDX-License-Identifier: Apache-2.0
"""The signal to quantisation noise ratio."""

from math import inf, log10

import numpy as np
import pytest
from qopt_mlir.passes.noise import Noise, decibels, noise_of


def test_no_mean_is_taken_off() -> None:
    """A constant offset is noise, and a constant is signal."""
    exact = np.full(10, 3.0, np.float32)
    noise = noise_of(exact, exact + np.float32(0.5))
    assert noise == Noise(90.0, 2.5)
    assert noise.relative == 2.5 / 90
    assert noise.sqnr == pytest.approx(10 * log10(90 / 2.5))


def test_parts_add_up() -> None:
    exact = np.linspace(-2, 5, 60, dtype=np.float32)
    whole, parts = noise_of(exact, np.rint(exact)), Noise()
    for part in np.split(exact, 4):
        parts.add(part, np.rint(part))
    assert parts.sqnr == pytest.approx(whole.sqnr)


def test_ends() -> None:
    zeros = np.zeros(4)
    assert noise_of(np.ones(4), np.ones(4)).sqnr == decibels(0) == inf
    assert noise_of(zeros, zeros).sqnr == inf
    assert noise_of(zeros, zeros + 1).relative == 4
