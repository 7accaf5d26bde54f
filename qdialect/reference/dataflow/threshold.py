# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.threshold`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import ThresholdOp
from ...types import BipolarType
from ..registry import Compiled, meaning
from ..thresholds import threshold_kernel
from ..values import Numbers
from .streams import stream_numbers


@meaning(ThresholdOp)
def threshold(op: ThresholdOp, operands: Sequence[Numbers]) -> Compiled:
    flags = operands[2].constant if len(operands) > 2 else None
    bipolar = isinstance(op.result_type.element_type, BipolarType)
    vectors = replace(operands[0], shape=(op.channels,))
    range_, dtype, count = threshold_kernel(vectors, operands[1], flags, op.base, bipolar)
    result, by_channel = stream_numbers(op.result_type, dtype, range_), (-1, op.channels)
    return [result], lambda x: count(x.reshape(by_channel)).reshape(len(x), *result.shape)
