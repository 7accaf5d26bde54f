# SPDX-License-Identifier: Apache-2.0
"""What each hardware unit computes, on whole frames of integer codes, in plain numpy.

A frame is an array of its elements in stream order. The unit tests compare the components with these few lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...qdialect.formats import BipolarFormat, IntegerFormat, Rounding

Codes = NDArray[np.int64]


def matrix_vector(frame: Codes, weights: Codes, bias: Codes | None = None) -> Codes:
    """`weights @ frame + bias`."""
    product = weights @ frame
    return product if bias is None else product + bias


def threshold(
    frame: Codes, thresholds: Codes, descending: NDArray[np.bool_], base: int, output_format: IntegerFormat
) -> Codes:
    """`base` + number of thresholds reached, counted down from the top where `descending`; channels vary fastest."""
    channels = np.arange(len(frame)) % len(thresholds)
    count = (frame[:, None] >= thresholds[channels]).sum(axis=1)
    code = base + np.where(descending[channels], thresholds.shape[1] - count, count)
    return 2 * code - 1 if isinstance(output_format, BipolarFormat) else code


def round_shift(value: int, shift: int, rounding: Rounding) -> int:
    """`value / 2**shift` rounded to an integer."""
    floor, remainder = value >> shift, value & ((1 << shift) - 1)
    side = 2 * remainder - (1 << shift)  # below, at or above the middle
    match rounding:
        case Rounding.FLOOR:
            up = False
        case Rounding.CEIL:
            up = remainder > 0
        case Rounding.DOWN:
            up = value < 0 and remainder > 0
        case Rounding.UP:
            up = value > 0 and remainder > 0
        case Rounding.HALF_EVEN:
            up = side > 0 or (side == 0 and floor % 2 == 1)
        case Rounding.HALF_UP:
            up = side > 0 or (side == 0 and value > 0)
        case Rounding.HALF_DOWN:
            up = side > 0 or (side == 0 and value < 0)
    return floor + int(up and remainder > 0)


def requantize(
    frame: Codes, multiplier: Codes, addend: Codes, shift: int, rounding: Rounding, clip: tuple[int, int]
) -> Codes:
    """`clip(round((multiplier * x + addend) / 2**shift))`; channels vary fastest."""
    channels = np.arange(len(frame)) % len(multiplier)
    sums = multiplier[channels] * frame + addend[channels]
    rounded = np.array([round_shift(int(value), shift, rounding) for value in sums], dtype=np.int64)
    return rounded.clip(*clip)


def arg_max(frame: Codes) -> Codes:
    """Index of the largest element, the lowest one of several."""
    return np.array([frame.argmax()])
