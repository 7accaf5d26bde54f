# SPDX-License-Identifier: Apache-2.0
"""Elementwise ops, which ONNX calls as the q dialect does: arithmetic, float functions; q.clip, q.batch_norm."""

from __future__ import annotations

import numpy as np

from ....passes.rewriting import exact_values
from ....qdialect.affine import batch_norm_affine
from ....qdialect.q import (
    BatchNormOp,
    BinaryOp,
    ClipOp,
    CompareOp,
    FloatFunctionOp,
    PowOp,
    Predicate,
    PReluOp,
    QOp,
    ReluOp,
    SelectOp,
    SoftmaxOp,
)
from ....qdialect.types import element_type, is_f32, shape_of
from ..context import Context
from ..graph import Tensor
from ..numbers import BOOL, FLOAT32, FLOAT64
from ..registry import exporter

_PREDICATES = {Predicate.EQUAL: "Equal", Predicate.LESS: "Less", Predicate.LESS_EQUAL: "LessOrEqual"}


@exporter(BinaryOp, PReluOp, ReluOp, FloatFunctionOp, PowOp)
def export_same_name(op: QOp, out: Context) -> Tensor:
    """`AddOp` is ONNX's Add."""
    return out.node(type(op).__name__.removesuffix("Op"), *out.operands())


@exporter(SoftmaxOp)
def export_softmax(op: SoftmaxOp, out: Context) -> Tensor:
    return out.node("Softmax", *out.operands(), axis=op.axis)


@exporter(CompareOp)
def export_compare(op: CompareOp, out: Context) -> Tensor:
    """Exact numbers compare in a float type that holds both."""
    wide = FLOAT64 if any(out.carrier(operand) == FLOAT64 for operand in op.operands) else FLOAT32
    return out.node(_PREDICATES[op.predicate], *out.operands(wide), dtype=BOOL)


@exporter(SelectOp)
def export_select(op: SelectOp, out: Context) -> Tensor:
    condition, on_true, on_false = out.operands()
    return out.node("Where", out.cast(condition, BOOL), on_true, on_false, dtype=on_true.dtype)


@exporter(ClipOp)
def export_clip(op: ClipOp, out: Context) -> Tensor:
    """Clip where the bounds are single numbers, else Max and Min."""
    x, low, high = out.operands()
    if np.size(low.shape) == np.size(high.shape) == 0:
        return out.node("Clip", x, low, high)
    return out.node("Min", out.node("Max", x, low), high)


@exporter(BatchNormOp)
def export_batch_norm(op: BatchNormOp, out: Context) -> Tensor:
    """Channels on axis 1 are ONNX's; others move there and back. Exact numbers: one multiplication, one addition."""
    if not is_f32(element_type(op.result)):
        return _exact_batch_norm(op, out)
    x, *parameters = out.operands()
    there = list(range(len(x.shape)))
    there.insert(1, there.pop(op.axis))
    moved = x if op.axis == 1 else out.transpose(x, there)
    if len(x.shape) < 2:  # ONNX needs an axis of frames
        moved = out.reshape(x, (1, *x.shape))
    y = out.node("BatchNormalization", moved, *parameters, shape=moved.shape, epsilon=op.epsilon)
    if len(x.shape) < 2:
        return out.reshape(y, x.shape)
    return y if op.axis == 1 else out.transpose(y, [int(axis) for axis in np.argsort(there)])


def _exact_batch_norm(op: BatchNormOp, out: Context) -> Tensor:
    column = (-1,) + (1,) * (len(shape_of(op.input)) - 1 - op.axis)
    scale, bias, mean, variance = (exact_values(value) for value in (op.scale, op.bias, op.mean, op.variance))
    factor, offset = batch_norm_affine(scale, bias, mean, variance, op.epsilon)
    x = out.tensor(op.input, FLOAT64)
    product = out.node("Mul", x, out.plain(factor.reshape(column).astype(np.float64), "factor"))
    return out.node("Add", product, out.plain(offset.reshape(column).astype(np.float64), "offset"))
