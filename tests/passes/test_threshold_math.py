# SPDX-License-Identifier: Apache-2.0
"""Thresholds and multiply-shift forms give what the tail gives, for every accumulator value."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.multiply_shift_math import Part, floor_form, floor_form_of_parts
from qopt_mlir.passes.threshold_math import Array, Tail, Thresholds, tail_thresholds
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.rounding import round_fraction

SEED = 7


def objects(values: list[int] | list[Fraction]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def apply_tail(tail: Tail, channel: int, a: int) -> int:
    """The definition, in rationals."""
    code = round_fraction(tail.slope[channel] * a + tail.offset[channel], tail.rounding)
    return int(min(max(code, tail.lo[channel]), tail.hi[channel]))


def apply_thresholds(thresholds: Thresholds, channel: int, a: int) -> int:
    row = thresholds.table[channel]
    count = sum(1 for value in row if a >= value)
    return thresholds.base + (len(row) - count if thresholds.descending[channel] else count)


def random_fraction(rng: random.Random) -> Fraction:
    kind = rng.randrange(5)
    if kind == 0:  # dyadic: ties are common
        return Fraction(rng.randint(-40, 40), 1 << rng.randrange(6))
    if kind == 1:
        return Fraction(0)
    if kind == 2:  # tiny or huge
        return Fraction(rng.choice((-1, 1)) * rng.randint(1, 9)) * Fraction(10) ** rng.randint(-12, 12)
    return Fraction(rng.randint(-1000, 1000), rng.randint(1, 300))


def random_tail(rng: random.Random, channels: int) -> Tail:
    if rng.random() < 0.15:  # bipolar
        lo, hi, rounding = [-1] * channels, [0] * channels, Rounding.FLOOR
    else:
        bits = rng.randint(1, 5)
        low = 0 if rng.random() < 0.5 else -(1 << (bits - 1)) + rng.randrange(2) * (bits > 1)
        high = low + (1 << bits) - 1 - rng.randrange(2) * (bits > 1)
        lo = [min(max(low, rng.randint(-20, 3)), high) for _ in range(channels)]  # a relu raises the low end
        hi = [high] * channels
        rounding = rng.choice(list(Rounding))
    slope = [random_fraction(rng) for _ in range(channels)]
    offset = [random_fraction(rng) for _ in range(channels)]
    return Tail(objects(slope), objects(offset), objects(lo), objects(hi), rounding)


def random_ranges(rng: random.Random, channels: int) -> tuple[Array, Array]:
    low = [rng.randint(-60, 40) for _ in range(channels)]
    high = [value + rng.choice((0, 1, 5, 60)) for value in low]
    return objects(low), objects(high)


def test_thresholds_equal_the_tail() -> None:
    rng = random.Random(SEED)
    for _ in range(1500):
        channels = rng.randint(1, 3)
        tail = random_tail(rng, channels)
        amin, amax = random_ranges(rng, channels)
        thresholds = tail_thresholds(tail, amin, amax)
        for channel in range(channels):
            row = list(thresholds.table[channel])
            assert row == sorted(row)
            assert amin[channel] <= row[0]
            assert row[-1] <= amax[channel] + 1
            for a in range(amin[channel], amax[channel] + 1):
                expected = apply_tail(tail, channel, a)
                assert apply_thresholds(thresholds, channel, a) == expected, (tail, channel, a)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("slope", ["1/2", "-1/2", "1/4", "-3/4", "0", "5/2"])
@pytest.mark.parametrize("offset", ["0", "1/2", "-5/4"])
def test_ties(rounding: Rounding, slope: str, offset: str) -> None:
    lo, hi = objects([-8]), objects([7])
    tail = Tail(objects([Fraction(slope)]), objects([Fraction(offset)]), lo, hi, rounding)
    amin, amax = objects([-40]), objects([40])
    thresholds = tail_thresholds(tail, amin, amax)
    for a in range(-40, 41):
        assert apply_thresholds(thresholds, 0, a) == apply_tail(tail, 0, a)


def test_half_even_is_not_half_up() -> None:
    """Where ties are common the two differ: the usual 'ceil of (k - 1/2) * s' would be wrong."""
    tables = []
    for rounding in (Rounding.HALF_EVEN, Rounding.HALF_UP):
        tail = Tail(objects([Fraction(1, 2)]), objects([Fraction(0)]), objects([0]), objects([3]), rounding)
        tables.append(tail_thresholds(tail, objects([0]), objects([9])).table.tolist())
    assert tables == [[[2, 3, 6]], [[1, 3, 5]]]


def test_a_threshold_never_reached_stays_unreachable() -> None:
    """Two channels, one of which never passes code 1: its threshold is amax + 1, not amax."""
    slope, offset = objects([Fraction(1), Fraction(1, 100)]), objects([Fraction(0)] * 2)
    tail = Tail(slope, offset, objects([0, 0]), objects([1, 1]), Rounding.FLOOR)
    thresholds = tail_thresholds(tail, objects([0, 0]), objects([5, 5]))
    assert thresholds.table.tolist() == [[1], [6]]


def test_constant_tail_keeps_one_threshold() -> None:
    tail = Tail(objects([Fraction(0)]), objects([Fraction(5)]), objects([0]), objects([15]), Rounding.FLOOR)
    thresholds = tail_thresholds(tail, objects([-3]), objects([3]))
    assert thresholds.table.shape == (1, 1)
    assert {apply_thresholds(thresholds, 0, a) for a in range(-3, 4)} == {5}


def test_multiply_shift_equals_thresholds() -> None:
    rng, found = random.Random(SEED), 0
    for _ in range(500):
        channels = rng.randint(1, 3)
        tail = random_tail(rng, channels)
        amin, amax = random_ranges(rng, channels)
        thresholds = tail_thresholds(tail, amin, amax)
        lo, hi = int(tail.lo.min()), int(tail.hi.max())
        form = floor_form(thresholds, lo, hi, amin, amax)
        if form is None:
            continue
        found += 1
        for channel in range(channels):
            for a in range(amin[channel], amax[channel] + 1):
                value = (form.multiplier[channel] * a + form.addend[channel]) >> form.shift
                assert min(max(value, lo), hi) == apply_thresholds(thresholds, channel, a), (tail, form, a)
    assert found > 300, f"only {found} of 500 have a multiply-shift form"


def test_channels_one_at_a_time_have_the_same_form() -> None:
    """A tail of several channels, and each of its channels by itself, joined by `floor_form_of_parts`."""
    rng, found = random.Random(SEED), 0
    for _ in range(200):
        tail = random_tail(rng, 3)
        amin, amax = random_ranges(rng, 3)
        parts = list[Part]()
        for channel in range(3):
            row = slice(channel, channel + 1)
            part = Tail(tail.slope[row], tail.offset[row], tail.lo[row], tail.hi[row], tail.rounding, tail.start)
            parts.append((tail_thresholds(part, amin[row], amax[row]), amin[row], amax[row]))
        lo, hi = int(tail.lo.min()), int(tail.hi.max())
        form = floor_form(tail_thresholds(tail, amin, amax), lo, hi, amin, amax)
        found += form is not None
        assert str(floor_form_of_parts(lambda parts=parts: parts, lo, hi)) == str(form)
    assert found > 100


def brute_force_shift(thresholds: Thresholds, lo: int, hi: int, amin: int, amax: int, most: int) -> int | None:
    """Least shift up to `most` for which some multiplier and addend give the thresholds' codes."""
    codes = [apply_thresholds(thresholds, 0, a) for a in range(amin, amax + 1)]
    for shift in range(most + 1):
        for multiplier in range(-(9 << shift), (9 << shift) + 1):
            least, greatest = -(1 << 60), 1 << 60
            for a, code in zip(range(amin, amax + 1), codes, strict=True):
                if code > lo:
                    least = max(least, (code << shift) - multiplier * a)
                if code < hi:
                    greatest = min(greatest, ((code + 1) << shift) - 1 - multiplier * a)
            if least <= greatest:
                return shift
    return None


