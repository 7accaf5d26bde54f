# SPDX-License-Identifier: Apache-2.0
"""Which codes the units of a graph can make, element by element; bounds of a stream are those of its frame in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
from xdsl.ir import Operation, OpResult, SSAValue

from ..qdialect.dataflow import (
    ArgMaxOp,
    ConcatOp,
    DepthToSpaceOp,
    DepthwiseOp,
    FifoOp,
    ForkOp,
    FromStreamOp,
    InterleaveOp,
    JoinOp,
    MatrixVectorOp,
    MulOp,
    PoolOp,
    RequantizeOp,
    SliceOp,
    SlidingWindowOp,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    ToStreamOp,
    UpsampleOp,
    WidthConverterOp,
)
from ..qdialect.formats import BipolarFormat, FixedFormat, IntRange, Overflow
from ..qdialect.types import BipolarType, shape_of
from . import interval
from .interval import Array, Interval
from .reduction_ranges import reduced

ONE = Fraction(1)


def stream_interval(op: Operation, operands: Sequence[Interval]) -> Interval | None:
    """The interval of each result of a unit or transfer; None for other ops. No range that the IR states is believed.

    `operands`: those of the streams (or of the tensor) that the op takes.
    """
    match op:
        case ToStreamOp():
            return _spread(operands[0], shape_of(op.input), (-1,))
        case FromStreamOp():
            return _spread(operands[0], (prod(shape_of(op.result)),), shape_of(op.result))
        case FifoOp() | WidthConverterOp() | ForkOp():
            return operands[0]
        case SlidingWindowOp():
            return _sliding_window(op, operands[0])
        case SliceOp():
            return _slice(op, operands[0])
        case UpsampleOp():
            return _upsample(op, operands[0])
        case InterleaveOp():
            return _interleave(op, operands)
        case DepthToSpaceOp():
            return _depth_to_space(op, operands[0])
        case TableOp():
            return _table(op, operands[0])
        case PoolOp():
            return _pool(op, operands[0])
        case MatrixVectorOp():
            return _matrix_vector(op, operands[0])
        case DepthwiseOp():
            return _depthwise(op, operands[0])
        case JoinOp():
            return _join(op, operands)
        case ConcatOp():
            return _concat(op, operands)
        case ThresholdOp():
            return _threshold(op, operands[0])
        case RequantizeOp():
            return _requantize(op, operands[0])
        case ArgMaxOp():
            return interval.whole(IntRange(0, op.input_type.elements - 1), ONE)
        case _:
            return None


def _spread(x: Interval, shape: tuple[int, ...], new_shape: tuple[int, ...]) -> Interval:
    """Bounds that broadcast to `shape`, reshaped; one bound for all stays one."""

    def move(bound: Array) -> Array:
        return bound.reshape(1) if bound.size == 1 else np.broadcast_to(bound, shape).reshape(new_shape)

    return x.map(move)


def _sliding_window(op: SlidingWindowOp, x: Interval) -> Interval:
    rows, columns, channels = op.image
    images = _spread(x, (op.input_type.elements,), (1, rows * columns, channels))
    if images.lo.size == images.hi.size == 1 and _borders_add_nothing(op, images):
        return images.map(lambda bound: bound.reshape(1))
    gather = op.gather()
    shape = (1, rows * columns, channels)
    return images.map(lambda bound: gather(np.broadcast_to(bound, shape)).reshape(-1))


def _borders_add_nothing(op: SlidingWindowOp, x: Interval) -> bool:
    """Whether each sum over a window at the border, of elements between the same bounds, is one of a window within."""
    if not any(op.window.pads):
        return True
    sizes = zip(op.image[:2], op.window.strides, op.window.low, op.window.extents, op.positions, strict=True)
    within = all(
        any(low <= place * stride and place * stride - low + extent <= size for place in range(count))
        for size, stride, low, extent, count in sizes
    )
    return within and x.hull.lo <= op.pad_value <= x.hull.hi


def _slice(op: SliceOp, x: Interval) -> Interval:
    return _spread(x, (op.input_type.elements,), (1, *op.image)).map(
        lambda bound: bound.reshape(1) if bound.size == 1 else op.part(bound).reshape(-1)
    )


def _upsample(op: UpsampleOp, x: Interval) -> Interval:
    rows, columns = op.factors

    def move(bound: Array) -> Array:
        return bound if bound.size == 1 else bound.repeat(rows, axis=0).repeat(columns, axis=1).reshape(-1)

    return _spread(x, (op.input_type.elements,), op.image).map(move)


def _interleave(op: InterleaveOp, operands: Sequence[Interval]) -> Interval:
    scale, (down, right) = min(x.scale for x in operands), op.factors
    shapes = [(*op.part(number), op.channels_out) for number in range(len(operands))]
    parts = [
        _spread(interval.rescaled(x, scale), (prod(shape),), shape) for x, shape in zip(operands, shapes, strict=True)
    ]

    def merged(bounds: Sequence[Array]) -> Array:
        image = np.empty(op.image, np.result_type(*bounds))
        for number, bound in enumerate(bounds):
            row, column = divmod(number, right)
            image[row::down, column::right] = bound
        return image.reshape(-1)

    return Interval(merged([x.lo for x in parts]), merged([x.hi for x in parts]), scale)


def _depth_to_space(op: DepthToSpaceOp, x: Interval) -> Interval:
    height, width, _ = op.image
    return _spread(x, (op.input_type.elements,), (height, width, op.factors[0], -1)).map(
        lambda bound: bound if bound.size == 1 else bound.swapaxes(1, 2).reshape(-1)
    )


def _table(op: TableOp, x: Interval) -> Interval:
    """For each row of the table the entries between the bounds of all its elements."""
    format_ = op.input_type.format
    step = 2 if isinstance(format_, BipolarFormat) else 1
    rows = _spread(x, (op.input_type.elements,), (-1, op.channels))
    shape = (1, op.channels)
    first = (np.broadcast_to(rows.lo.min(axis=0), shape)[0] - format_.code_range.lo) // step
    last = (np.broadcast_to(rows.hi.max(axis=0), shape)[0] - format_.code_range.lo) // step
    reached = [row[a : b + 1] for row, a, b in zip(op.entries, first, last, strict=True)]
    lo, hi = (np.array([[int(end(row)) for row in reached]]) for end in (np.min, np.max))
    found = Interval(lo, hi, Fraction(2) ** -op.result_type.format.fraction_bits)
    return _spread(found, (op.input_type.elements // op.channels, op.channels), (-1,))


def _pool(op: PoolOp, x: Interval) -> Interval:
    rounds = op.result_type.elements // op.channels
    shape, ufunc = (rounds, op.taps, op.channels), np.add if isinstance(op, SumPoolOp) else np.maximum
    pooled = reduced(_spread(x, (op.input_type.elements,), shape), shape, (1,), False, ufunc)
    return _spread(pooled, (rounds, op.channels), (-1,))


def _matrix_vector(op: MatrixVectorOp, x: Interval) -> Interval:
    vectors = _spread(x, (op.input_type.elements,), (op.vectors, op.columns))
    weights = interval.points(op.weight_codes.T, Fraction(2) ** -op.weight_format.fraction_bits)
    sums = interval.matmul(vectors, weights, (op.vectors, op.columns), (op.columns, op.rows))
    if op.frame_bias is not None:
        sums = interval.add(sums, interval.points(op.frame_bias, sums.scale))
    return _spread(sums, (op.vectors, op.rows), (-1,))


def _depthwise(op: DepthwiseOp, x: Interval) -> Interval:
    lanes, taps = op.input_lanes, op.columns
    windows = (op.result_type.elements // op.rows, op.rows // lanes, taps, lanes)
    weights = op.weight_codes.reshape(-1, lanes, taps).swapaxes(1, 2)
    factors = interval.points(weights[None], Fraction(2) ** -op.weight_format.fraction_bits)
    products = interval.multiply(_spread(x, (op.input_type.elements,), windows), factors)
    sums = reduced(products, windows, (2,), False, np.add)
    if op.bias_codes is not None:
        sums = interval.add(sums, interval.points(op.bias_codes.reshape(-1, lanes), sums.scale))
    return _spread(sums, (windows[0], windows[1], lanes), (-1,))


def _join(op: JoinOp, operands: Sequence[Interval]) -> Interval:
    a, b = (_spread(x, (prod(op.runs(number)),), op.runs(number)) for number, x in enumerate(operands))
    if isinstance(op, MulOp):
        joined = interval.square(a) if origin(op.lhs) is origin(op.rhs) else interval.multiply(a, b)
    else:
        joined = interval.add(a, interval.negative(b) if isinstance(op, SubOp) else b)
    return _spread(joined, np.broadcast_shapes(op.runs(0), op.runs(1)), (-1,))


def origin(stream: SSAValue) -> SSAValue:
    """The stream in front of FIFOs, forks and width converters, which has the same elements."""
    while isinstance(stream, OpResult) and isinstance(stream.op, FifoOp | ForkOp | WidthConverterOp):
        stream = stream.op.operands[0]
    return stream


def _concat(op: ConcatOp, operands: Sequence[Interval]) -> Interval:
    pixels = op.result_type.elements // sum(op.channels)
    scale = min(x.scale for x in operands)
    parts = [
        _spread(interval.rescaled(x, scale), (pixels * channels,), (pixels, channels)).map(
            lambda bound, channels=channels: np.broadcast_to(bound, (pixels, channels))
        )
        for x, channels in zip(operands, op.channels, strict=True)
    ]
    lo, hi = (np.concatenate(bounds, axis=1).reshape(-1) for bounds in ([x.lo for x in parts], [x.hi for x in parts]))
    return Interval(lo, hi, scale)


def _threshold(op: ThresholdOp, x: Interval) -> Interval:
    rows = _spread(x, (op.input_type.elements,), (-1, op.channels))
    step = 2 if isinstance(op.result_type.element_type, BipolarType) else 1
    flags = np.zeros(1) if op.descending_flags is None else op.descending_flags
    counted = interval.threshold(rows, op.threshold_codes, flags.astype(bool), op.base, step)
    quantum = Fraction(2) ** -op.result_type.format.fraction_bits
    codes = Interval(counted.lo, counted.hi, quantum)
    return _spread(codes, (op.input_type.elements // op.channels, op.channels), (-1,))


def _requantize(op: RequantizeOp, x: Interval) -> Interval:
    rows = _spread(x, (op.input_type.elements,), (-1, op.channels))
    product = interval.multiply(replace(rows, scale=ONE), interval.points(op.multiplier_codes, ONE))
    total = interval.add(product, interval.points(op.addend_codes, ONE))
    format_ = op.result_type.format
    assert isinstance(format_, FixedFormat), "the verifier asks for it"
    shifted = replace(total, scale=total.scale / (1 << op.shift))
    codes = interval.quantize(shifted, replace(format_, fraction_bits=0), op.rounding, Overflow.SATURATE, False)
    low, high = (interval.whole(IntRange(end, end), ONE) for end in (op.clip.range.lo, op.clip.range.hi))
    clipped = replace(interval.clamp(codes, low, high), scale=Fraction(2) ** -format_.fraction_bits)
    return _spread(clipped, (op.input_type.elements // op.channels, op.channels), (-1,))
