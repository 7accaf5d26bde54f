# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.upsample`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import UpsampleOp
from ..registry import Compiled, meaning
from ..values import Array, Numbers


@meaning(UpsampleOp)
def upsample(op: UpsampleOp, operands: Sequence[Numbers]) -> Compiled:
    shape = (op.result_type.beats, op.result_type.lanes)
    rows, columns = op.factors

    def kernel(x: Array) -> Array:
        return x.reshape(len(x), *op.image).repeat(rows, axis=1).repeat(columns, axis=2).reshape(len(x), *shape)

    return [replace(operands[0], shape=shape, reusable=True)], kernel
