# SPDX-License-Identifier: Apache-2.0
"""From convolutions, pools, borders and nearest-neighbour resizing to units that stream images, channels last."""

from __future__ import annotations

from math import gcd, prod

import numpy as np
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.dataflow import ConcatOp as ConcatUnitOp
from ..qdialect.dataflow import MaxPoolOp as MaxPoolUnitOp
from ..qdialect.dataflow import SlidingWindowOp, UpsampleOp, stream_type
from ..qdialect.dataflow import SumPoolOp as SumPoolUnitOp
from ..qdialect.formats import BipolarFormat, IntRange
from ..qdialect.q import (
    ConcatOp,
    ConvOp,
    GatherOp,
    MaxPoolOp,
    PadOp,
    ReduceMaxOp,
    ReduceSumOp,
    SumPoolOp,
)
from ..qdialect.q.inference import constant_of
from ..qdialect.q.pooling import PoolOp
from ..qdialect.q.reduction import ReduceOp
from ..qdialect.q.window import Window
from ..qdialect.types import element_type, fixed_type, integer_format, shape_of
from .hardware_support import repeats
from .hardware_units import NotHardware, UnitBuilder, with_range
from .sign_borders import BORDER_CODE, sign_layer

LAYOUT = "run q-make-channels-last first"


def conv(build: UnitBuilder, op: ConvOp) -> None:
    """Windows times a matrix whose columns have their order; other groups than depthwise get zeros as weights."""
    weights = constant_of(op.weights)
    if weights is None:
        mend = "hardware convolves with constant weights: export the layer with fixed weights"
        raise NotHardware("q.conv has computed weights", mend)
    _check_layout(op, op.channels_last)
    if op.groups == op.in_channels == len(weights.array):
        stream = _windows(build, op, op.window, 0, depthwise=True)
        build.depthwise(op, stream, weights.array.reshape(op.groups, -1), op.weights)
        return
    matrix = _dense(weights.array, op.groups)
    if _border_of_signs(op):
        stream = _windows(build, op, op.window, BORDER_CODE, depthwise=False)
        sign_layer(build, op, stream, matrix, _image(shape_of(op.input))[:2], _plane(op.window))
        return
    build.matrix_vector(op, _windows(build, op, op.window, 0, depthwise=False), matrix, op.weights)


def _border_of_signs(op: ConvOp) -> bool:
    """Whether zeros surround an image of signs, and windows are made of it here."""
    signs = isinstance(integer_format(element_type(op.input)), BipolarFormat)
    return signs and any(op.window.pads) and _padded_source(op.input)[1] is None


