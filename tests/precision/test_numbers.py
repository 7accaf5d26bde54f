# SPDX-License-Identifier: Apache-2.0
"""The numerics of calibration: histograms, clipping, quantisers, scales, rounding by reconstruction."""

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.precision.parser import parse_format
from qopt_mlir.frontends.precision.specification import Clip, Role
from qopt_mlir.passes.calibration.choosing import (
    SCALE_BITS,
    activation_quantizer,
    coarse_zero_point,
    power_of_two_above,
    short_scale,
    tieless_scale,
    weight_quantizer,
)
from qopt_mlir.passes.calibration.clipping import clip_range, squared_error
from qopt_mlir.passes.calibration.histogram import HALF, Histogram
from qopt_mlir.passes.calibration.quantizer import Quantizer, float_values
from qopt_mlir.passes.calibration.reconstruction import Moments, bias_change, compensated, rounded
from qopt_mlir.qdialect.float_formats import decode
from qopt_mlir.qdialect.formats import FORMAT_NAMES, FloatFormat
from qopt_mlir.qdialect.types import FixedType, FloatType, UFixedType

from .networks import dense_network, quantised


def histogram_of(*batches: np.ndarray) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.add(batch.astype(np.float32))
    return histogram


def test_histogram_grows_with_its_numbers() -> None:
    rng = np.random.default_rng(1)
    numbers = [rng.normal(size=300) * scale for scale in (0.01, 3.0, 0.5, 100.0)]
    grown = histogram_of(*numbers)
    joined = np.concatenate(numbers).astype(np.float32)
    assert (grown.low, grown.high) == (joined.min(), joined.max())
    width = grown.reach / HALF
    expected = np.histogram(joined, bins=np.arange(-HALF, HALF + 1) * width)[0]
    assert grown.counts.sum() == joined.size
    np.testing.assert_array_equal(grown.counts, expected)


def test_merged_histograms_are_those_of_all_numbers() -> None:
    rng = np.random.default_rng(2)
    small, large = rng.normal(size=500), 50 * rng.normal(size=500)
    for first, second in ((small, large), (large, small)):
        merged = histogram_of(first)
        merged.merge(histogram_of(second))
        whole = histogram_of(first, second)
        np.testing.assert_array_equal(merged.counts, whole.counts)
        assert (merged.low, merged.high, merged.reach) == (whole.low, whole.high, whole.reach)


def test_quantiles() -> None:
    positive = histogram_of(np.arange(1, 1001) / 1000)
    low, high = positive.quantile(0.9)
    assert low == 0
    assert high == pytest.approx(0.9, abs=0.01)
    low, high = histogram_of(np.linspace(-1, 1, 1001)).quantile(0.9)
    assert (low, high) == pytest.approx((-0.9, 0.9), abs=0.01)
    assert histogram_of(np.ones(5)).quantile(1.0) == (0.0, 1.0)


@pytest.mark.parametrize("clip", list(Clip))
def test_clipping_cuts_rare_large_numbers(clip: Clip) -> None:
    numbers = np.append(np.abs(np.random.default_rng(3).normal(size=100_000)), 30.0)
    low, high = clip_range(histogram_of(numbers), clip, 15, False, Fraction(9999, 100))
    assert low == 0
    if clip is Clip.MAX:
        assert high == 30
    else:
        assert 2 < high < 8


def test_least_squared_error_is_least() -> None:
    histogram = histogram_of(np.random.default_rng(4).laplace(size=50_000))
    best = clip_range(histogram, Clip.MSE, 14, True)
    error = squared_error(histogram, best, 14)
    assert best[0] == -best[1]
    assert all(error <= squared_error(histogram, (best[0] * f, best[1] * f), 14) for f in (0.7, 0.85, 1.2, 1.5))


@pytest.mark.parametrize("clip", ["max", "percentile 99", "mse", "kl"])
@pytest.mark.parametrize("numbers", [np.linspace(8, 10, 500), np.linspace(-10, -8, 500)], ids=["above", "below"])
def test_ranges_without_zero_are_held(clip: str, numbers: np.ndarray) -> None:
    choice = parse_format(f"fixed<8> asymmetric clip {clip}", Role.ACTIVATION, "a")
    quantizer = activation_quantizer(histogram_of(numbers), choice, 8)
    np.testing.assert_allclose(quantizer.apply(numbers.astype(np.float32)), numbers, atol=0.2)
    unsigned = parse_format(f"ufixed<8> clip {clip}", Role.ACTIVATION, "a")
    held = activation_quantizer(histogram_of(numbers), unsigned, 8).apply(numbers.astype(np.float32))
    np.testing.assert_allclose(held, np.maximum(numbers, 0), atol=0.2)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (-0.1, 3.9), (-3.9, 0.1), (0.0, 2.0), (-2.0, 0.0), (0.0, 0.0)])
