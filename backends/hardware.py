# SPDX-License-Identifier: Apache-2.0
"""From the dataflow level to hardware components: one line of `COMPONENTS` for each unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ..qdialect.cost import unit_cost
from ..qdialect.dataflow import (
    AddOp,
    ArgMaxOp,
    ConcatOp,
    DepthToSpaceOp,
    DepthwiseOp,
    FifoOp,
    ForkOp,
    InterleaveOp,
    JoinOp,
    MatrixVectorOp,
    MaxPoolOp,
    Memory,
    MulOp,
    PoolOp,
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
    check_lanes,
    hardware_function,
    sources,
    stream_type,
    unit_graph,
)
from ..qdialect.errors import QoptError, node_name
from ..qdialect.formats import BipolarFormat
from .amaranth.arg_max import ArgMaxUnit
from .amaranth.concat import ConcatUnit
from .amaranth.depth_to_space import DepthToSpaceUnit
from .amaranth.depthwise import DepthwiseUnit
from .amaranth.emit import unique_names
from .amaranth.fifo import StreamFifo
from .amaranth.fork import StreamFork
from .amaranth.interleave import InterleaveUnit
from .amaranth.join import JoinUnit, Kind
from .amaranth.matrix_vector import MatrixVectorUnit
from .amaranth.pool import PoolUnit
from .amaranth.regrouped import RegroupedUnit
from .amaranth.requantize import RequantizeUnit
from .amaranth.slice import SliceUnit
from .amaranth.sliding_window import SlidingWindowUnit
from .amaranth.stream_unit import Unit
from .amaranth.table import TableUnit
from .amaranth.threshold import ThresholdUnit
from .amaranth.top import AxiStreamTop
from .amaranth.upsample import UpsampleUnit
from .amaranth.width_converter import WidthConverter
from .amaranth.window_scan import WindowScanUnit


def _memory(memory: Memory | None) -> str:
    return "auto" if memory is None else memory.value


def _matrix_vector(op: MatrixVectorOp) -> Unit:
    accumulator = op.result_type.format
    assert not isinstance(accumulator, BipolarFormat), "the verifier asks for a type that holds sums"
    arguments: dict[str, Any] = {
        "weights": op.weight_codes,
        "input_format": op.input_type.format,
        "weight_format": op.weight_format,
        "accumulator_format": accumulator,
        "pe": op.pe,
        "simd": op.simd,
        "memory": _memory(op.memory),
        "bias": op.bias_codes,
    }
    if op.regrouped:
        return RegroupedUnit(**arguments)
    runs = op.bias_runs or ((1,), (1,))
    return MatrixVectorUnit(**arguments, shared=op.shares_values, pixels=op.pixels, bias_runs=runs)


def _depthwise(op: DepthwiseOp) -> Unit:
    accumulator = op.result_type.format
    assert not isinstance(accumulator, BipolarFormat), "the verifier asks for a type that holds sums"
    return DepthwiseUnit(
        weights=op.weight_codes,
        input_format=op.input_type.format,
        weight_format=op.weight_format,
        accumulator_format=accumulator,
        pe=op.input_lanes,
        memory=_memory(op.memory),
        bias=op.bias_codes,
        shared=op.shares_values,
    )


def _threshold(op: ThresholdOp) -> Unit:
    flags, output_format = op.descending_flags, op.result_type.format
    return ThresholdUnit(
        thresholds=op.threshold_codes,
        descending=False if flags is None else flags != 0,
        base=0 if isinstance(output_format, BipolarFormat) else op.base,
        input_format=op.input_type.format,
        output_format=output_format,
        lanes=op.input_lanes,
        channels=op.channels,
    )


def _requantize(op: RequantizeOp) -> Unit:
    output_format = op.result_type.format
    assert not isinstance(output_format, BipolarFormat), "the verifier asks for a fixed type"
    return RequantizeUnit(
        multiplier=op.multiplier_codes,
        addend=op.addend_codes,
        shift=op.shift,
        rounding=op.rounding,
        clip=(op.clip.range.lo, op.clip.range.hi),
        input_format=op.input_type.format,
        output_format=output_format,
        lanes=op.input_lanes,
        channels=op.channels,
    )


def _width_converter(op: WidthConverterOp) -> Unit:
    input_, result = op.input_type, op.result_type
    return WidthConverter(format=input_.format, input_lanes=input_.lanes, output_lanes=result.lanes)


def _fifo(op: FifoOp) -> Unit:
    return StreamFifo(format=op.input_type.format, lanes=op.input_type.lanes, depth=op.depth)


def _arg_max(op: ArgMaxOp) -> Unit:
    input_, output_format = op.input_type, op.result_type.format
    assert not isinstance(output_format, BipolarFormat), "an index is unsigned"
    return ArgMaxUnit(
        input_format=input_.format, elements=input_.elements, lanes=input_.lanes, output_format=output_format
    )


def _fork(op: ForkOp) -> Unit:
    return StreamFork(format=op.input_type.format, lanes=op.input_type.lanes, copies=len(op.results))


def _join(op: JoinOp) -> Unit:
    a, b = (stream_type(stream).format for stream in op.streams_in)
    output_format = op.result_type.format
    assert not isinstance(output_format, BipolarFormat), "the verifier asks for a fixed type"
    kind: Kind = "mul" if isinstance(op, MulOp) else "add" if isinstance(op, AddOp) else "sub"
    return JoinUnit(
        kind=kind,
        input_formats=(a, b),
        output_format=output_format,
        lanes=op.input_lanes,
        repeats=op.repeats,
        repeated=op.repeated or 0,
    )


def _concat(op: ConcatOp) -> Unit:
    return ConcatUnit(
        input_formats=[stream_type(stream).format for stream in op.streams_in],
        channels=op.channels,
        output_format=op.result_type.format,
        lanes=op.input_lanes,
    )


def _sliding_window(op: SlidingWindowOp) -> Unit:
    if op.pixels is not None:
        scan, format_ = op.scan(op.pixels), op.input_type.format
        return WindowScanUnit(scan=scan, channels=op.image[2], format=format_, pad_code=op.pad_value)
    return SlidingWindowUnit(
        image=op.image,
        window=op.window,
        format=op.input_type.format,
        lanes=op.input_lanes,
        depthwise=op.depthwise,
        pad_code=op.pad_value,
        memory=_memory(op.memory),
    )


def _pool(op: PoolOp) -> Unit:
    return PoolUnit(
        kind="sum" if isinstance(op, SumPoolOp) else "max",
        taps=op.taps,
        channels=op.channels,
        input_format=op.input_type.format,
        output_format=op.result_type.format,
        lanes=op.input_lanes,
    )


def _table(op: TableOp) -> Unit:
    return TableUnit(
        entries=op.entries,
        input_format=op.input_type.format,
        output_format=op.result_type.format,
        lanes=op.input_lanes,
        memory=_memory(op.memory),
    )


def _upsample(op: UpsampleOp) -> Unit:
    return UpsampleUnit(
        image=op.image,
        factors=op.factors,
        format=op.input_type.format,
        lanes=op.input_lanes,
        memory=_memory(op.memory),
    )


def _interleave(op: InterleaveOp) -> Unit:
    return InterleaveUnit(image=op.image, factors=op.factors, format=op.input_type.format, lanes=op.input_lanes)


def _slice(op: SliceOp) -> Unit:
    lanes = op.input_lanes, op.result_type.lanes
    picks = op.pixel_beats(*lanes).lanes
    return SliceUnit(axes=op.axes(*lanes), format=op.input_type.format, lanes=op.input_lanes, picks=picks)


def _depth_to_space(op: DepthToSpaceOp) -> Unit:
    return DepthToSpaceUnit(
        image=op.image,
        factors=op.factors,
        format=op.input_type.format,
        lanes=op.input_lanes,
        memory=_memory(op.memory),
    )


COMPONENTS: dict[type[UnitOp], Callable[[Any], Unit]] = {
    MatrixVectorOp: _matrix_vector,
    DepthwiseOp: _depthwise,
    ThresholdOp: _threshold,
    RequantizeOp: _requantize,
    TableOp: _table,
    SliceOp: _slice,
    UpsampleOp: _upsample,
    InterleaveOp: _interleave,
    DepthToSpaceOp: _depth_to_space,
    WidthConverterOp: _width_converter,
    FifoOp: _fifo,
    ArgMaxOp: _arg_max,
    ForkOp: _fork,
    AddOp: _join,
    SubOp: _join,
    MulOp: _join,
    ConcatOp: _concat,
    MaxPoolOp: _pool,
    SumPoolOp: _pool,
    SlidingWindowOp: _sliding_window,
}


def component(op: UnitOp) -> Unit:
    """The hardware component of one unit. QoptError of a component names the unit."""
    try:
        return COMPONENTS[type(op)](op)
    except QoptError as fault:
        raise QoptError(fault.what, op, fault.mend) from None


SILENCE_CYCLES = 100_000  # beyond what the units take: pauses of the ends
LONGEST_NAME = 64  # of a node; some tools join the names of all nodes that became one, and files have limits


def unit_names(units: list[UnitOp]) -> list[str]:
    """Instance names: ONNX node (or the value's name) and kind of unit, as Verilog identifiers, all different."""
    kinds = [unit.name.removeprefix("dataflow.") for unit in units]
    owners = [(node_name(unit) or unit.results[0].name_hint or "unit")[-LONGEST_NAME:] for unit in units]
    return unique_names([f"{owner}_{kind}" for owner, kind in zip(owners, kinds, strict=True)])


def longest_silence(module: ModuleOp) -> int:
    """Cycles in which no beat has to move at either end: all units work on one frame, one behind the other."""
    return SILENCE_CYCLES + sum(unit_cost(unit).cycles for unit in unit_graph(hardware_function(module)))


def hardware_top(module: ModuleOp) -> AxiStreamTop:
    """The hardware of @hardware as an AXI4-Stream component. QoptError if the graph is not complete."""
    units = unit_graph(hardware_function(module))
    if not units:
        raise QoptError("@hardware has no unit", None, "leave at least one layer to the hardware")
    check_lanes(units)
    named = [(name, component(unit)) for name, unit in zip(unit_names(units), units, strict=True)]
    return AxiStreamTop(units=named, output_beats=units[-1].result_type.beats, sources=sources(units))
