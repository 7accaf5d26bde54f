# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.depthwise`."""

from __future__ import annotations

from ..dataflow.depthwise import DepthwiseOp
from .latency import depthwise_latency
from .matrix_vector import datapath, weights_cost
from .stages import Schedule, evenly
from .unit import UnitCost, counter_lut, table_cost


def stages(op: DepthwiseOp) -> tuple[Schedule, ...]:
    return (evenly(op.columns, 1, depthwise_latency()),)


def cost(op: DepthwiseOp, pe: int, _: int) -> UnitCost:
    """Cost with this PE instead of the op's own."""
    groups, taps = op.rows // pe, op.columns
    steps, accumulator = groups * taps, op.result_type.format.word_length
    weights = weights_cost(op, steps, pe, 1)
    constants = table_cost(groups, pe * accumulator)
    lut, ff, dsp = datapath(op, pe, 1, steps)
    return UnitCost(
        cycles=op.input_type.elements // pe,
        latency=depthwise_latency(),
        lut=lut + pe * accumulator + weights.lut + constants.lut + counter_lut(steps) + counter_lut(taps) + 6,
        ff=ff
        + pe * (accumulator + op.input_type.format.word_length)
        + weights.ff
        + constants.ff
        + (counter_lut(steps) + counter_lut(taps)) // 2
        + 6,
        dsp=dsp,
        bram18=weights.bram18 + constants.bram18,
        memory_bits=weights.bits + constants.bits,
    )
