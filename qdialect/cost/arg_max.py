# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.arg_max`."""

from __future__ import annotations

from ..dataflow.arg_max import ArgMaxOp
from .latency import arg_max_latency
from .stages import Schedule, evenly
from .unit import UnitCost, counter_lut


def stages(op: ArgMaxOp) -> tuple[Schedule, ...]:
    beats = op.input_type.beats
    return (evenly(beats, 1, arg_max_latency(lanes=op.input_type.lanes)),)


def cost(op: ArgMaxOp, lanes: int, _: int) -> UnitCost:
    """Cost with these input lanes instead of the op's own."""
    beats = op.input_type.elements // lanes
    candidate = op.input_type.format.word_length + op.result_type.format.word_length
    comparisons = lanes - 1 + (1 if beats > 1 else 0)
    return UnitCost(
        cycles=beats,
        latency=arg_max_latency(lanes=lanes),
        lut=comparisons * (candidate + op.input_type.format.word_length // 2) + counter_lut(beats) + 2,
        ff=lanes * candidate + counter_lut(beats) + 4,
    )
