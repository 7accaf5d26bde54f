# SPDX-License-Identifier: Apache-2.0
"""Products of integers in ONNX, less their zero points: MatMulInteger, ConvInteger."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ....qdialect.formats import IntRange
from ....qdialect.q import MatMulOp, SubOp
from ....qdialect.types import FixedType, fixed_type
from ..model import Array
from ..node import Node
from ..registry import importer
from .convolution import conv_op

INT32 = FixedType(32)


@importer("MatMulInteger")
def import_mat_mul_integer(node: Node) -> SSAValue:
    """One zero point for each row of the left operand, and for each column of the right one."""
    return node.emit_integer(MatMulOp(_centred(node, 0, 2, 1), _centred(node, 1, 3, 0)), INT32)


@importer("ConvInteger")
def import_conv_integer(node: Node) -> SSAValue:
    """One zero point for each output channel of the weights; what lies outside counts as the zero point."""
    x, weights = _centred(node, 0, 2, 0), _centred(node, 1, 3, max(len(node.shape(1)) - 1, 0))
    return node.emit_integer(conv_op(node, x, weights), INT32)


def _centred(node: Node, index: int, zero_point: int, trailing: int) -> SSAValue:
    """Codes less their zero points; those of an axis have `trailing` axes behind it."""
    if node.integer_type(index) is None:
        raise node.error(f"input {index} holds no integers", "quantise it, or use the op on real numbers")
    if not node.has_input(zero_point):
        return node.operand(index)
    shape, given = node.shape(index), node.shape(zero_point)
    trailing = trailing if len(given) == 1 and given != (1,) else 0
    try:
        fits = np.broadcast_shapes(shape, given + (1,) * trailing) == shape
    except ValueError:
        fits = False
    if not fits:
        what = f"the zero point of shape {list(given)} does not fit a tensor of shape {list(shape)}"
        raise node.error(what, "give one for the tensor, or one for each channel")
    codes, offset = node.value(index), node.value(zero_point)
    if not isinstance(codes, np.ndarray) or not isinstance(offset, np.ndarray):
        return node.emit(SubOp(node.operand(index), node.with_trailing_axes(node.operand(zero_point), trailing)))
    centred = codes.astype(np.int64) - offset.astype(np.int64).reshape(given + (1,) * trailing)
    return node.add_constant(centred, _narrowest(centred), node.input_name(index))


def _narrowest(codes: Array) -> Attribute | None:
    return fixed_type(IntRange(int(codes.min()), int(codes.max()))) if codes.size else None
