# SPDX-License-Identifier: Apache-2.0
"""The channels of a pixel of an image become several pixels."""

from __future__ import annotations

from math import prod

from ...qdialect.cost.depth_to_space import depth_to_space_schedule
from ...qdialect.formats import IntegerFormat
from .line_buffer import LineBuffer, Loop
from .stream_unit import require

_WHERE = "DepthToSpaceUnit"


class DepthToSpaceUnit(LineBuffer):
    """Pixels [factors, channels / factors] of an image become `factors[0]` x `factors[1]` pixels.

    A pixel's part for one row of the result is that row's next pixels in their order. II = beats of a frame; see
    `LineBuffer`.

    Args:
        image: rows, columns, channels, which vary fastest, of the input. lanes: divides the channels of the result.
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
        (height, width, channels), phases = image, prod(factors)
        require(min(*image, *factors) >= 1, _WHERE, f"image {image}, factors {factors}", "give positive numbers")
        whole = channels % phases == 0
        require(whole, _WHERE, f"{phases} pixels do not divide {channels} channels", "use other factors")
        divides = lanes >= 1 and channels // phases % lanes == 0
        require(divides, _WHERE, f"{lanes} lanes do not divide {channels // phases} channels", "use a divisor")
        row_factor, beats = factors[0], channels // factors[0] // lanes
        schedule = depth_to_space_schedule(height, width, beats, row_factor)
        super().__init__(
            format=format,
            lanes=lanes,
            schedule=schedule,
            loops=(
                Loop("beat", beats, 1),
                Loop("column", width, row_factor * beats),
                Loop("row_phase", row_factor, beats),
                Loop("row", height, width * row_factor * beats),
            ),
            pixel_loops=1,
            tables=(schedule.asks[:row_factor], schedule.frees[:row_factor]),  # the same for every row
            memory=memory,
        )
