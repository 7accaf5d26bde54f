# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.concat`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataflow import ConcatOp
from ...formats import IntRange
from ..operands import exact
from ..registry import Compiled, meaning
from ..values import Array, Numbers, carrier, scaled
from .streams import regrouped, stream_numbers


@meaning(ConcatOp)
def concat(op: ConcatOp, operands: Sequence[Numbers]) -> Compiled:
    pixels = op.result_type.elements // sum(op.channels)
    parts = [regrouped(exact(n), pixels, channels) for n, channels in zip(operands, op.channels, strict=True)]
    quantum = min(part.scale for part in parts)
    ranges = [scaled(part.range, int(part.scale / quantum)) for part in parts]
    range_ = IntRange(min(r.lo for r in ranges), max(r.hi for r in ranges))
    dtype = carrier(*ranges)
    parts = [part.rescaled(quantum, dtype) for part in parts]
    result = stream_numbers(op.result_type, dtype, range_)

    def kernel(*arrays: Array) -> Array:
        given = iter(arrays)
        frames = len(arrays[0])
        pieces = [
            (part.convert or _same)(next(given))
            if part.constant is None
            else np.broadcast_to(part.constant, (frames, *part.constant.shape))
            for part in parts
        ]
        return np.concatenate(pieces, axis=2).reshape(frames, *result.shape)

    return [result], kernel


def _same(x: Array) -> Array:
    return x