def test_multiply_shift_has_the_least_shift() -> None:
    rng, compared = random.Random(SEED), 0
    for _ in range(60):
        slope, offset = Fraction(rng.randint(-30, 30), rng.randint(9, 40)), Fraction(rng.randint(-30, 30), 8)
        rounding = rng.choice(list(Rounding))
        tail = Tail(objects([slope]), objects([offset]), objects([-2]), objects([3]), rounding)
        amin, amax = rng.randint(-12, 0), rng.randint(1, 12)
        thresholds = tail_thresholds(tail, objects([amin]), objects([amax]))
        form = floor_form(thresholds, -2, 3, objects([amin]), objects([amax]))
        best = brute_force_shift(thresholds, -2, 3, amin, amax, 4)
        if form is not None and form.shift <= 4:
            compared += 1
            assert best == form.shift
        else:
            assert best is None
    assert compared > 25


def test_alternating_thresholds_have_no_floor_form() -> None:
    """Half-even of a / 2 rises after 2, 1, 3, 1, 3, ... steps: no line does that for long."""
    tail = Tail(objects([Fraction(1, 2)]), objects([Fraction(0)]), objects([-8]), objects([7]), Rounding.HALF_EVEN)
    thresholds = tail_thresholds(tail, objects([-30]), objects([30]))
    assert floor_form(thresholds, -8, 7, objects([-30]), objects([30])) is None


def test_each_threshold_is_where_the_code_changes() -> None:
    """On accumulators of any size, with free scales and with ties: checked next to each threshold."""
    rng = random.Random(SEED)
    for _ in range(300):
        channels, reach = rng.randint(1, 3), 1 << rng.randint(4, 90)
        tail = random_tail(rng, channels)
        amin, amax = objects([-rng.randrange(reach) for _ in range(channels)]), objects([reach] * channels)
        thresholds = tail_thresholds(tail, amin, amax)
        for channel in range(channels):
            for value in thresholds.table[channel]:
                for a in {max(value - 1, amin[channel]), min(value, amax[channel])}:
                    expected = apply_tail(tail, channel, a)
                    assert apply_thresholds(thresholds, channel, a) == expected, (tail, channel, a)
