# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.add`."""

from __future__ import annotations

from ..dataflow.add import AddOp
from .latency import add_latency
from .stages import Schedule
from .unit import UnitCost


def stages(op: AddOp) -> tuple[Schedule, ...]:
    return (Schedule(1, (range(1), range(1)), range(1), add_latency()),)


def cost(op: AddOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    width = op.result_type.format.word_length
    return UnitCost(
        cycles=op.input_type.elements // lanes, latency=add_latency(), lut=lanes * width + 4, ff=lanes * width + 1
    )
