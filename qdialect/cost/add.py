# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.add`."""

from __future__ import annotations

from ..dataflow.add import AddOp
from ..dataflow.types import stream_type
from .latency import add_latency
from .stages import Schedule
from .unit import UnitCost


def stages(op: AddOp) -> tuple[Schedule, ...]:
    return (Schedule(1, (range(1), range(1)), range(1), add_latency()),)


def cost(op: AddOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    made, formats = op.result_type.format, [stream_type(stream).format for stream in op.streams_in]
    added = max(format_.word_length for format_ in formats)
    # Bits below the quantum of the coarser stream go through.
    through = made.fraction_bits - min(format_.fraction_bits for format_ in formats)
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=add_latency(),
        lut=lanes * max(added - through, 1) + 4,
        ff=lanes * made.word_length + 1,
    )
