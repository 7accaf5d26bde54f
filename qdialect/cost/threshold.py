# SPDX-License-Identifier: Apache-2.0
"""Cost and schedule of `dataflow.threshold`."""

from __future__ import annotations

from math import lcm

import numpy as np

from ..dataflow.threshold import ThresholdOp
from ..formats import IntRange, smallest_fixed
from ..q.inference import constant_of
from .latency import ceil_log2, reachable_thresholds, threshold_latency, threshold_stages
from .stages import Schedule, evenly
from .unit import MemoryCost, UnitCost, bits_of, ceil_div, columns_cost, comparison_lut, counter_lut, exact, table_cost


def stages(op: ThresholdOp) -> tuple[Schedule, ...]:
    return (evenly(1, 1, cost(op, op.input_lanes, op.input_lanes).latency),)


def cost(op: ThresholdOp, lanes: int, _: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    format_ = op.input_type.format
    kept = reachable_thresholds(op.threshold_codes, format_.code_range)
    count, groups = kept.stop - kept.start, lcm(op.channels, lanes) // lanes
    comparing = threshold_stages(count)
    width, result = format_.word_length, min(op.result_type.format.word_length, count.bit_length() + (op.base < 0))
    latency = threshold_latency(num_thresholds=count, channel_groups=groups)
    tables = _tables_cost(op, lanes, groups)
    lut = _compared_lut(width, count, comparing, groups) + (count if comparing == 1 else 1)
    # The element and the comparisons so far go along; limits that are constants are compared before any register.
    ff = sum(width + stage for stage in range(comparing) if stage or groups > 1) + result
    return UnitCost(
        cycles=op.input_type.elements // lanes,
        latency=latency,
        lut=tables.lut + lanes * lut + counter_lut(groups) + 2,
        ff=tables.ff + lanes * ff + ceil_log2(groups) * comparing + latency,
        bram18=tables.bram18,
        memory_bits=tables.bits,
    )


def _compared_lut(width: int, count: int, comparing: int, groups: int) -> int:
    """Of the comparisons of a lane; those with a constant, or one of few limits, have fewer inputs."""
    rows = [groups << stage for stage in range(comparing)] if comparing > 1 else [groups] * count
    return sum(ceil_div(width, 4) if number == 1 else comparison_lut(width, min(width, number << 1)) for number in rows)


def _tables_cost(op: ThresholdOp, lanes: int, groups: int) -> MemoryCost:
    """Of the tables of limits of all stages and lanes."""
    constant = constant_of(op.thresholds)
    assert constant is not None, "the verifier asks for constant thresholds"
    key = ("limits", lanes, op.channels, str(op.input_type.element_type))
    return constant.fact(key, lambda: _known_tables_cost(op, lanes, groups))


def _known_tables_cost(op: ThresholdOp, lanes: int, groups: int) -> MemoryCost:
    codes = op.input_type.format.code_range
    limits = op.threshold_codes[:, reachable_thresholds(op.threshold_codes, codes)]
    limits = np.clip(exact(limits, op.input_type.format.word_length), codes.lo, codes.hi + 1) - 1
    if not limits.size:
        return MemoryCost()
    stages_ = threshold_stages(limits.shape[1])
    width = smallest_fixed(IntRange(int(limits.min()), int(limits.max()))).word_length
    if stages_ > 1 and limits.shape[1] + 1 < 1 << stages_:
        width = max(width, smallest_fixed(IntRange(0, codes.hi)).word_length)
        limits = np.pad(limits, ((0, 0), (0, (1 << stages_) - 1 - limits.shape[1])), constant_values=codes.hi)
    different, found = min(lanes, len(limits)), MemoryCost()
    for stage in range(stages_):
        columns = slice(None) if stages_ == 1 else slice((1 << (stages_ - stage - 1)) - 1, None, 1 << (stages_ - stage))
        plain = table_cost(groups << stage if stages_ > 1 else groups, width * (1 if stages_ > 1 else limits.shape[1]))
        if plain.bram18:
            found += plain.times(different)
            continue
        rows = limits[(np.arange(groups) * lanes + np.arange(different)[:, None]) % len(limits)][:, :, columns]
        bits = bits_of(rows, width)  # [lanes, groups, limits, width]: a row for each limit of a search
        found += columns_cost(
            bits.reshape(different, -1, width) if stages_ > 1 else bits.reshape(different, groups, -1)
        )
    return found.times(lanes // different)
