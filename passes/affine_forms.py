# SPDX-License-Identifier: Apache-2.0
"""Affine forms of tensors: each element as a weighted sum of elements of symbols, exact, no IR.

A symbol is a tensor of which only the range is known; what two forms have of one symbol cancels or adds where they are
summed, so `x - x` is 0 and `x + f(x)` is narrower than two independent terms. Rounding, clipping and constants are
symbols of their own, so a form has no constant part and `bounds` is a sum of intervals: sound whatever is related.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..qdialect.rounding import INT64_LIMIT, as_integers, as_objects, magnitude
from . import interval
from .interval import Array, Interval

LIMB = 31  # bits of long weights that are summed at a time
MAX_ENTRIES = 1 << 20  # weights of one symbol in a form; what needs more becomes a symbol itself


class TooLarge(Exception):
    """A form that would need more than MAX_ENTRIES weights of a symbol."""


@dataclass(frozen=True)
class Rows:
    """For E elements: `sum over k of weights[e, k] * symbol[index[e, k]]`; index is [E, K].

    weights: known, [E or 1, K or 1].
    """

    index: Array
    weights: Interval


@dataclass(frozen=True)
class Form:
    """The elements of a tensor, in a row, as a sum over symbols."""

    elements: int
    terms: Mapping[Hashable, Rows]


def symbol(name: Hashable, elements: int) -> Form:
    """The tensor that is a symbol itself."""
    return Form(elements, {name: Rows(np.arange(elements)[:, None], known(1))})


def known(number: int | Fraction) -> Interval:
    """One number for all elements."""
    exact = Fraction(number)
    return interval.points(np.array([[exact.numerator]], dtype=np.int64), Fraction(1, exact.denominator))


def added(a: Form, b: Form) -> Form:
    """The sum, element by element."""
    terms = dict(a.terms)
    for name, rows in b.terms.items():
        terms[name] = _side_by_side(terms[name], rows) if name in terms else rows
    return Form(a.elements, {name: rows for name, rows in terms.items() if rows.weights.lo.any()})


def mapped(form: Form, taps: Array, weights: Interval) -> Form:
    """`sum over k of weights[e, k] * form[taps[e, k]]`; where taps are -1 there is no element.

    Raises TooLarge.
    """
    terms = {name: _mapped(rows, taps, weights) for name, rows in form.terms.items()}
    return Form(len(taps), {name: rows for name, rows in terms.items() if rows.weights.lo.any()})


def _mapped(rows: Rows, taps: Array, weights: Interval) -> Rows:
    (elements, count), inner = taps.shape, rows.index.shape[1]
    check_size(taps.size * inner)
    if count == 1 and (taps >= 0).all():
        return _picked(rows, taps[:, 0], weights)
    index = rows.index[taps].reshape(elements, count * inner)
    below = rows.weights.map(lambda codes: codes[None] if len(codes) == 1 else codes[taps])  # [E or 1, K or 1, inner]
    above = weights.map(lambda codes: codes[..., None])
    if (taps < 0).any():
        above = interval.multiply(above, interval.points((taps >= 0).astype(np.int64)[..., None], Fraction(1)))
    product = interval.multiply(above, below)
    shape = (elements, count, inner)
    flat = product.map(
        lambda codes: codes.reshape(1, 1) if codes.size == 1 else np.broadcast_to(codes, shape).reshape(elements, -1)
    )
    return _merged(Rows(index, flat))


def _picked(rows: Rows, taps: Array, weights: Interval) -> Rows:
    """`weights[e] * rows[taps[e]]`: each element of the symbol stays once a row."""
    index, below = rows.index, rows.weights
    if not np.array_equal(taps, np.arange(len(index))):
        index, below = index[taps], below.map(lambda codes: codes if len(codes) == 1 else codes[taps])
    if weights.lo.size == 1 and (factor := int(weights.lo.item())) > 0:
        return Rows(index, replace(below, scale=below.scale * weights.scale * factor))
    product = interval.multiply(weights, below)
    if product.lo.size > 1:
        product = product.map(lambda codes: np.broadcast_to(codes, index.shape))
    return Rows(index, product)


def check_size(entries: int) -> None:
    """TooLarge if there are too many entries."""
    if entries > MAX_ENTRIES:
        raise TooLarge


def _side_by_side(a: Rows, b: Rows) -> Rows:
    index = np.concatenate([a.index, b.index], axis=1)
    check_size(index.size)
    first, second = interval.aligned(a.weights, b.weights)
    codes = [np.broadcast_to(x.weights.lo, x.index.shape) for x in (Rows(a.index, first), Rows(b.index, second))]
    return _merged(Rows(index, interval.points(np.concatenate(codes, axis=1), first.scale)))


def _merged(rows: Rows) -> Rows:
    """The same sums with each element of the symbol once a row."""
    index = rows.index
    if index.shape[1] == 1:
        return rows
    order = np.argsort(index, axis=1, kind="stable")
    index = np.take_along_axis(index, order, axis=1)
    first = np.ones(index.shape, bool)
    first[:, 1:] = index[:, 1:] != index[:, :-1]
    if first.all():
        return rows
    codes = np.take_along_axis(np.broadcast_to(rows.weights.lo, order.shape), order, axis=1)
    if magnitude(codes) * codes.shape[1] >= INT64_LIMIT:
        codes = codes.astype(object)
    place = first.cumsum(axis=1) - 1
    shape, line = (len(index), int(place.max()) + 1), np.arange(len(index))[:, None]
    merged, sums = np.zeros(shape, index.dtype), np.zeros(shape, codes.dtype)
    merged[line, place] = index
    np.add.at(sums, (line, place), codes)
    return Rows(merged, interval.points(sums, rows.weights.scale))


def bounds(form: Form, range_of: Callable[[Hashable], Interval]) -> Interval:
    """The range of each element, [E]. `range_of`: bounds of a symbol, one for each of its elements in a row."""
    total = interval.points(np.zeros(1, np.int64), Fraction(1))
    for name, rows in form.terms.items():
        total = interval.add(total, _weighted(range_of(name), rows))
    return total.map(lambda bound: np.broadcast_to(bound, (form.elements,)))


def _weighted(x: Interval, rows: Rows) -> Interval:
    """The range of each sum of elements of `x`, from `sum w (lo + hi)` and `sum |w| (hi - lo)`."""
    lo, hi, weights = as_objects(x.lo), as_objects(x.hi), rows.weights.lo
    if magnitude(weights) == INT64_LIMIT:  # -2^63: int64 has no such absolute value
        weights = as_objects(weights)
    centre, spread = _sums(hi + lo, rows.index, weights), _sums(hi - lo, rows.index, np.abs(weights))
    low, high = (as_integers(twice // 2) for twice in (centre - spread, centre + spread))
    return Interval(low, high, x.scale * rows.weights.scale)


def _sums(numbers: Array, index: Array, weights: Array) -> Array:
    """`sum over k of weights[e, k] * numbers[index[e, k]]`; of both a few bits at a time, so that int64 does."""
    if magnitude(weights) >> LIMB:
        low = (weights & ((1 << LIMB) - 1)).astype(np.int64)
        return (_sums(numbers, index, weights >> LIMB) << LIMB) + _sums(numbers, index, low)
    bits = 62 - LIMB - index.shape[1].bit_length()
    total, shift, half = np.zeros(len(index), dtype=object), 0, 1 << (bits - 1)
    while numbers.any():
        low = (numbers + half) % (1 << bits) - half
        part = np.einsum("ek,ek->e", weights.astype(np.int64, copy=False), low.astype(np.int64)[index])
        total, numbers, shift = total + (as_objects(part) << shift), (numbers - low) >> bits, shift + bits
    return total
