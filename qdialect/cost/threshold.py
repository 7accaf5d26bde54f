# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.threshold`."""

from __future__ import annotations

from math import lcm

from ..dataflow.threshold import ThresholdOp
from .latency import reachable_thresholds, threshold_latency, threshold_stages
from .stages import Schedule, evenly
from .unit import UnitCost, counter_lut, table_cost


def stages(op: ThresholdOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, cost(op, op.input_lanes, op.input_lanes).latency),)


def cost(op: ThresholdOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    format_ = op.input_type.format
    kept = reachable_thresholds(op.threshold_codes, format_.code_range)
    count = kept.stop - kept.start
    groups = lcm(op.channels, lanes) // lanes
    comparing = threshold_stages(count)
    width, result = format_.word_length, op.result_type.format.word_length
    lut, ff, bits, blocks = 0, 0, 0, 0
    for stage in range(comparing):
        rows = groups << stage if comparing > 1 else groups
        compared = 1 if comparing > 1 else count
        limits = table_cost(rows, width * compared)
        lut += limits.lut + compared * width // 2
        ff += width + stage + limits.ff
        bits, blocks = bits + limits.bits, blocks + limits.bram18
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=threshold_latency(num_thresholds=count, channel_groups=groups),
        lut=lanes * (lut + result) + counter_lut(groups) + 2,
        ff=lanes * (ff + result) + counter_lut(groups) * comparing + comparing + 1,
        bram18=lanes * blocks,
        memory_bits=lanes * bits,
    )
