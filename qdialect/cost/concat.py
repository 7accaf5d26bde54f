# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.concat`."""

from __future__ import annotations

from itertools import accumulate

from ..dataflow.concat import ConcatOp
from .latency import concat_latency
from .stages import Schedule
from .unit import UnitCost, ceil_log2, counter_lut


def stages(op: ConcatOp) -> tuple[Schedule, ...]:
    """Each step takes a beat of the stream whose turn it is."""
    ends = list(accumulate(channels // op.input_lanes for channels in op.channels))
    turns = tuple(range(start, end) for start, end in zip([0, *ends], ends, strict=False))
    return (Schedule(ends[-1], turns, range(ends[-1]), concat_latency()),)


def cost(op: ConcatOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    width, groups = lanes * op.result_type.format.word_length, sum(op.channels) // lanes
    streams = len(op.channels)  # a look-up table of six inputs adds two to a chain of multiplexers
    return UnitCost(
        cycles=op.result_type.elements // lanes,
        latency=concat_latency(),
        lut=width * (streams // 2) + counter_lut(groups) + 2 * streams + streams // 4 * 2,
        ff=width + ceil_log2(groups) + 1,
    )
