# SPDX-License-Identifier: Apache-2.0
"""What hardware units cost, and how a chain of them runs.

One line of `UNITS` for each dataflow op: its resources and its stages for the timing simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dataflow import ArgMaxOp, FifoOp, MatrixVectorOp, RequantizeOp, ThresholdOp, UnitOp, WidthConverterOp
from . import arg_max, fifo, matrix_vector, requantize, threshold, width_converter
from .timing import Stage, Timing, simulate
from .unit import UnitCost

UNITS: dict[type[UnitOp], tuple[Callable[[Any, int, int], UnitCost], Callable[[Any], tuple[Stage, ...]]]] = {
    MatrixVectorOp: (matrix_vector.cost, matrix_vector.stages),
    ThresholdOp: (threshold.cost, threshold.stages),
    RequantizeOp: (requantize.cost, requantize.stages),
    ArgMaxOp: (arg_max.cost, arg_max.stages),
    WidthConverterOp: (width_converter.cost, width_converter.stages),
    FifoOp: (fifo.cost, fifo.stages),
}


def unit_cost(op: UnitOp, folding: tuple[int, int] | None = None) -> UnitCost:
    """Cost of one unit as it is folded, or with another folding (lanes taken, lanes made)."""
    input_lanes, output_lanes = folding or (op.input_lanes, op.result_type.lanes)
    return UNITS[type(op)][0](op, input_lanes, output_lanes)


def unit_stages(op: UnitOp) -> tuple[Stage, ...]:
    """What the timing simulation steps through for one unit."""
    return UNITS[type(op)][1](op)


def total_cost(units: Sequence[UnitOp]) -> UnitCost:
    """Resources of all units together; `cycles` is that of the busiest one."""
    return sum((unit_cost(unit) for unit in units), UnitCost())


@dataclass(frozen=True)
class NetworkTiming:
    """Timing of a chain, by unit.

    Attributes:
        timing: initiation interval and latency of the whole.
        utilisation: for each unit the part of the time in which it works, 0 to 1.
        occupancy: for each unit the most beats held at once if it is a FIFO, else 0.
    """

    timing: Timing
    utilisation: tuple[float, ...]
    occupancy: tuple[int, ...]


def predict_timing(units: Sequence[UnitOp], *, frame_interval: int = 0, max_frames: int | None = None) -> NetworkTiming:
    """Cycle-exact timing of a chain of units whose lanes match (source always valid, sink always ready)."""
    per_unit = [unit_stages(unit) for unit in units]
    timing = simulate(
        [stage for stages in per_unit for stage in stages],
        units[0].input_type.beats,
        units[-1].result_type.beats,
        frame_interval=frame_interval,
        max_frames=max_frames,
    )
    occupancy: list[int] = []
    position = 0
    for stages in per_unit:
        occupancy.append(max(timing.occupancy[position : position + len(stages)]))
        position += len(stages)
    utilisation = tuple(float(unit_cost(unit).cycles / timing.initiation_interval) for unit in units)
    return NetworkTiming(timing, utilisation, tuple(occupancy))


__all__ = [
    "UNITS",
    "NetworkTiming",
    "Timing",
    "UnitCost",
    "predict_timing",
    "total_cost",
    "unit_cost",
    "unit_stages",
]
