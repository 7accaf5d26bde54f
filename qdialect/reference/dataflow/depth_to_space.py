# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.depth_to_space`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import DepthToSpaceOp
from ..registry import Compiled, meaning
from ..values import Array, Numbers


@meaning(DepthToSpaceOp)
def depth_to_space(op: DepthToSpaceOp, operands: Sequence[Numbers]) -> Compiled:
    shape = (op.result_type.beats, op.result_type.lanes)
    height, width, _ = op.image
    down = op.factors[0]

    def kernel(x: Array) -> Array:
        return x.reshape(len(x), height, width, down, -1).swapaxes(2, 3).reshape(len(x), *shape)

    return [replace(operands[0], shape=shape, reusable=True)], kernel
