# SPDX-License-Identifier: Apache-2.0
"""Convolutions: Conv, ConvTranspose."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from ....qdialect.q import AddOp, ConvOp, ConvTransposeOp
from ....qdialect.q.window import Window
from ....qdialect.types import shape_of
from ..node import Node
from ..registry import importer
from ..window import auto_pad, halves, window_of


@importer("Conv")
def import_conv(node: Node) -> SSAValue:
    return convolved(node)


def convolved(node: Node) -> SSAValue:
    """The convolution of the first two inputs plus the third, if there is one."""
    return with_bias(node, node.emit(conv_op(node, *node.matching_operands(0, 1))))


def conv_op(node: Node, x: SSAValue, weights: SSAValue) -> ConvOp:
    """The convolution of two values as the node's attributes say."""
    window = _window(node, x, weights)
    return ConvOp(x, weights, window.strides, window.pads, window.dilations, node.integer("group", 1))


def with_bias(node: Node, result: SSAValue) -> SSAValue:
    """`result` [N, M, spatial...] and the node's third input [M], if there is one."""
    if not node.has_input(2):
        return result
    shape = shape_of(result)
    if node.shape(2) != shape[1:2]:
        what = f"the bias of shape {list(node.shape(2))} does not fit a result of shape {list(shape)}"
        raise node.error(what, "give one number for each output channel")
    bias = node.operand_beside(2, result)
    return node.emit(AddOp(result, node.with_trailing_axes(bias, len(shape) - 2)))


def _window(node: Node, x: SSAValue, weights: SSAValue) -> Window:
    shape, kernel = shape_of(x), shape_of(weights)[2:]
    if len(shape) < 3 or len(shape) != len(shape_of(weights)):
        what = f"an input of shape {list(shape)} does not fit weights of shape {list(shape_of(weights))}"
        raise node.error(what, "give both the axes batch, channels and at least one spatial axis")
    stated = node.integer_list("kernel_shape")
    if stated is not None and tuple(stated) != kernel:
        what = f"attribute 'kernel_shape' is {stated}, but the weights have the shape {list(shape_of(weights))}"
        raise node.error(what, "export the model again")
    return window_of(node, kernel, shape[2:])


@importer("ConvTranspose")
def import_conv_transpose(node: Node) -> SSAValue:
    x, weights = node.matching_operands(0, 1)
    window = _window(node, x, weights)
    more = node.integer_list("output_padding") or [0] * window.rank
    if len(more) != window.rank:
        raise node.error(f"attribute 'output_padding' is {more}", f"give {window.rank} numbers")
    pads = _transposed_pads(node, window, shape_of(x)[2:], more)
    result = node.emit(
        ConvTransposeOp(x, weights, window.strides, pads, more, window.dilations, node.integer("group", 1))
    )
    return with_bias(node, result)


def _transposed_pads(node: Node, window: Window, sizes: Sequence[int], more: list[int]) -> tuple[int, ...]:
    """The pads, which `output_shape` or `auto_pad` may say in another way; too large an output grows `more`."""
    mode, wanted = auto_pad(node), node.integer_list("output_shape")
    if wanted is not None and len(wanted) == len(sizes) + 2:
        wanted = wanted[2:]  # older exporters count frames and channels too
    if wanted is None and mode in ("NOTSET", "VALID"):
        return window.pads if mode == "NOTSET" else (0,) * len(window.pads)
    if wanted is None:
        wanted = [size * stride for size, stride in zip(sizes, window.strides, strict=True)]
    if len(wanted) != len(sizes):
        raise node.error(f"attribute 'output_shape' is {wanted}", f"give {len(sizes)} numbers")
    spans = [s * (size - 1) + extent for s, size, extent in zip(window.strides, sizes, window.extents, strict=True)]
    totals = [span + pad - size for span, pad, size in zip(spans, more, wanted, strict=True)]
    if min(totals) < 0 and not node.has("output_shape"):
        what = (
            f"auto_pad '{mode}' of a window of {list(window.extents)} with strides {list(window.strides)} is ambiguous"
        )
        raise node.error(what, "give pads and output_padding: engines disagree where the window is below the stride")
    more[:] = [pad + max(-total, 0) for pad, total in zip(more, totals, strict=True)]
    return halves([max(total, 0) for total in totals], mode != "SAME_UPPER")
