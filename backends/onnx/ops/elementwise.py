# SPDX-License-Identifier: Apache-2.0
"""Elementwise ops, which ONNX calls as the q dialect does: arithmetic, float functions; q.clip, q.batch_norm."""

from __future__ import annotations

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
    return out.node("Softmax", *out.operands(), attributes={"axis": op.axis})


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
    if low.shape == high.shape == ():
        return out.node("Clip", x, low, high)
    return out.node("Min", out.node("Max", x, low), high)


@exporter(BatchNormOp)
def export_batch_norm(op: BatchNormOp, out: Context) -> Tensor:
    """ONNX has the channels on axis 1, behind the frames: others move there and back."""
    x, *parameters = out.operands()
    shape = x.shape if len(x.shape) > 1 else (1, *x.shape)
    axis = op.axis + len(shape) - len(x.shape)
    there = list(range(len(shape)))
    there.insert(1, there.pop(axis))
    moved = out.reshape(x, shape)
    moved = moved if axis == 1 else out.transpose(moved, there)
    y = out.node("BatchNormalization", moved, *parameters, shape=moved.shape, attributes={"epsilon": op.epsilon})
    y = y if axis == 1 else out.transpose(y, [there.index(place) for place in range(len(shape))])
    return out.reshape(y, x.shape)
