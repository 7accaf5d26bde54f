# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.slice`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import SliceOp
from ..registry import Compiled, meaning
from ..values import Array, Numbers


@meaning(SliceOp)
def slice_(op: SliceOp, operands: Sequence[Numbers]) -> Compiled:
    shape = (op.result_type.beats, op.result_type.lanes)

    def kernel(x: Array) -> Array:
        return op.part(x.reshape(len(x), *op.image)).reshape(len(x), *shape)

    return [replace(operands[0], shape=shape, reusable=True)], kernel
