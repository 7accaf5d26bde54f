# SPDX-License-Identifier: Apache-2.0
"""When a buffer that holds a few rows of an image takes and gives beats, from plain numbers.

The output is made pixel by pixel, some beats each. A pixel begins when all input that it needs is there; when it is
done, what no later pixel needs gives room. Beats stand in the memory in the order in which they came, round and round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataflow.weighted_sums import Memory
from ..q.window import Window as KernelWindow
from .latency import line_buffer_latency
from .stages import Window
from .unit import UnitCost, buffer_cost, ceil_log2, counter_lut

Numbers = NDArray[np.int64]
Span = tuple[int, int] | None  # first and last index that is needed; None: none at all
_LEAST_DEPTH = 2


@dataclass(frozen=True, eq=False)
class LineSchedule:
    """The beats of one frame.

    Attributes:
        beats: input beats. pixel_beats: output beats of each pixel.
        need: [rows, columns] of output pixels: input beats that must be there, at least one; never falls.
        release: [rows, columns]: input beats that nothing needs after the pixel; never falls, and ends with `beats`.
    """

    beats: int
    pixel_beats: int
    need: Numbers
    release: Numbers

    @property
    def output_beats(self) -> int:
        return self.need.size * self.pixel_beats

    @property
    def interval(self) -> int:
        """Cycles a frame."""
        return max(self.beats, self.output_beats)

    @cached_property
    def depth(self) -> int:
        """Least beats of memory with which a frame takes `interval` cycles.

        The busier side moves a beat in every cycle, and the other in time: as late as it may if it is the input, as
        soon as it can if it is the output. The memory holds what was taken and not released at the end of each pixel.
        """
        taken, starts = (_late_input if self.output_beats >= self.beats else _early_output)(self)
        released = np.concatenate([[0], self.release.reshape(-1)[:-1]])
        held = taken.before(starts + self.pixel_beats, self.interval, self.beats) - released
        return max(_LEAST_DEPTH, int(held.max()))

    def memory_depth(self, width: int, block: bool | None) -> int:
        """Rows of a memory of this width: a power of two, whose addresses wrap by themselves, if that costs no more.

        `block`: where the memory is kept; None leaves it to synthesis.
        """
        rounded = 1 << (self.depth - 1).bit_length()
        exact, whole = buffer_cost(self.depth, width, block), buffer_cost(rounded, width, block)
        return rounded if (whole.lut, whole.bram18) <= (exact.lut, exact.bram18) else self.depth

    @cached_property
    def asks(self) -> Numbers:
        """[rows, columns]: how many more input beats the pixel after this one needs."""
        need = self.need.reshape(-1)
        return np.diff(need, append=self.beats + need[0]).reshape(self.need.shape)

    @cached_property
    def frees(self) -> Numbers:
        """[rows, columns]: how many input beats the end of the pixel releases."""
        return np.diff(self.release.reshape(-1), prepend=0).reshape(self.release.shape)

    def stage(self, depth: int) -> Window:
        """For the timing simulation, with a memory of `depth` beats; the read pipeline stands behind it."""
        held = np.arange(1, self.beats + 1) - depth  # beats to be released before each is taken
        frames = (held - 1) // self.beats
        pixels = np.searchsorted(self.release.reshape(-1), held - frames * self.beats)
        free = frames * self.output_beats + (pixels + 1) * self.pixel_beats - 1
        return Window(self.need.reshape(-1) - 1, free, 1, self.pixel_beats)


class _Taken(NamedTuple):
    """When input beats are taken: beat i in cycle i + shift. A run of beats, up to beat `ends`, has the same shift."""

    ends: Numbers
    shifts: Numbers

    def before(self, cycles: Numbers, interval: int, beats: int) -> Numbers:
        """How many beats are taken before each of the cycles; frames of so many beats come with each interval."""
        starts = np.concatenate([[0], self.ends[:-1]])
        first = starts + self.shifts
        frames, within = np.divmod(cycles - 1 - first[0], interval)
        runs = np.searchsorted(first, within + first[0], side="right") - 1
        return np.minimum(self.ends[runs], within + first[0] - self.shifts[runs] + 1) + frames * beats


def _late_input(schedule: LineSchedule) -> tuple[_Taken, Numbers]:
    """(last cycles in which the input may be taken, first cycle of each pixel) if the output never pauses."""
    need = schedule.need.reshape(-1)
    starts = np.arange(need.size) * schedule.pixel_beats
    slack = starts - need  # a pixel's last input beat is taken before it starts, the others a cycle each before
    spare = schedule.output_beats - schedule.beats
    slack = np.minimum.accumulate(np.concatenate([slack, slack + spare])[::-1])[::-1]
    ends = np.minimum(np.concatenate([need, need + schedule.beats]), schedule.beats)
    return _Taken(ends, slack), starts


def _early_output(schedule: LineSchedule) -> tuple[_Taken, Numbers]:
    """(cycles in which the input is taken, first cycle of each pixel) if the input never pauses."""
    need = schedule.need.reshape(-1)
    starts = np.arange(need.size) * schedule.pixel_beats
    lag = need - starts
    spare = schedule.beats - schedule.output_beats
    lag = np.maximum.accumulate(np.concatenate([lag - spare, lag]))[need.size :]
    return _Taken(np.array([schedule.beats]), np.array([0])), starts + lag


def _schedule(
    width: int, groups: int, beats: int, pixel_beats: int, rows: Sequence[Span], columns: Sequence[Span]
) -> LineSchedule:
    pixels = beats // groups
    (top, bottom), (left, right) = (_ends(spans) for spans in (rows, columns))
    some = (bottom >= 0)[:, None] & (right >= 0)
    count = np.where(some, bottom[:, None] * width + right + 1, 1)  # no frame starts before its first beat
    first = np.where(some, top[:, None] * width + left, pixels)
    need = np.maximum.accumulate(count.reshape(-1)).reshape(count.shape)
    later = np.append(first.reshape(-1)[1:], pixels)
    release = np.minimum.accumulate(later[::-1])[::-1].reshape(first.shape)
    return LineSchedule(beats, pixel_beats, need * groups, release * groups)


def _ends(spans: Sequence[Span]) -> tuple[Numbers, Numbers]:
    """First and last index of each span; -1 if it needs none."""
    ends = np.array([span or (-1, -1) for span in spans], np.int64)
    return ends[:, 0], ends[:, 1]


@lru_cache(maxsize=1024)
def window_schedule(height: int, width: int, groups: int, window: KernelWindow) -> LineSchedule:
    """Of a sliding window over an image whose pixels are `groups` beats."""
    rows, columns = (_spans(size, window, axis) for axis, size in enumerate((height, width)))
    return _schedule(width, groups, height * width * groups, window.num_taps * groups, rows, columns)


def _spans(size: int, window: KernelWindow, axis: int) -> list[Span]:
    """First and last index within an axis for each position of the window."""
    step, low, stride = window.dilations[axis], window.low[axis], window.strides[axis]
    spans: list[Span] = []
    for start in range(-low, size + window.high[axis] - window.extents[axis] + 1, stride):
        inside = [index for index in range(start, start + window.extents[axis], step) if 0 <= index < size]
        spans.append((inside[0], inside[-1]) if inside else None)
    return spans


@lru_cache(maxsize=1024)
def upsample_schedule(height: int, width: int, groups: int, row_factor: int, column_factor: int) -> LineSchedule:
    """Of an image whose pixels are `groups` beats and come again; a column and its copies are one pixel."""
    rows = [(row, row) for row in range(height) for _ in range(row_factor)]
    columns = [(column, column) for column in range(width)]
    return _schedule(width, groups, height * width * groups, column_factor * groups, rows, columns)


def in_blocks(memory: Memory | None) -> bool | None:
    """Whether a buffer is kept in block memory; None if synthesis decides."""
    return None if memory is None else memory is Memory.BLOCK


def line_buffer_cost(
    schedule: LineSchedule, width: int, bounds: Sequence[int], *, padded: Sequence[int] = (), block: bool | None = None
) -> UnitCost:
    """Cost of the unit with beats of `width` bits; the factors are fitted to what Yosys counts.

    Args:
        bounds: of the counters over which the output runs. padded: sizes of the axes with padding, padding included.
        block: where the memory is kept; None leaves it to synthesis.
    """
    depth = schedule.memory_depth(width, block)
    memory = buffer_cost(depth, width, block)
    counters, places = (sum(ceil_log2(bound) for bound in numbers) for numbers in (bounds, padded))
    address = ceil_log2(depth)
    wrapped = 0 if depth & (depth - 1) == 0 else address  # bits of what brings an address back by hand
    lut = 14 * sum(counter_lut(bound) for bound in bounds) + 52 * address + 19 * (wrapped + places) + 10
    return UnitCost(
        cycles=schedule.interval,
        latency=line_buffer_latency(),
        lut=memory.lut + lut // 10 + (width if padded else 0),
        ff=width * (1 if memory.bram18 else 2) + counters + 4 * depth.bit_length() + 14 * places // 10,
        bram18=memory.bram18,
        memory_bits=memory.bits,
    )
