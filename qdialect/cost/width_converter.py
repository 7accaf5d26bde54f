# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.width_converter`."""

from __future__ import annotations

from math import lcm

from ..dataflow.width_converter import WidthConverterOp
from .latency import width_converter_latency
from .stages import Schedule, evenly
from .unit import UnitCost, ceil_log2, counter_lut


def cost(op: WidthConverterOp, input_lanes: int, output_lanes: int) -> UnitCost:
    return converter_cost(op.input_type.elements, op.input_type.format.word_length, input_lanes, output_lanes)


def stages(op: WidthConverterOp) -> tuple[Schedule, ...]:
    """Widening to the least common multiple and narrowing from it, where they are needed."""
    common = lcm(op.input_type.lanes, op.result_type.lanes)
    widening, narrowing = common // op.input_type.lanes, common // op.result_type.lanes
    found: list[Schedule] = []
    if widening > 1:
        found.append(evenly(widening, 1, 1))
    if narrowing > 1 or not found:
        found.append(evenly(1, narrowing, 1))
    return tuple(found)


def converter_cost(elements: int, width: int, input_lanes: int, output_lanes: int) -> UnitCost:
    """Cost of a converter of frames of `elements` words of `width` bits; equal lanes cost nothing."""
    if input_lanes == output_lanes:
        return UnitCost()
    common = lcm(input_lanes, output_lanes)
    widening, narrowing = common // input_lanes, common // output_lanes
    lut = ff = 0
    if widening > 1:  # beats are shifted in: no logic in front of the registers
        lut += counter_lut(widening) + 3
        ff += common * width + ceil_log2(widening) + 1
    if narrowing > 1:  # loaded or shifted, but for the last beat, which is loaded or cleared
        lut += (common - output_lanes) * width + counter_lut(narrowing) + 5
        ff += common * width + ceil_log2(narrowing) + 2
    return UnitCost(
        cycles=elements // min(input_lanes, output_lanes),
        latency=width_converter_latency(input_lanes=input_lanes, output_lanes=output_lanes),
        lut=lut,
        ff=ff,
    )
