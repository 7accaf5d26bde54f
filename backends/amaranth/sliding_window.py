# SPDX-License-Identifier: Apache-2.0
"""Sliding-window unit: the window around each output pixel of an image."""

from __future__ import annotations

from xdsl.utils.exceptions import VerifyException

from ...qdialect.cost.line_buffer import window_schedule
from ...qdialect.errors import QoptError
from ...qdialect.formats import BipolarFormat, IntegerFormat
from ...qdialect.q.window import Window
from .line_buffer import Axis, LineBuffer, Loop
from .stream_unit import require

_WHERE = "SlidingWindowUnit"


class SlidingWindowUnit(LineBuffer):
    """The windows of an image, row by row, as [kernel row, kernel column, channels] each.

    `depthwise`: as [channel group, kernel row, kernel column, lanes]. Padding is made, not stored. II = input or output
    beats of a frame, whichever are more; see `LineBuffer`.

    Args:
        image: rows, columns, channels, which vary fastest. window: strides, pads, dilations, kernel on rows, columns.
        lanes: divides the channels. pad_code: what padding is made of. memory: a key of `MEMORY_ATTRIBUTES`.
    """

    def __init__(
        self,
        *,
        image: tuple[int, int, int],
        window: Window,
        format: IntegerFormat,
        lanes: int,
        depthwise: bool = False,
        pad_code: int = 0,
        memory: str = "auto",
    ) -> None:
        height, width, channels = image
        positions = _positions(window, (height, width))
        divides = lanes >= 1 and channels % lanes == 0
        require(divides, _WHERE, f"{lanes} lanes do not divide {channels} channels", "use a divisor")
        possible = pad_code in ((-1, 1) if isinstance(format, BipolarFormat) else format.code_range)
        message = f"pad code {pad_code} is no code of the format"
        require(possible or not any(window.pads), _WHERE, message, "give a code that the format holds")
        groups = channels // lanes
        schedule = window_schedule(height, width, groups, window)
        (down, right), (row_stride, column_stride) = window.dilations, window.strides
        taps = [
            Loop("kernel_column", window.kernel[1], right * groups, columns=right),
            Loop("kernel_row", window.kernel[0], down * width * groups, rows=down),
        ]
        group = Loop("group", groups, 1)
        loops = (
            *([*taps, group] if depthwise else [group, *taps]),
            Loop("column", positions[1], column_stride * groups, columns=column_stride),
            Loop("row", positions[0], row_stride * width * groups, rows=row_stride),
        )
        super().__init__(
            format=format,
            lanes=lanes,
            schedule=schedule,
            loops=loops,
            pixel_loops=3,
            tables=(schedule.asks, schedule.frees),
            start=-(window.low[0] * width + window.low[1]) * groups,
            axes=(
                Axis(height, window.low[0], window.high[0], tuple(loop.rows for loop in loops)),
                Axis(width, window.low[1], window.high[1], tuple(loop.columns for loop in loops)),
            ),
            pad_code=pad_code,
            memory=memory,
        )


def _positions(window: Window, sizes: tuple[int, int]) -> tuple[int, ...]:
    try:
        window.check(_WHERE)
        return window.positions(_WHERE, sizes)
    except VerifyException as fault:
        raise QoptError(str(fault), _WHERE, "give a window that fits the image") from None
