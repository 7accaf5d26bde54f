# SPDX-License-Identifier: Apache-2.0
"""Where a window stands on the spatial axes of a tensor: what convolutions and pools share.

A tensor is [N, C, *spatial] (channels first, as in ONNX), or [N, *spatial, C] where the op says `channels_last`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.utils.exceptions import VerifyException


def spatial_axes(rank: int, channels_last: bool) -> range:
    """The axes that windows slide over, of a tensor with `rank` axes."""
    return range(1, rank - 1) if channels_last else range(2, rank)


def channel_axis(rank: int, channels_last: bool) -> int:
    return rank - 1 if channels_last else 1


def arranged(frames: int, channels: int, sizes: Sequence[int], channels_last: bool) -> tuple[int, ...]:
    """Shape of a tensor with these spatial sizes."""
    return (frames, *sizes, channels) if channels_last else (frames, channels, *sizes)


LARGEST_AXIS = 1 << 24  # elements, pads included; what is longer is a damaged model


@dataclass(frozen=True)
class Window:
    """A window that slides over spatial axes. One number an axis; `pads`: before each axis, then behind each."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.kernel)

    @property
    def low(self) -> tuple[int, ...]:
        """Elements added before each axis."""
        return self.pads[: self.rank]

    @property
    def high(self) -> tuple[int, ...]:
        """Elements added behind each axis."""
        return self.pads[self.rank :]

    @property
    def extents(self) -> tuple[int, ...]:
        """Elements from the first to the last tap of the window."""
        return tuple((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilations, strict=True))

    @property
    def num_taps(self) -> int:
        return prod(self.kernel)

    def check(self, name: str) -> None:
        """VerifyException of the op `name` unless there is one number, and a possible one, for each axis."""
        lists = {"strides": self.strides, "dilations": self.dilations, "pads": self.pads}
        for what, numbers in lists.items():
            count, least = (2 * self.rank, 0) if what == "pads" else (self.rank, 1)
            if len(numbers) != count or min(numbers, default=least) < least:
                raise VerifyException(
                    f"{name} has {what} {list(numbers)}; mend: write {count} numbers, each at least {least}"
                )
        if min(self.kernel, default=1) < 1:
            raise VerifyException(f"{name} has an empty kernel of shape {list(self.kernel)}")

    def positions(self, name: str, sizes: Sequence[int]) -> tuple[int, ...]:
        """How often the window fits on axes of these sizes; VerifyException of the op `name` where it does not."""
        padded = [size + low + high for size, low, high in zip(sizes, self.low, self.high, strict=True)]
        if max(padded, default=0) > LARGEST_AXIS:
            raise VerifyException(f"{name} has a padded input of {padded}; mend: at most {LARGEST_AXIS} along an axis")
        for size, extent in zip(padded, self.extents, strict=True):
            if extent > size:
                raise VerifyException(
                    f"{name} has a window of {list(self.extents)} on a padded input of {padded}; "
                    "mend: pad the input, or use a smaller kernel or dilation"
                )
        return tuple(
            (size - extent) // step + 1 for size, extent, step in zip(padded, self.extents, self.strides, strict=True)
        )
