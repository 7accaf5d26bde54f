# SPDX-License-Identifier: Apache-2.0
"""Put FIFOs where beats come and go in bursts, just deep enough that nothing slows the graph down.

Before:
    %h = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
    %b = dataflow.matrix_vector %h, %v pe 1 simd 1 -> !q.fixed<9, 0>
After:
    %h = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
    %f = dataflow.fifo %h depth 17
    %b = dataflow.matrix_vector %f, %v pe 1 simd 1 -> !q.fixed<9, 0>

A matrix-vector unit takes its input in a burst and then works on it; the unit before it goes on meanwhile only if there
is room. The FIFO stands behind a width converter, where the burst is as fast as the unit can take it. A unit that keeps
rows of an image pauses while these are full, and gets a FIFO if that would slow the unit before it. A unit that joins
streams gets one on each of them that needs it: the branch over which beats come early has to hold them until the others
come, or the graph comes to a stop. If the whole is then still slower than its busiest unit, because a unit gives beats
in bursts that the next one takes slowly, FIFOs go to whatever stream needs them. Depths come from the exact timing
simulation: first the most beats that unlimited FIFOs hold when a frame comes with every interval of the busiest unit,
and what keeps the graph going whatever pauses source and sink make; then each depth, largest FIFO first, is lowered as
far as the initiation interval lasts (in large networks as far as a bounded search gets). At least 2, so that a beat can
pass every cycle. The interval is the busiest unit's also where fewer frames are asked for: depths for a slower one
would save little memory, and hold up a source that sends as fast as it can.

Exact: values and order stay.   Needs: q-insert-width-converters.   Keeps: folding.
Leaves: FIFOs that are there already, with their depths; it is an error if they are too small to keep the graph going.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, BlockArgument
from xdsl.passes import ModulePass

from ..qdialect.cost import refuse_deadlock, refuse_too_many_beats, total_cost, unit_network, unit_stages
from ..qdialect.cost.latency import fifo_latency
from ..qdialect.cost.timing import Buffer, Deadlock, Network, Schedule, Stage, Unsettled, Window
from ..qdialect.dataflow import (
    FifoOp,
    MatrixVectorOp,
    SlidingWindowOp,
    UnitOp,
    check_lanes,
    hardware_function,
    unit_graph,
)
from .fifo_sizing import LEAST_DEPTH, Depths, Fifo, Sizing
from .rewriting import at


def _insert(unit: UnitOp, operand: int) -> FifoOp:
    """A FIFO before an input of `unit`."""
    fifo, block = at(FifoOp(unit.operands[operand], LEAST_DEPTH), unit), unit.parent_block()
    assert isinstance(block, Block)
    block.insert_op_before(fifo, unit)
    unit.operands[operand] = fifo.result
    return fifo


def _needs_room(unit: UnitOp) -> bool:
    """Whether the unit takes beats in bursts, or some of them only together with others."""
    bursty = isinstance(unit, MatrixVectorOp | SlidingWindowOp) or isinstance(unit_stages(unit)[0], Window)
    return bursty or len(unit.streams_in) > 1


def _burst(unit: UnitOp) -> int:
    """Beats that a unit takes at once, before it works on them; 0 if it is not so."""
    if not isinstance(unit, MatrixVectorOp):
        return 0
    first = unit_stages(unit)[0]
    return len(first.takes[0]) if isinstance(first, Schedule) else 0


def _places(units: Sequence[UnitOp]) -> list[tuple[UnitOp, int]]:
    """(unit, operand) where a FIFO could be and none is; none before the first unit, for the host waits."""
    return [
        (unit, number)
        for unit in units
        if not isinstance(unit, FifoOp)
        for number, operand in enumerate(unit.operands)
        if operand in unit.streams_in
        and not isinstance(operand, BlockArgument)
        and not isinstance(operand.owner, FifoOp)
    ]


def _sizing(units: Sequence[UnitOp], new: Mapping[int, UnitOp], places: Collection[int]) -> Sizing:
    """The search for depths of the FIFOs at `places`; the others in `new` (place in `units`: taker) are left out."""
    known = {unit: unit_stages(unit) for number, unit in enumerate(units) if number not in new}

    def build(depths: Mapping[int, int | None]) -> tuple[Network, list[int]]:
        given = {units[number]: depths.get(number, 0) for number in new}

        def stages(unit: UnitOp) -> tuple[Stage, ...]:
            if unit in known:
                return known[unit]
            return () if given[unit] == 0 else (Buffer(given[unit], fifo_latency()),)

        return unit_network(units, stages)

    fifos = [
        Fifo(number, not isinstance(new[number], MatrixVectorOp), units[number].result_type.width, _burst(new[number]))
        for number in places
    ]
    try:
        return Sizing(build, fifos, total_cost(units).cycles)
    except Deadlock:
        network, owners = build(dict.fromkeys(places))
        refuse_deadlock(units, network, owners)
        raise


def _depths(units: Sequence[UnitOp], new: Mapping[int, UnitOp]) -> Depths:
    """A depth for each FIFO in `new`, 0 where none is needed; those where FIFOs belong, or all if that is faster."""
    places = [number for number, taker in new.items() if _needs_room(taker)]
    sizing = _sizing(units, new, places)
    if sizing.interval > total_cost(units).cycles and len(places) < len(new):
        try:
            anywhere = _sizing(units, new, new.keys())
        except Unsettled:
            anywhere = sizing
        sizing = min(sizing, anywhere, key=lambda sizing: sizing.interval)
    return dict.fromkeys(new, 0) | sizing.least()


@dataclass(frozen=True)
class InsertFifosPass(ModulePass):
    """Put FIFOs where beats come and go in bursts, just deep enough that nothing slows the graph down."""

    name = "q-insert-fifos"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = hardware_function(op)
        units = unit_graph(function)
        check_lanes(units)
        if units:
            refuse_too_many_beats(units)
        takers: dict[UnitOp, UnitOp] = {_insert(unit, number): unit for unit, number in _places(units)}
        units = unit_graph(function)
        new = {number: takers[unit] for number, unit in enumerate(units) if unit in takers}
        for number, depth in (_depths(units, new) if units else {}).items():
            fifo = units[number]
            if depth:
                fifo.properties["depth"] = IntegerAttr(depth, i64)
                continue
            fifo.results[0].replace_all_uses_with(fifo.operands[0])
            fifo.detach()
            fifo.erase()
