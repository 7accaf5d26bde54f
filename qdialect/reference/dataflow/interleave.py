# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.interleave`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import InterleaveOp
from ..operands import aligned_operands
from ..registry import Compiled, meaning
from ..values import Array, Numbers, hull
from .streams import regrouped, stream_numbers


@meaning(InterleaveOp)
def interleave(op: InterleaveOp, operands: Sequence[Numbers]) -> Compiled:
    aligned = aligned_operands(op.result_type.element_type, operands)
    parts = [regrouped(part, *op.part(number), op.channels_out) for number, part in enumerate(aligned)]
    result = stream_numbers(op.result_type, parts[0].numbers.dtype, hull(*(part.range for part in parts)))
    down, right = op.factors

    def kernel(*arrays: Array) -> Array:
        given, frames = iter(arrays), len(arrays[0])
        images = np.empty((frames, *op.image), result.dtype)
        for number, part in enumerate(parts):
            row, column = divmod(number, right)
            codes = part.constant if part.constant is not None else (part.convert or np.asarray)(next(given))
            images[:, row::down, column::right] = codes
        return images.reshape(frames, *result.shape)

    return [result], kernel