def test_zero_stays_a_code_with_fewer_bits(low: float, high: float) -> None:
    step, zero = coarse_zero_point(low, high, 255, 32)
    assert zero % 32 == 0
    assert 0 <= zero <= 255
    assert zero * step >= -low * (1 - 1e-9)
    assert (255 - zero) * step >= high * (1 - 1e-9)
    assert step <= 1.2 * (high - low) / 255


def test_all_zero_numbers_have_a_scale() -> None:
    quantizer = activation_quantizer(histogram_of(np.zeros(9)), parse_format("fixed<8>", Role.ACTIVATION, "a"), 8)
    assert quantizer.scale == 1
    weights = weight_quantizer(np.zeros((3, 2)), 0, parse_format("fixed<4> per channel", Role.WEIGHT, "w"), 4)
    np.testing.assert_array_equal(weights.scale, np.ones((3, 1)))


def test_short_scales_multiply_exactly() -> None:
    steps = np.exp(np.random.default_rng(5).uniform(-20, 20, 1000))
    scales = short_scale(steps)
    np.testing.assert_allclose(scales, steps, rtol=2.0**-SCALE_BITS)
    for first, second in itertools.pairwise(scales):
        assert Fraction(float(first)) * Fraction(float(second)) == Fraction(float(first * second))


@pytest.mark.parametrize("step", [0.25, 0.3, 1e-9, 77.7])
def test_scales_of_joins_have_odd_mantissas(step: float) -> None:
    scale = float(tieless_scale(step))
    assert scale == pytest.approx(step, rel=2.0**-22)
    assert Fraction(scale).numerator.bit_length() == 24


def test_powers_of_two_from_above() -> None:
    np.testing.assert_array_equal(power_of_two_above(np.array([0.5, 0.6, 1.0, 3.0, 0.0])), [0.5, 1, 1, 4, 1])


@pytest.mark.parametrize(
    ("text", "numbers", "type_", "zero"),
    [
        ("fixed<8>", [0, 1, 2], UFixedType(8), 0),
        ("fixed<8>", [-1, 2], FixedType(8), 0),
        ("ufixed<6>", [-1, 2], UFixedType(6), 0),
        ("fixed<8> asymmetric clip max", [-1, 3], UFixedType(8), 64),
        ("e4m3", [-1, 2], FloatType(4, 3, specials="fn"), 0),
    ],
)
def test_types_of_activations(text: str, numbers: list[float], type_: object, zero: int) -> None:
    choice = parse_format(text, Role.ACTIVATION, "activation")
    quantizer = activation_quantizer(histogram_of(np.array(numbers)), choice, choice.bits.hi)
    assert quantizer.type == type_
    assert quantizer.zero_point == zero
    if "8" in text:
        held = quantizer.apply(np.array([min(numbers), max(numbers)], np.float32))
        np.testing.assert_allclose(held, [min(numbers), max(numbers)], atol=float(quantizer.scale))


@pytest.mark.parametrize("name", ["e4m3", "e5m2", "e3m2", "e2m3", "e2m1"])
def test_float_values_are_nearest(name: str) -> None:
    format_ = FORMAT_NAMES[name]
    assert isinstance(format_, FloatFormat)
    grid = decode(np.arange(1 << format_.word_length), format_)
    grid = np.sort(grid[np.isfinite(grid)])
    numbers = np.random.default_rng(6).normal(size=500).astype(np.float32) * 3
    found = float_values(numbers, format_)
    nearest = np.abs(np.clip(numbers, grid[0], grid[-1])[:, None] - grid).min(axis=1)
    np.testing.assert_allclose(np.abs(np.clip(numbers, grid[0], grid[-1]) - found), nearest, atol=1e-7)


@pytest.mark.parametrize("size", [1e-15, 1e-3, 1e15])
@pytest.mark.parametrize("text", ["bf16", "float<8, 7>", "float<8, 7, specials = fn>", "float<7, 7, bias = 20>"])
def test_floats_of_wide_range_round_numbers_of_every_size(text: str, size: float) -> None:
    weights = (size * np.random.default_rng(11).uniform(0.01, 1, (8, 40))).astype(np.float32)
    for per in ("tensor", "channel"):
        quantizer = weight_quantizer(weights, 0, parse_format(f"{text} per {per}", Role.WEIGHT, "weight"), 16)
        error = np.abs(quantizer.apply(weights).astype(np.float64) / weights - 1)
        assert 0 < error.max() <= 2**-8 + 2**-20, "half a quantum of 7 fraction bits, and the float32 arithmetic"


