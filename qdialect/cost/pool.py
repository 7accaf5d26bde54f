# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.max_pool` and `dataflow.sum_pool`."""

from __future__ import annotations

from ..dataflow.pool import PoolOp, SumPoolOp
from .latency import pool_latency
from .stages import Schedule
from .unit import UnitCost, ceil_log2, comparison_lut, delay_cost


def stages(op: PoolOp) -> tuple[Schedule, ...]:
    groups = op.channels // op.input_lanes
    steps = op.taps * groups
    return (Schedule(steps, (range(steps),), range(steps - groups, steps), pool_latency()),)


def cost(op: PoolOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    groups = 1 if op.follows_input else op.channels // lanes
    width = lanes * op.result_type.format.word_length
    kept, counters = delay_cost(groups - 1, width), ceil_log2(groups) + ceil_log2(op.taps)
    work = width
    if not isinstance(op, SumPoolOp):  # a comparison, and what is kept: by the enable of the register if it is alone
        compared = comparison_lut(op.result_type.format.word_length)
        work = lanes * compared + (width if groups > 1 else lanes)
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=pool_latency(),
        lut=work + kept.lut + counters // 2 + 1,
        ff=width + kept.ff + counters + 1,
        bram18=kept.bram18,
        memory_bits=kept.bits,
    )
