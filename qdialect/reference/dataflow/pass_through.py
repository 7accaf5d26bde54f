# SPDX-License-Identifier: Apache-2.0
"""Meaning of the ops that change no element: width converter, FIFO, `dataflow.send`, `dataflow.receive`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import FifoOp, FromStreamOp, ToStreamOp, WidthConverterOp
from ...dataflow.types import StreamType
from ...types import shape_of
from ..registry import Compiled, meaning
from ..values import Numbers


@meaning(WidthConverterOp, FifoOp, ToStreamOp, FromStreamOp, view=True)
def pass_through(op: WidthConverterOp | FifoOp | ToStreamOp | FromStreamOp, operands: Sequence[Numbers]) -> Compiled:
    type_ = op.result.type
    shape = (type_.beats, type_.lanes) if isinstance(type_, StreamType) else shape_of(type_)
    return [replace(operands[0], shape=shape)], lambda x: x.reshape(len(x), *shape)
