# SPDX-License-Identifier: Apache-2.0
"""Nearest-neighbour upsampling of an image."""

from __future__ import annotations

from ...qdialect.cost.line_buffer import upsample_schedule
from ...qdialect.formats import IntegerFormat
from .line_buffer import LineBuffer, Loop
from .stream_unit import require

_WHERE = "UpsampleUnit"


class UpsampleUnit(LineBuffer):
    """Each row of an image `factors[0]` times, each pixel of a row `factors[1]` times.

    II = output beats of a frame; see `LineBuffer`.

    Args:
        image: rows, columns, channels, which vary fastest. lanes: divides the channels.
        memory: a key of `MEMORY_ATTRIBUTES`.
    """

    def __init__(
        self,
        *,
        image: tuple[int, int, int],
        factors: tuple[int, int],
        format: IntegerFormat,
        lanes: int,
        memory: str = "auto",
    ) -> None:
        (height, width, channels), (row_factor, column_factor) = image, factors
        require(min(*image, *factors) >= 1, _WHERE, f"image {image}, factors {factors}", "give positive numbers")
        divides = lanes >= 1 and channels % lanes == 0
        require(divides, _WHERE, f"{lanes} lanes do not divide {channels} channels", "use a divisor")
        groups = channels // lanes
        schedule = upsample_schedule(height, width, groups, row_factor, column_factor)
        super().__init__(
            format=format,
            lanes=lanes,
            schedule=schedule,
            loops=(
                Loop("group", groups, 1),
                Loop("column_copy", column_factor, 0),
                Loop("column", width, groups),
                Loop("row_copy", row_factor, 0),
                Loop("row", height, width * groups),
            ),
            pixel_loops=2,
            tables=(schedule.asks[:row_factor], schedule.frees[:row_factor]),  # the same for every row
            memory=memory,
        )
