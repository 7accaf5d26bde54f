# SPDX-License-Identifier: Apache-2.0
"""Put a FIFO before each matrix-vector unit, just deep enough that nothing slows the chain down.

Before:
    %h = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
    %b = dataflow.matrix_vector %h, %v pe 1 simd 1 -> !q.fixed<9, 0>
After:
    %h = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
    %f = dataflow.fifo %h depth 17
    %b = dataflow.matrix_vector %f, %v pe 1 simd 1 -> !q.fixed<9, 0>

A matrix-vector unit takes its input in a burst and then works on it; the unit before it goes on meanwhile only if there
is room. The FIFO stands behind a width converter, where the burst is as fast as the unit can take it. Depths come from
the exact timing simulation: first the most beats that a FIFO of two frames holds when a frame comes with every interval
of the busiest unit; then each depth, widest FIFO first, is lowered as far as the initiation interval lasts. At least 2,
so that a beat can pass every cycle. A chain of units cannot deadlock, whatever the depths.

Exact: values and order stay.   Needs: q-insert-width-converters.   Keeps: folding.
Leaves: FIFOs that are there already, with their depths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Block
from xdsl.passes import ModulePass

from ..qdialect.cost import total_cost, unit_stages
from ..qdialect.cost.timing import Buffer, Stage, simulate
from ..qdialect.dataflow import (
    FifoOp,
    MatrixVectorOp,
    UnitOp,
    check_lanes,
    hardware_function,
    unit_graph,
)
from .rewriting import at

LEAST_DEPTH = 2


def least_depths(stages: Sequence[Stage], free: Sequence[int], beats: tuple[int, int], interval: int) -> list[int]:
    """Least depths of the Buffers at the positions `free` with which the chain is as fast as with their depths now.

    Args:
        stages: the chain; the free Buffers have the greatest depths to consider.
        free: positions of the Buffers to size, the one to lower first in front.
        beats: of a frame at the input and at the output.
        interval: cycles a frame of the busiest unit.
    """

    def reached(depths: dict[int, int]) -> Fraction:
        sized = [_sized(stage, depths.get(position)) for position, stage in enumerate(stages)]
        return simulate(sized, *beats).initiation_interval

    timing = simulate(stages, *beats, frame_interval=interval)
    depths = {position: max(LEAST_DEPTH, timing.occupancy[position]) for position in free}
    best = reached(depths)
    for position in free:
        low, high = LEAST_DEPTH, depths[position]
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(depths | {position: middle}) <= best else (middle + 1, high)
        depths[position] = high
    return [depths[position] for position in free]


def _sized(stage: Stage, depth: int | None) -> Stage:
    return stage if depth is None else Buffer(depth, stage.latency)


def _insert(unit: UnitOp) -> FifoOp:
    """A FIFO of two frames before `unit`."""
    fifo = at(FifoOp(unit.streams_in[0], max(LEAST_DEPTH, 2 * unit.input_type.beats)), unit)
    block = unit.parent_block()
    assert isinstance(block, Block)
    block.insert_op_before(fifo, unit)
    unit.operands[0] = fifo.result
    return fifo


def _is_fed_directly(unit: UnitOp) -> bool:
    return isinstance(unit, MatrixVectorOp) and not isinstance(unit.streams_in[0].owner, FifoOp)


@dataclass(frozen=True)
class InsertFifosPass(ModulePass):
    """Put a FIFO before each matrix-vector unit, just deep enough that nothing slows the chain down."""

    name = "q-insert-fifos"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = hardware_function(op)
        units = unit_graph(function)
        check_lanes(units)
        new = [_insert(unit) for unit in units[1:] if _is_fed_directly(unit)]
        if not new:
            return
        units = unit_graph(function)
        stages = [stage for unit in units for stage in unit_stages(unit)]
        owners = [unit for unit in units for _ in unit_stages(unit)]
        free = sorted((owners.index(fifo) for fifo in new), key=lambda at: -owners[at].input_type.width)
        beats = (units[0].input_type.beats, units[-1].result_type.beats)
        for position, depth in zip(free, least_depths(stages, free, beats, total_cost(units).cycles), strict=True):
            owners[position].properties["depth"] = IntegerAttr(depth, i64)
