# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.interleave`."""

from __future__ import annotations

import numpy as np

from ..dataflow.interleave import InterleaveOp
from .latency import concat_latency
from .stages import Schedule
from .unit import UnitCost, ceil_div, ceil_log2, counter_lut


def stages(op: InterleaveOp) -> tuple[Schedule, ...]:
    """Each step takes a beat of the stream whose turn it is; a round is the least after which turns repeat."""
    (rows, columns, channels), (down, right) = op.image, op.factors
    if rows % down == 0:
        rows, columns = down, right if down == 1 and columns % right == 0 else columns
    turns = np.arange(rows)[:, None] % down * right + np.arange(columns) % right
    steps = np.repeat(turns.reshape(-1), channels // op.input_lanes)
    takes = tuple(np.flatnonzero(steps == number).tolist() for number in range(len(op.inputs)))
    return (Schedule(len(steps), takes, range(len(steps)), concat_latency()),)


def cost(op: InterleaveOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    width, streams = lanes * op.result_type.format.word_length, len(op.inputs)
    rows, columns, channels = op.image
    bounds = (channels // lanes, columns, rows if op.factors[0] > 1 else 1, *op.factors)
    # Four streams are one look-up table a bit; more a chain, longer where no bits of counters select.
    chain = 1 if streams <= 4 else ceil_div(streams, 2)
    uneven = any(factor & (factor - 1) for factor in op.factors)
    return UnitCost(
        cycles=op.result_type.elements // lanes,
        latency=concat_latency(),
        lut=width * (chain + uneven) + sum(counter_lut(bound) for bound in bounds) + 2 * streams,
        ff=width + sum(ceil_log2(bound) for bound in bounds) + 1,
    )
