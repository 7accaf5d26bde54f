# SPDX-License-Identifier: Apache-2.0
"""Meaning of `q.reshape`, `q.transpose`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...q import ReshapeOp, TransposeOp
from ...types import shape_of
from ..registry import Compiled, meaning
from ..values import Numbers


@meaning(ReshapeOp, view=True)
def reshape(op: ReshapeOp, operands: Sequence[Numbers]) -> Compiled:
    shape = shape_of(op.result)
    return [replace(operands[0], shape=shape)], lambda x: x.reshape(len(x), *shape)


@meaning(TransposeOp, view=True)
def transpose(op: TransposeOp, operands: Sequence[Numbers]) -> Compiled:
    axes = (0, *(axis + 1 for axis in op.permutation))
    return [replace(operands[0], shape=shape_of(op.result))], lambda x: x.transpose(axes)
