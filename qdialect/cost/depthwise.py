# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.depthwise`."""

from __future__ import annotations

from ..dataflow.depthwise import DepthwiseOp
from .latency import ceil_log2, depthwise_latency
from .matrix_vector import accumulator_lut, datapath, row_constants_cost, weights_cost
from .stages import Schedule, evenly
from .unit import UnitCost, counter_lut


def stages(op: DepthwiseOp) -> tuple[Schedule, ...]:
    return (evenly(op.columns, 1, depthwise_latency()),)


def cost(op: DepthwiseOp, pe: int, _: int) -> UnitCost:
    """Cost with this PE instead of the op's own."""
    groups, taps = op.rows // pe, op.columns
    steps, accumulator = groups * taps, op.result_type.format.word_length
    weights = weights_cost(op, steps, pe, 1)
    constants = row_constants_cost(op, pe, accumulator)
    lut, ff, dsp = datapath(op, pe, 1, steps)
    steps_lut, steps_bits = (counter_lut(steps), ceil_log2(steps)) if groups > 1 else (0, 0)
    lut += accumulator_lut(pe, accumulator, steps) + weights.lut + constants.lut
    inputs = 0 if dsp else pe * op.input_type.format.word_length  # a DSP block has a register for its input
    ff += pe * accumulator + inputs + weights.ff + constants.ff
    return UnitCost(
        cycles=op.input_type.elements // pe,
        latency=depthwise_latency(),
        lut=lut + counter_lut(taps) + steps_lut + 5,
        ff=ff + ceil_log2(taps) + steps_bits + 2 * depthwise_latency(),
        dsp=dsp,
        bram18=weights.bram18 + constants.bram18,
        memory_bits=weights.bits + constants.bits,
    )
