# SPDX-License-Identifier: Apache-2.0
"""What hardware units cost, and how a graph of them runs.

One line of `UNITS` for each dataflow op: its resources and its stages for the timing simulation. The stages of a unit
stand one behind the other: the first takes its inputs, the last makes its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dataflow import (
    AddOp,
    ArgMaxOp,
    ConcatOp,
    DepthToSpaceOp,
    DepthwiseOp,
    FifoOp,
    ForkOp,
    InterleaveOp,
    MatrixVectorOp,
    MaxPoolOp,
    MulOp,
    RequantizeOp,
    SliceOp,
    SlidingWindowOp,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    UnitOp,
    UpsampleOp,
    WidthConverterOp,
    sources,
    stream_type,
)
from ..errors import QoptError, node_name
from . import (
    arg_max,
    concat,
    depth_to_space,
    depthwise,
    fifo,
    fork,
    interleave,
    join,
    matrix_vector,
    pool,
    requantize,
    slice,
    sliding_window,
    table,
    threshold,
    upsample,
    width_converter,
)
from .timing import Deadlock, Network, Stage, Timing, Unsettled, Waiting, check_progress, simulate
from .unit import UnitCost

MAX_BEATS = 100_000_000  # of a frame, in all streams, that a simulation holds: 1.6 GB

UNITS: dict[type[UnitOp], tuple[Callable[[Any, int, int], UnitCost], Callable[[Any], tuple[Stage, ...]]]] = {
    MatrixVectorOp: (matrix_vector.cost, matrix_vector.stages),
    DepthwiseOp: (depthwise.cost, depthwise.stages),
    ThresholdOp: (threshold.cost, threshold.stages),
    RequantizeOp: (requantize.cost, requantize.stages),
    TableOp: (table.cost, table.stages),
    ArgMaxOp: (arg_max.cost, arg_max.stages),
    ForkOp: (fork.cost, fork.stages),
    AddOp: (join.cost, join.stages),
    SubOp: (join.cost, join.stages),
    MulOp: (join.cost, join.stages),
    ConcatOp: (concat.cost, concat.stages),
    MaxPoolOp: (pool.cost, pool.stages),
    SumPoolOp: (pool.cost, pool.stages),
    SlidingWindowOp: (sliding_window.cost, sliding_window.stages),
    SliceOp: (slice.cost, slice.stages),
    UpsampleOp: (upsample.cost, upsample.stages),
    InterleaveOp: (interleave.cost, interleave.stages),
    DepthToSpaceOp: (depth_to_space.cost, depth_to_space.stages),
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
    """Timing of a graph, by unit.

    Attributes:
        timing: initiation interval and latency of the whole.
        utilisation: for each unit the part of the time in which it works, 0 to 1.
        occupancy: for each unit the most beats held at once if it is a FIFO, else 0.
    """

    timing: Timing
    utilisation: tuple[float, ...]
    occupancy: tuple[int, ...]


def unit_network(
    units: Sequence[UnitOp], stages_of: Callable[[UnitOp], Sequence[Stage]] = unit_stages
) -> tuple[Network, list[int]]:
    """The stages of a graph of units whose lanes match, and the unit that each stage belongs to.

    A unit without stages (as `stages_of` gives them) is left out: what it takes goes to who takes from it.
    """
    network, owners = Network(units[0].input_type.beats), list[int]()
    made: dict[tuple[int, int], int] = {(-1, 0): 0}  # (unit, output) -> channel
    for number, (unit, taken) in enumerate(zip(units, sources(units), strict=True)):
        channels = tuple(made[source] for source in taken)
        for stage in stages_of(unit):
            channels = network.add(stage, *channels)
            owners.append(number)
        made |= {(number, output): channel for output, channel in enumerate(channels)}
    return network, owners


def predict_timing(units: Sequence[UnitOp], *, frame_interval: int = 0, max_frames: int | None = None) -> NetworkTiming:
    """Cycle-exact timing of a graph of units whose lanes match (source always valid, sink always ready).

    QoptError if the graph stops, or could with pauses of source and sink.
    """
    refuse_too_many_beats(units)
    network, owners = unit_network(units)
    refuse_deadlock(units, network, owners)
    try:
        timing = simulate(network, frame_interval=frame_interval, max_frames=max_frames)
    except Unsettled:
        raise QoptError(
            f"{sum(network.beats)} beats a frame wait for each other so often that their timing is not found",
            units[-1],
            "remove the FIFOs and run q-insert-fifos, or take more lanes (q-set-folding)",
        ) from None
    occupancy = [0] * len(units)
    for owner, held in zip(owners, timing.occupancy, strict=True):
        occupancy[owner] = max(occupancy[owner], held)
    utilisation = tuple(float(unit_cost(unit).cycles / timing.initiation_interval) for unit in units)
    return NetworkTiming(timing, utilisation, tuple(occupancy))


def refuse_too_many_beats(units: Sequence[UnitOp]) -> None:
    """QoptError if a frame has more beats than a simulation can hold."""
    beats = {unit: sum(stream_type(stream).beats for stream in (*unit.streams_in, *unit.results)) for unit in units}
    if sum(beats.values()) > 2 * MAX_BEATS:
        busiest = max(units, key=lambda unit: beats[unit])
        raise QoptError(
            f"a frame has {sum(beats.values()) // 2} beats in all streams, the simulation holds {MAX_BEATS}; most go "
            f"through {_name(busiest)}",
            busiest,
            "take more lanes (q-set-folding), or smaller images",
        )


def refuse_deadlock(units: Sequence[UnitOp], network: Network, owners: Sequence[int]) -> None:
    """QoptError if the graph could come to a stop; it names the two paths that wait for each other."""
    if not any(isinstance(unit, ForkOp) for unit in units):
        return
    try:
        check_progress(network)
    except Deadlock as deadlock:
        fork, join = (units[owners[end.stage]] for end in (deadlock.fork, deadlock.join))
        full, starved = (_path_text(units, owners, path) for path in (deadlock.full, deadlock.starved))
        raise QoptError(
            f"the hardware can stop for ever between {_name(fork)} and {_name(join)}: one way is full ({full}) while "
            f"the other still needs beats ({starved})",
            join,
            "deepen the FIFOs on the first way, or remove them and run q-insert-fifos",
        ) from None


def _path_text(units: Sequence[UnitOp], owners: Sequence[int], path: Sequence[Waiting]) -> str:
    """The units of a way and what each holds."""
    texts: dict[int, str] = {}
    for stage in path:
        unit = units[owners[stage.stage]]
        held = f"took {stage.taken} and gave {stage.given} beats"
        if isinstance(unit, FifoOp):
            if stage.taken == stage.given:
                continue
            held = f"holds {stage.taken - stage.given} of {unit.depth} beats"
        texts[owners[stage.stage]] = f"{_name(unit)} {held}"
    return ", ".join(texts.values()) or "no unit between"


def _name(unit: UnitOp) -> str:
    name = node_name(unit) or unit.results[0].name_hint
    return f"{unit.name} '{name}'" if name else unit.name


__all__ = [
    "UNITS",
    "NetworkTiming",
    "Timing",
    "UnitCost",
    "predict_timing",
    "refuse_deadlock",
    "refuse_too_many_beats",
    "total_cost",
    "unit_cost",
    "unit_network",
    "unit_stages",
]
