# SPDX-License-Identifier: Apache-2.0
"""The attributes by which ONNX says where a window stands: strides, pads, dilations, auto_pad."""

from __future__ import annotations

from collections.abc import Sequence

from ...qdialect.q.window import Window
from .node import Node


def window_of(node: Node, kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """The window of a convolution or pool over spatial axes of these sizes; `auto_pad` becomes pads."""
    rank = len(sizes)
    if len(kernel) != rank:
        what = f"the kernel of shape {list(kernel)} does not fit an input of {rank} spatial axes"
        raise node.error(what, "export the model again")
    strides, dilations = _numbers(node, "strides", rank, 1), _numbers(node, "dilations", rank, 1)
    pads = _numbers(node, "pads", 2 * rank, 0)
    window = Window(tuple(kernel), strides, pads, dilations)
    match auto_pad(node):
        case "NOTSET":
            return window
        case "VALID":
            return Window(window.kernel, strides, (0,) * (2 * rank), dilations)
        case mode:
            totals = [
                max((-(-size // stride) - 1) * stride + extent - size, 0)
                for size, stride, extent in zip(sizes, strides, window.extents, strict=True)
            ]
            return Window(window.kernel, strides, halves(totals, mode == "SAME_LOWER"), dilations)


def auto_pad(node: Node) -> str:
    mode = node.text("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.error(f"attribute 'auto_pad' is '{mode}'", "write NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    return mode


def halves(totals: Sequence[int], more_before: bool) -> tuple[int, ...]:
    """Pads that share the totals between both ends of each axis; what is odd goes before it or behind it."""
    low = [(total + more_before) // 2 for total in totals]
    return (*low, *(total - before for total, before in zip(totals, low, strict=True)))


def _numbers(node: Node, name: str, count: int, default: int) -> tuple[int, ...]:
    """An attribute of one number an axis (end of axis), which may be absent."""
    numbers = node.integer_list(name)
    if numbers is None:
        return (default,) * count
    if len(numbers) != count or min(numbers, default=default) < default:
        what = f"attribute '{name}' is {numbers}, where {count} numbers of at least {default} are due"
        raise node.error(what, "export the model again")
    return tuple(numbers)