def correlated(rng: np.random.Generator, rows: int, terms: int) -> np.ndarray:
    return rng.normal(size=(rows, 5)) @ rng.normal(size=(5, terms)) + 0.1 * rng.normal(size=(rows, terms)) + 0.5


def test_reconstruction_beats_nearest_rounding() -> None:
    rng = np.random.default_rng(7)
    x, weights = correlated(rng, 400, 30), rng.normal(size=(8, 30))
    moments = Moments.of(30)
    moments.add(x[:250], x[:250])
    moments.add(x[250:], x[250:])
    quantizer = Quantizer(FixedType(4), np.full(8, 0.4, np.float32), narrow=True)
    nearest = quantizer.apply(weights.T).T
    found = rounded(weights, moments, lambda column, _: quantizer.apply(column))
    np.testing.assert_array_equal(found, quantizer.apply(found.T).T)

    def error(candidate: np.ndarray) -> float:
        bias = bias_change(weights, candidate, moments)
        return float((((weights - candidate) @ x.T - bias[:, None]) ** 2).sum())

    assert error(found) < 0.5 * error(nearest)
    assert np.mean(((weights - found) @ x.T) - bias_change(weights, found, moments)[:, None]) == pytest.approx(
        0, abs=1e-4
    )


def test_weights_make_up_for_inputs_that_are_off() -> None:
    rng = np.random.default_rng(8)
    targets, weights = correlated(rng, 500, 20), rng.normal(size=(6, 20))
    x = targets * rng.uniform(0.8, 1.2, 20)
    moments = Moments.of(20)
    moments.add(x, targets)
    moved = compensated(weights, moments)

    def error(candidate: np.ndarray) -> float:
        difference = weights @ targets.T - candidate @ x.T
        return float(((difference - difference.mean(axis=1, keepdims=True)) ** 2).sum())

    assert error(moved) < 0.1 * error(weights)
    same = Moments.of(20)
    same.add(targets, targets)
    np.testing.assert_array_equal(compensated(weights, same), weights)


@pytest.mark.parametrize("largest", [1e-9, 1.0, 3e4, 1e30])
def test_inputs_that_do_not_vary_leave_weights_as_they_are(largest: float) -> None:
    """Their covariance is nothing but rounding, of either sign; those that vary make up for each other as before."""
    rng = np.random.default_rng(5)
    rows = np.full((900, 12), largest) * np.linspace(0.1, 1, 12)
    rows[:, 6:8] += largest * rng.normal(size=(900, 2))
    moments = Moments.of(12)
    for part in np.split(rows, 9):
        moments.add(part, part * (1 + 1e-3 * rng.normal(size=part.shape)))
    weights = rng.normal(size=(4, 12))
    moved = compensated(weights, moments)
    still = [*range(6), *range(8, 12)]
    np.testing.assert_array_equal(moved[:, still], weights[:, still])
    found = rounded(weights, moments, lambda column, term: np.rint(column))
    np.testing.assert_array_equal(found[:, still], np.rint(weights[:, still]))


def test_a_dominant_constant_input_does_not_stop_the_rounding() -> None:
    """Sums in float32 of numbers of very different size are no covariance of anything."""
    rng = np.random.default_rng(6)
    moments = Moments.of(40)
    rows = 1e4 * rng.uniform(size=(1, 40)) + rng.normal(size=(4000, 40))
    moments.add(rows, rows)
    assert np.isfinite(rounded(rng.normal(size=(3, 40)), moments, lambda column, term: np.rint(column))).all()


@pytest.mark.parametrize(("bits", "coarse"), [(8, False), (31, True)])
def test_weights_that_get_coarser_for_their_bias_are_said(bits: int, coarse: bool, tmp_path: Path) -> None:
    """With inputs of so many bits, quanta of the products are too fine for a bias of 32 bits."""
    rules = f'layers "*" {{ weight = fixed<8> per channel; activation = fixed<{bits}> }}'
    report = quantised(dense_network(), tmp_path, rules)
    said = [note for note in report.notes if "coarser than their bits" in note]
    assert bool(said) == coarse
    assert all("32 bits; give its input fewer bits" in note for note in said)
    assert all(note in str(report) for note in said)
