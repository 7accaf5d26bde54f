# SPDX-License-Identifier: Apache-2.0
"""Which codes the units of a chain can make: one walk down the chain, from what the first unit is sent."""

from __future__ import annotations

from collections.abc import Sequence

from ..qdialect.dataflow import (
    ArgMaxOp,
    FifoOp,
    MatrixVectorOp,
    RequantizeOp,
    ThresholdOp,
    UnitOp,
    WidthConverterOp,
)
from ..qdialect.formats import BipolarFormat, IntRange


def chain_ranges(units: Sequence[UnitOp], sent: IntRange) -> list[IntRange]:
    """Codes that each unit can make if the first is sent codes in `sent`; no range that the IR states is believed."""
    ranges: list[IntRange] = []
    for unit in units:
        sent = _result_range(unit, sent)
        ranges.append(sent)
    return ranges


def _result_range(unit: UnitOp, taken: IntRange) -> IntRange:
    match unit:
        case FifoOp() | WidthConverterOp():
            return taken
        case MatrixVectorOp():
            return unit.range_from(taken)
        case ThresholdOp() if not isinstance(unit.result_type.format, BipolarFormat):
            return IntRange(unit.base, unit.base + unit.threshold_codes.shape[1])
        case RequantizeOp():
            return unit.clip.range
        case ArgMaxOp():
            return IntRange(0, unit.input_type.elements - 1)
        case _:
            return unit.result_type.format.code_range
