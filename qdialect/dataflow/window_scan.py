# SPDX-License-Identifier: Apache-2.0
"""Whole windows of an image, some pixels of a row at once, found in one walk over the beats of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd

from ..q.window import Window
from .assembly import divisors


@dataclass(frozen=True)
class WindowScan:
    """A walk that goes on by an input beat a step, row by row, and makes the windows of `pixels` output pixels at once.

    A beat is `input_pixels` pixels. The walk goes on behind the last beat of the image until the last window is made.

    Attributes:
        height, width: of the image. positions: rows and columns of the output. pixels: divides the columns.
    """

    height: int
    width: int
    window: Window
    positions: tuple[int, int]
    pixels: int

    @property
    def possible(self) -> bool:
        """Whether pixels divide the columns, and all windows can be made in the order of the image's beats.

        Those of a row in the time of a row of the image, and the first ones not before its first beat.
        """
        columns = self.positions[1]
        in_time = (columns // self.pixels - 1) * self.pace < self.row_beats
        return columns % self.pixels == 0 and in_time and self.lowest_rows[0] * self.row_beats + self.newest >= 0

    @property
    def fault(self) -> str | None:
        """What is wrong with the number of pixels, and what to choose; None if nothing is."""
        if self.possible:
            return None
        others = [str(pixels) for pixels in divisors(self.positions[1]) if replace(self, pixels=pixels).possible]
        mend = f"choose pixels from {', '.join(others)}" if others else "write lanes: padding is wider than the kernel"
        return f"makes {self.pixels} of the {self.positions[1]} windows of a row at once; mend: {mend}"

    @property
    def input_pixels(self) -> int:
        """Pixels of an input beat: as many as the windows go on by, if rows are that long."""
        return gcd(self.pixels * self.window.strides[1], self.width)

    @property
    def row_beats(self) -> int:
        """Beats of a row of the image."""
        return self.width // self.input_pixels

    @property
    def beats(self) -> int:
        """Beats of the image."""
        return self.height * self.row_beats

    @property
    def pace(self) -> int:
        """Steps from one output beat of a row to the next."""
        return self.pixels * self.window.strides[1] // self.input_pixels

    @property
    def row_delay(self) -> int:
        """Steps from a row under the kernel to the one below."""
        return self.window.dilations[0] * self.row_beats

    @cached_property
    def columns(self) -> list[list[int]]:
        """[pixel][kernel column]: the column of the image in an output beat whose first beat is number 0."""
        taps, stride = self.window.kernel[1], self.window.strides[1]
        first, step = -self.window.low[1], self.window.dilations[1]
        return [[pixel * stride + first + tap * step for tap in range(taps)] for pixel in range(self.pixels)]

    @property
    def newest(self) -> int:
        """The last beat of a row that an output beat needs."""
        return self.columns[-1][-1] // self.input_pixels

    @property
    def oldest(self) -> int:
        """The first."""
        return self.columns[0][0] // self.input_pixels

    @cached_property
    def lowest_rows(self) -> list[int]:
        """For each row of the output the lowest row under the kernel."""
        window = self.window
        first = (window.kernel[0] - 1) * window.dilations[0] - window.low[0]
        return [first + row * window.strides[0] for row in range(self.positions[0])]

    @property
    def steps(self) -> int:
        """Steps of a frame."""
        last = self.newest + (self.positions[1] // self.pixels - 1) * self.pace
        return max(self.beats, self.lowest_rows[-1] * self.row_beats + last + 1)

    @property
    def makes(self) -> list[int]:
        """The steps that make an output beat; each of the first `beats` steps takes a beat."""
        columns = range(self.newest, self.newest + self.positions[1] // self.pixels * self.pace, self.pace)
        row_beats = self.row_beats
        return [row * row_beats + column for row in self.lowest_rows for column in columns]

    def row_flags(self, tap: int) -> list[bool]:
        """For each row of the output whether kernel row `tap` lies outside the image."""
        above = (self.window.kernel[0] - 1 - tap) * self.window.dilations[0]
        return [not 0 <= lowest - above < self.height for lowest in self.lowest_rows]

    def column_flags(self, pixel: int, tap: int) -> list[bool]:
        """For each output beat of a row whether kernel column `tap` of its `pixel` lies outside the image."""
        starts = range(0, self.positions[1] * self.window.strides[1], self.pixels * self.window.strides[1])
        return [not 0 <= start + self.columns[pixel][tap] < self.width for start in starts]
