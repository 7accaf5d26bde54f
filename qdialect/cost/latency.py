# SPDX-License-Identifier: Apache-2.0
"""Latency of every hardware unit in clock cycles, as pure functions of plain numbers.

A unit is one rigid pipeline (but see `WidthConverter` and `StreamFifo`):

- `advance` = its output register is empty, or its beat is taken in this cycle. Without `advance` nothing in it changes.
- In a cycle with `advance` it makes its next *step* if the step needs no input beat or one is offered (which it then
  accepts); else a bubble enters the pipeline.
- A step may make an output beat. It is offered `latency` advancing cycles after the cycle of the step: a step in cycle
  t that never stalls offers its beat from cycle t + latency on. Bubbles and steps without a beat leave the output
  empty.

So a unit holds at most `latency` output beats, the last of them in the output register. The hardware components and the
timing model both take `latency` from here.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..formats import IntRange

# A look-up table of a modern FPGA has six inputs; a product (or sum of products) of that many bits needs no adder.
TABLE_INPUTS = 6
# Up to so many thresholds are compared side by side; more are found by binary search, one pipeline stage a bit.
PARALLEL_THRESHOLDS = 2


def ceil_log2(value: int) -> int:
    """Least n with 2**n >= value, for value >= 1."""
    return (value - 1).bit_length()


def lanes_per_table(input_width: int, weight_width: int) -> int:
    """How many products of a matrix-vector unit a table of `TABLE_INPUTS` bits adds up; 1 if not even one fits."""
    return max(1, TABLE_INPUTS // (input_width + weight_width))


def matrix_vector_latency(*, mh: int, mw: int, pe: int, simd: int, sum_stages: int) -> int:
    """From the step of the last column group of a row group to its output beat.

    One cycle to fetch inputs and weights (two if the inputs are kept in a memory: several row groups and several column
    groups), `sum_stages` for the products and their sum, one for the accumulator, which is the output register.
    """
    fetch = 2 if mh > pe and mw > simd else 1
    return fetch + sum_stages + 1


def regrouped_latency(*, mh: int, mw: int, pe: int, simd: int, factors: int) -> int:
    """As `matrix_vector_latency`, with the sums of inputs, their accumulators, `factors` products and their sum."""
    return matrix_vector_latency(mh=mh, mw=mw, pe=pe, simd=simd, sum_stages=3 + ceil_log2(simd) + ceil_log2(factors))


def reachable_thresholds(thresholds: NDArray[Any], code_range: IntRange) -> slice:
    """Columns of thresholds [C, B], rows ascending, without those that all or none of the codes reach in every row."""
    num_always = int((thresholds <= code_range.lo).all(axis=0).sum())
    num_never = int((thresholds > code_range.hi).all(axis=0).sum())
    return slice(num_always, max(num_always, thresholds.shape[1] - num_never))


def threshold_stages(num_thresholds: int) -> int:
    """Pipeline stages that compare: 1 if all thresholds are compared side by side, else one a bit of the count."""
    return 1 if num_thresholds <= PARALLEL_THRESHOLDS else num_thresholds.bit_length()


def threshold_latency(*, num_thresholds: int, channel_groups: int) -> int:
    """One cycle for each comparing stage, and one more if the thresholds come from a memory.

    `num_thresholds` counts the columns that `reachable_thresholds` keeps; `channel_groups` is the number of beats after
    which the thresholds repeat: `lcm(rows of thresholds, lanes) / lanes`; more than one makes them come from a memory.
    """
    return threshold_stages(num_thresholds) + (1 if channel_groups > 1 else 0)


def requantize_latency(*, channel_groups: int) -> int:
    """Product, sum, round and clip: one cycle each; one more if the constants come from a memory."""
    return 3 + (1 if channel_groups > 1 else 0)


def width_converter_latency(*, input_lanes: int, output_lanes: int) -> int:
    """From the step that takes the last input beat that an output beat needs, to that output beat.

    Two if the lanes go through their least common multiple (a widening and a narrowing stage), else one.
    """
    divides = input_lanes % output_lanes == 0 or output_lanes % input_lanes == 0
    return 1 if divides else 2


def fifo_latency() -> int:
    """From a beat accepted by an empty FIFO to the same beat offered at its output."""
    return 1


def arg_max_latency(*, lanes: int) -> int:
    """One cycle for each level of the tournament within a beat, one for the comparison with the best so far."""
    return ceil_log2(lanes) + 1


def sum_latency() -> int:
    """The sum is the output register."""
    return 1


def product_latency() -> int:
    """A register for the factors; the product is the output register."""
    return 2


def concat_latency() -> int:
    """The beat chosen is the output register."""
    return 1


def slice_latency() -> int:
    """The beat kept is the output register."""
    return 1


def line_buffer_latency() -> int:
    """From the step that reads the memory: its register, and the output register, where padding is put in."""
    return 2


def window_scan_latency() -> int:
    """The windows are picked from the rows kept into the output register."""
    return 1


def pool_latency() -> int:
    """The largest so far, or the sum so far, is the output register."""
    return 1


def depthwise_latency() -> int:
    """Input and weight, product, sum: one cycle each; the sum is the output register."""
    return 3


def table_latency() -> int:
    """The register of the memory is the output register."""
    return 1
