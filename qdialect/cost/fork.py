# SPDX-License-Identifier: Apache-2.0
"""Cost and stage of `dataflow.fork`."""

from __future__ import annotations

from ..dataflow.fork import ForkOp
from .stages import Fork
from .unit import UnitCost


def stages(op: ForkOp) -> tuple[Fork, ...]:
    return (Fork(len(op.results)),)


def cost(op: ForkOp, lanes: int, _: int) -> UnitCost:
    """A bit a branch that remembers whether it has taken the beat; the beat itself is plain wires."""
    copies = len(op.results)
    return UnitCost(cycles=op.input_type.elements // lanes, lut=3 * copies, ff=copies)
