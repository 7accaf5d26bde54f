# SPDX-License-Identifier: Apache-2.0
"""Integer affine functions of codes, `(multiplier * x + addend) * 2^-fraction_bits`, element by element.

A chain of integer `q.mul` and `q.add` with constants, as it stands in front of a quantiser, composes to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..qdialect.attrs import Array


@dataclass(frozen=True)
class AffineTail:
    """Multiplier and addend are object arrays of ints that broadcast over the frame; fraction_bits counts from x's."""

    multiplier: Array
    addend: Array
    fraction_bits: int

    @staticmethod
    def identity() -> AffineTail:
        return AffineTail(_integers(1), _integers(0), 0)

    def times(self, codes: Array, fraction_bits: int) -> AffineTail:
        """This function, multiplied with a constant."""
        factor = _integers(codes)
        fraction_bits += self.fraction_bits
        return AffineTail(_integers(self.multiplier * factor), _integers(self.addend * factor), fraction_bits)

    def plus(self, codes: Array, fraction_bits: int) -> AffineTail:
        """This function plus a constant whose fraction bits count from x's too."""
        finest = max(self.fraction_bits, fraction_bits)
        up = 1 << (finest - self.fraction_bits)
        addend = self.addend * up + _integers(codes) * (1 << (finest - fraction_bits))
        return AffineTail(_integers(self.multiplier * up), _integers(addend), finest)

    def shifted(self, fraction_bits: int) -> tuple[Array, Array, int]:
        """(multiplier, addend, shift) with value = (multiplier * x + addend) / 2^shift quanta of `fraction_bits`.

        shift >= 0 and as small as possible.
        """
        shift = self.fraction_bits - fraction_bits
        multiplier, addend = self.multiplier, self.addend
        if shift < 0:
            return _integers(multiplier * (1 << -shift)), _integers(addend * (1 << -shift)), 0
        common = _trailing_zeros([*multiplier.reshape(-1), *addend.reshape(-1)], shift)
        return _integers(multiplier // (1 << common)), _integers(addend // (1 << common)), shift - common


def per_channel(array: Array, shape: tuple[int, ...]) -> Array:
    """The shortest period, along the elements of a frame of `shape`, of an array that broadcasts to it."""
    trimmed = array.reshape(array.shape[next((i for i, n in enumerate(array.shape) if n != 1), array.ndim) :])
    if not trimmed.ndim:
        return trimmed.reshape(1)
    whole = shape[len(shape) - trimmed.ndim :]
    flat = np.broadcast_to(trimmed, whole).reshape(-1)
    while whole and _repeats(flat, prod(whole[1:])):
        whole = whole[1:]
        flat = flat[: prod(whole)]
    return flat


def _repeats(flat: Array, period: int) -> bool:
    return bool((flat == np.resize(flat[:period], flat.shape)).all())


def _integers(values: Any) -> Array:
    array = np.asarray(values)
    result = np.empty(array.shape, dtype=object)
    result.reshape(-1)[:] = [int(item) for item in array.reshape(-1)]
    return result


def _trailing_zeros(numbers: list[int], most: int) -> int:
    """How often all numbers can be halved, at most `most` times."""
    combined = 0
    for number in numbers:
        combined |= abs(number)
    return most if combined == 0 else min(most, (combined & -combined).bit_length() - 1)
