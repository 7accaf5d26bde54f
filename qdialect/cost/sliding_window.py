# SPDX-License-Identifier: Apache-2.0
"""Cost and stages of `dataflow.sliding_window`."""

from __future__ import annotations

from ..dataflow.sliding_window import SlidingWindowOp
from ..dataflow.window_scan import WindowScan
from .latency import line_buffer_latency, window_scan_latency
from .line_buffer import LineSchedule, in_blocks, line_buffer_cost, window_schedule
from .stages import Schedule, Window, evenly
from .unit import UnitCost, ceil_log2, delay_cost


def schedule(op: SlidingWindowOp, lanes: int) -> LineSchedule:
    height, width, channels = op.image
    return window_schedule(height, width, channels // lanes, op.window)


def stages(op: SlidingWindowOp) -> tuple[Window | Schedule, ...]:
    """The memory, and the pipeline that reads it; of whole windows the walk over the image."""
    if op.pixels is not None:
        scan = op.scan(op.pixels)
        return (Schedule(scan.steps, (range(scan.beats),), scan.makes, window_scan_latency()),)
    own = schedule(op, op.input_lanes)
    return own.stage(own.memory_depth(op.result_type.width, in_blocks(op.memory))), evenly(1, 1, line_buffer_latency())


def cost(op: SlidingWindowOp, lanes: int, made: int) -> UnitCost:
    """Cost with these lanes instead of the op's own."""
    pixels = op.pixels_of(made)
    if pixels is not None:
        return _scan_cost(op, op.scan(pixels))
    bounds = (op.image[2] // lanes, *op.window.kernel, *op.positions)
    pads = [op.window.low[axis] + op.window.high[axis] for axis in (0, 1)]
    padded = [size + pad for size, pad in zip(op.image, pads, strict=False) if pad]
    width = lanes * op.input_type.format.word_length
    return line_buffer_cost(schedule(op, lanes), width, bounds, padded=padded, block=in_blocks(op.memory))


def _scan_cost(op: SlidingWindowOp, scan: WindowScan) -> UnitCost:
    """A delay for each row under the kernel but the lowest, the beats of each row, and a register of windows.

    Windows that overlap share registers and masks.
    """
    pixel_width = op.image[2] * op.input_type.format.word_length
    width, rows = scan.input_pixels * pixel_width, op.window.kernel[0]
    delay, beats_width = delay_cost(scan.row_delay, width), (scan.newest - scan.oldest) * width
    rows_masked = [any(scan.row_flags(tap)) for tap in range(rows)]
    taps = {place: (pixel, tap) for pixel, places in enumerate(scan.columns) for tap, place in enumerate(places)}
    columns_masked = [any(scan.column_flags(*taken)) for taken in taps.values()]
    masked = sum(row or column for row in rows_masked for column in columns_masked) * pixel_width
    counters = ceil_log2(scan.steps)
    return UnitCost(
        cycles=scan.steps,
        latency=window_scan_latency(),
        lut=(rows - 1) * delay.lut + masked + 2 * counters + 10,
        ff=(rows - 1) * delay.ff + rows * (beats_width + len(taps) * pixel_width) + counters + 2,
        bram18=(rows - 1) * delay.bram18,
        memory_bits=(rows - 1) * delay.bits,
    )