def _dense(weights: Array, groups: int) -> Array:
    """Weights [M, C / groups, *kernel] as a matrix [M, kernel * C], with zeros where an output takes no input."""
    outputs, per_group = weights.shape[:2]
    taps = weights.reshape(outputs, per_group, -1).swapaxes(1, 2)
    if groups == 1:
        return np.ascontiguousarray(taps.reshape(outputs, -1))
    dense = np.zeros((outputs, taps.shape[1], groups, per_group), weights.dtype)
    for group in range(groups):
        part = slice(group * outputs // groups, (group + 1) * outputs // groups)
        dense[part, :, group] = taps[part]
    return dense.reshape(outputs, -1)


def pool(build: UnitBuilder, op: MaxPoolOp | SumPoolOp) -> None:
    """One element a channel of each window."""
    _check_layout(op, op.channels_last)
    least = isinstance(op, MaxPoolOp)  # what lies outside is never the greatest
    outside = integer_format(element_type(op.input)).code_range.lo if least else 0
    _reduced(build, op, op.window, outside)


def reduction(build: UnitBuilder, op: ReduceSumOp | ReduceMaxOp) -> None:
    """One element a channel of the whole image, or of whole rows or columns; or one of all channels of each pixel."""
    shape = shape_of(op.input)
    spatial = range(1, len(shape) - 1)
    if shape[0] == 1 and op.axes and [*op.axes] == [*range(op.axes[0], len(shape))]:  # elements that follow each other
        _pooled(build, op, build.stream(op.input), prod(shape[op.axes[0] :]), 1)
        return
    if shape[0] != 1 or not 2 <= len(shape) <= 4 or not {*op.axes} <= {*spatial}:
        mend = f"reduce rows and columns of an image with its channels last, or channels alone; {LAYOUT}"
        raise NotHardware(f"{op.name} along the axes {list(op.axes)} of {list(shape)} has no hardware unit", mend)
    kernel = tuple(shape[axis] if axis in op.axes else 1 for axis in spatial)
    _reduced(build, op, Window(kernel, kernel, (0,) * 2 * len(kernel), (1,) * len(kernel)), 0)


def pad(build: UnitBuilder, op: PadOp) -> None:
    """A border, and channels in front of and behind those of each pixel; windows behind a border make it themselves."""
    shape = shape_of(op.input)
    if constant_of(op.value) is None or not 3 <= len(shape) <= 4 or op.low[0] or op.high[0]:
        mend = f"pad rows, columns and channels of an image, with a constant; {LAYOUT}"
        raise NotHardware(f"q.pad of {list(shape)} by {list(op.low)} and {list(op.high)} has no hardware unit", mend)
    if _border(op) is not None and all(_makes_border(use.operation) for use in op.result.uses):
        return
    stream = build.retyped(build.stream(op.input), element_type(op.result))
    steps = _pad_steps(op)
    for image, pads in steps:
        unit = SlidingWindowOp(stream, image, Window((1, 1), (1, 1), pads, (1, 1)), pad_value=_pad_code(op))
        build.add(unit, op)
        stream = unit.result
    build.streams[op.result] = stream


def _pad_steps(op: PadOp) -> list[tuple[tuple[int, int, int], tuple[int, int, int, int]]]:
    """(image, border) of the units for `op`. Channels are a border of each pixel, seen as a row of groups of them."""
    rows, columns, channels = _image(shape_of(op.input))
    missing = (0,) * (4 - len(op.low))
    (top, left, before), (bottom, right, behind) = (*missing, *op.low[1:]), (*missing, *op.high[1:])
    size = gcd(channels, before, behind)
    pixels = (rows + top + bottom) * (columns + left + right)
    steps = [
        ((rows, columns, channels), (top, left, bottom, right)),
        ((pixels, channels // size, size), (0, before // size, 0, behind // size)),
    ]
    return [step for step in steps if any(step[1])]


def upsample(build: UnitBuilder, op: GatherOp) -> None:
    """Each row, or each pixel of a row, several times; both at once where rows and columns follow each other."""
    shape = shape_of(op.input)
    steps = [op, *([user] if isinstance(user := _only_user(op), GatherOp) and user.axis != op.axis else [])]
    steps = [step for step in steps if repeats(step) is not None and 0 < step.axis < len(shape) - 1]
    if not steps or steps[0] is not op or shape[0] != 1 or len(shape) > 4:
        mend = f"repeat each row or column of an image equally often; {LAYOUT}"
        raise NotHardware(f"q.gather along axis {op.axis} of {list(shape)} has no hardware unit", mend)
    factors = {len(shape) - 1 - step.axis: repeats(step) or 1 for step in steps}  # 1: columns, 2: rows
    unit = UpsampleOp(build.stream(op.input), _image(shape), [factors.get(2, 1), factors.get(1, 1)])
    build.done.update(steps)
    build.emit(unit, op, steps[-1].result)


def _only_user(op: GatherOp) -> Operation | None:
    use = op.result.first_use if op.result.has_one_use() else None
    return use.operation if use is not None else None


def concat(build: UnitBuilder, op: ConcatOp) -> None:
    """Streams side by side, pixel by pixel; along another axis than channels a part of the frame counts as a pixel."""
    channels = [prod(shape_of(value)[op.axis :]) for value in op.inputs]
    streams = [build.stream(value) for value in op.inputs]
    build.emit(ConcatUnitOp(streams, channels, element_type(op.result)), op, op.result)


def _pad_code(op: PadOp) -> int:
    """The value of the border as a code of the result."""
    value = constant_of(op.value)
    assert value is not None
    shift = integer_format(element_type(op.result)).fraction_bits - integer_format(element_type(op.value)).fraction_bits
    return int(value.array.reshape(-1)[0]) << shift


def _border(op: PadOp) -> int | None:
    """The code of the border if the type of the image holds it and channels stay as they are."""
    channels = op.low[-1] or op.high[-1]
    return _pad_code(op) if element_type(op.input) == element_type(op.result) and not channels else None


def _makes_border(user: Operation) -> bool:
    """Whether the windows of `user` can have any border: they have none of their own."""
    if isinstance(user, ReturnOp) or not isinstance(user, ConvOp | SumPoolOp | MaxPoolOp):
        return False
    return user.channels_last and not any(user.window.pads) and constant_of(user.operands[0]) is None


def _reduced(build: UnitBuilder, op: PoolOp | ReduceOp, window: Window, outside: int) -> None:
    """Sums or greatest elements of windows."""
    whole = window.kernel == shape_of(op.input)[1:-1] and not any(window.pads)
    source, around = _padded_source(op.input)
    if whole and around is None:
        _pooled(build, op, build.stream(source), window.num_taps, shape_of(op.input)[-1])
    else:
        _pooled(build, op, _windows(build, op, window, outside, depthwise=True), window.num_taps)


def _pooled(
    build: UnitBuilder, op: PoolOp | ReduceOp, stream: SSAValue, taps: int, channels: int | None = None
) -> None:
    """Sums or greatest elements of `taps` elements of each channel, of windows or of a whole stream of channels."""
    (result,), lanes = op.results, None if channels is None else 1
    unit: MaxPoolUnitOp | SumPoolUnitOp
    if isinstance(op, SumPoolOp | ReduceSumOp):
        unit = SumPoolUnitOp(stream, element_type(result), taps=taps, channels=channels, lanes=lanes)
        unit = with_range(unit, result)
    else:
        unit = MaxPoolUnitOp(stream, element_type(result), taps=taps, channels=channels, lanes=lanes)
    build.emit(unit, op, result)


def _padded_source(value: SSAValue) -> tuple[SSAValue, PadOp | None]:
    """The image that is streamed for `value`, and the q.pad that the windows behind it replace."""
    op = value.owner
    if not isinstance(op, PadOp) or _border(op) is None or not all(_makes_border(use.operation) for use in value.uses):
        return value, None
    return op.input, op


def _windows(build: UnitBuilder, op: Operation, window: Window, outside: int, *, depthwise: bool) -> SSAValue:
    """The stream of windows of the image that `op` takes; the image itself where both are the same."""
    source, border = _padded_source(op.operands[0])
    stream = build.stream(source)
    shape = shape_of(source)
    if border is not None:
        window = Window(window.kernel, window.strides, (*border.low[1:-1], *border.high[1:-1]), window.dilations)
        outside = _pad_code(border)
    if window.num_taps == 1 and {*window.strides} == {1} and not any(window.pads) and not depthwise:
        return stream
    if any(window.pads) and isinstance(stream_type(stream).format, BipolarFormat) and outside == 0:
        stream = build.retyped(stream, fixed_type(IntRange(-1, 1), 0))  # 0 is no code of !q.bipolar
    unit = SlidingWindowOp(stream, _image(shape), _plane(window), pad_value=outside, depthwise=depthwise)
    build.add(unit, op)
    return unit.result


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Rows, columns, channels of [1, (H,) W, C]."""
    return (*(1,) * (4 - len(shape)), *shape[1:])  # pyright: ignore[reportReturnType]


def _plane(window: Window) -> Window:
    """The same window with rows and columns."""
    if window.rank == 2:
        return window
    (kernel,), (stride,), (dilation,) = window.kernel, window.strides, window.dilations
    return Window((1, kernel), (1, stride), (0, window.low[0], 0, window.high[0]), (1, dilation))


def _check_layout(op: ConvOp | PoolOp, channels_last: bool) -> None:
    shape = shape_of(op.input)
    if shape[0] != 1 or len(shape) > 4:
        mend = "hardware takes one image of rows, columns and channels a frame"
        raise NotHardware(f"{op.name} of {list(shape)} has no hardware unit", mend)
    if not channels_last:
        raise NotHardware(f"{op.name} has its channels first", LAYOUT)
