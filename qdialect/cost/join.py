# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.add`, `dataflow.sub` and `dataflow.mul`."""

from __future__ import annotations

from ..dataflow.join import JoinOp, MulOp, SumOp
from ..dataflow.types import stream_type
from .latency import product_latency, sum_latency
from .stages import Schedule
from .unit import UnitCost, ceil_log2, counter_lut, delay_cost, product_cost


def latency(op: JoinOp) -> int:
    return product_latency() if isinstance(op, MulOp) else sum_latency()


def stages(op: JoinOp) -> tuple[Schedule, ...]:
    """A round is a beat, or what one run of the smaller stream serves: its first steps take it."""
    if op.repeats is None:
        return (Schedule(1, (range(1), range(1)), range(1), latency(op)),)
    times, run = op.repeats
    steps = times * run // op.input_lanes
    small = range(max(run // op.input_lanes, 1))
    takes = tuple(small if operand == op.repeated else range(steps) for operand in (0, 1))
    return (Schedule(steps, takes, range(steps), latency(op)),)


def cost(op: JoinOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    found = UnitCost(cycles=op.result_type.elements // lanes, latency=latency(op))
    if isinstance(op, SumOp):
        found += _sum_cost(op, lanes)
    elif isinstance(op, MulOp):
        found += _product_cost(op, lanes)
    return found + _repeating_cost(op, lanes)


def _sum_cost(op: SumOp, lanes: int) -> UnitCost:
    made, formats = op.result_type.format, [stream_type(stream).format for stream in op.streams_in]
    added = max(format_.word_length for format_ in formats)
    # Bits below the quantum of the coarser stream go through.
    through = made.fraction_bits - min(format_.fraction_bits for format_ in formats)
    return UnitCost(lut=lanes * max(added - through, 1) + 4, ff=lanes * made.word_length + 1)


def _product_cost(op: MulOp, lanes: int) -> UnitCost:
    a, b = (stream_type(stream).format for stream in op.streams_in)
    product = product_cost(a, b)
    gates = product.lut * 3 // 2 if min(a.word_length, b.word_length) > 3 else product.lut  # fitted: 4 by 4 bits
    registers = product.ff if product.dsp else a.word_length + b.word_length + op.result_type.format.word_length
    return UnitCost(lut=lanes * gates + 5, ff=lanes * registers + 2, dsp=lanes * product.dsp)


def _repeating_cost(op: JoinOp, lanes: int) -> UnitCost:
    """What keeps a run of the smaller stream, and tells when it is there."""
    if op.repeats is None or op.repeated is None:
        return UnitCost()
    times, run = op.repeats
    width = stream_type(op.operands[op.repeated]).format.word_length * (1 if run == 1 else lanes)
    beats, turns = max(run // lanes, 1), times if run > 1 else times // lanes
    kept = delay_cost(beats, width)
    counters = (counter_lut(turns) + (counter_lut(beats) if beats > 1 else 0), ceil_log2(turns) + ceil_log2(beats))
    return UnitCost(
        lut=kept.lut + width + counters[0] + 1, ff=kept.ff + counters[1], bram18=kept.bram18, memory_bits=kept.bits
    )
