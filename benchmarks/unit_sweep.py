# SPDX-License-Identifier: Apache-2.0
"""The units that unit_area.py synthesises: of each dataflow op some that the cost model was made with, some held out.

A new unit adds its points here, to both lists; `missing` names the ops that have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from qopt_mlir.qdialect.attrs import DenseAttr, RangeAttr
from qopt_mlir.qdialect.cost import UNITS
from qopt_mlir.qdialect.dataflow import (
    AddOp,
    ArgMaxOp,
    ConcatOp,
    DepthToSpaceOp,
    DepthwiseOp,
    FifoOp,
    ForkOp,
    InterleaveOp,
    JoinOp,
    MatrixVectorOp,
    MaxPoolOp,
    Memory,
    MulOp,
    RequantizeOp,
    SliceOp,
    SlidingWindowOp,
    StreamType,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    UnitOp,
    UpsampleOp,
    WidthConverterOp,
)
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, SSAValue

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Point:
    """A unit with its parameters; `build` makes the op."""

    label: str
    build: Callable[[], UnitOp]


def codes(bits: int) -> FixedType:
    return FixedType(bits, 0)


def stream(element: Attribute, lanes: int, elements: int) -> SSAValue:
    return Block(arg_types=[StreamType(element, lanes, elements // lanes)]).args[0]


def constant(values: np.ndarray, bits: int) -> SSAValue:
    return ConstantOp(DenseAttr(values, TensorType(codes(bits), values.shape))).result


def random_codes(shape: tuple[int, ...], bits: int, seed: int = 0) -> np.ndarray:
    """Of all codes of that many bits, all alike often; the shape goes into the seed."""
    rng = np.random.default_rng([bits, seed, *shape])
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)


def text(numbers: Sequence[int]) -> str:
    return "x".join(map(str, numbers))


def square(size: int, stride: int = 1, *, padded: bool = True, dilation: int = 1) -> Window:
    pad = dilation * (size - 1) // 2 if padded else 0
    return Window((size, size), (stride, stride), (pad,) * 4, (dilation, dilation))


def window(
    image: Shape, geometry: Window, bits: int, lanes: int, *, depthwise: bool = False, memory: Memory | None = None
) -> Point:
    steps = f"/{text(geometry.strides)}" if max(geometry.strides) > 1 else ""
    places = f"{text(geometry.kernel)}{steps} of {text(image)}, pads {sum(geometry.pads)}"
    kind = f"{' depthwise' if depthwise else ''}{f' {memory.value}' if memory else ''}"
    return Point(
        f"window {places}, {bits} bit, {lanes} lanes{kind}",
        lambda: SlidingWindowOp(
            stream(codes(bits), lanes, prod(image)), image, geometry, depthwise=depthwise, lanes=lanes, memory=memory
        ),
    )


def windows(image: Shape, size: int, pixels: int, bits: int) -> Point:
    """Whole windows, several at once."""
    geometry = square(size)
    return Point(
        f"{pixels} windows {size}x{size} of {text(image)}, {bits} bit",
        lambda: SlidingWindowOp(stream(codes(bits), pixels * image[2], prod(image)), image, geometry, pixels=pixels),
    )


def part(image: Shape, starts: Shape, sizes: Shape, steps: Shape, bits: int) -> Point:
    return Point(
        f"slice {text(sizes)} of {text(image)}, steps {text(steps)}, {bits} bit",
        lambda: sliced(image, starts, sizes, steps, bits),
    )


def sliced(image: Shape, starts: Shape, sizes: Shape, steps: Shape, bits: int) -> SliceOp:
    one = SliceOp(stream(codes(bits), 1, prod(image)), image, starts, sizes, steps)  # to learn the lanes that it takes
    return SliceOp(stream(codes(bits), one.input_lanes, prod(image)), image, starts, sizes, steps)


def pool(channels: int, taps: int, bits: int, lanes: int, *, total: bool) -> Point:
    """Over all `taps` pixels of an image."""
    wide = bits + (taps - 1).bit_length()

    def build() -> UnitOp:
        x = stream(codes(bits), lanes, taps * channels)
        if total:
            return SumPoolOp(x, codes(wide), taps=taps, channels=channels, lanes=lanes)
        return MaxPoolOp(x, codes(bits), taps=taps, channels=channels, lanes=lanes)

    return Point(f"{'sum' if total else 'max'} of {taps} pixels x {channels}, {bits} bit, {lanes} lanes", build)


def pool_of_windows(channels: int, bits: int, lanes: int, *, total: bool = False, size: int = 2) -> Point:
    """The pool behind depthwise windows."""

    def build() -> UnitOp:
        image = (4 * size, 4 * size, channels)
        geometry = square(size, size, padded=False)
        x = SlidingWindowOp(stream(codes(bits), lanes, prod(image)), image, geometry, depthwise=True, lanes=lanes)
        wide = bits + (size * size - 1).bit_length()
        if total:
            return SumPoolOp(x.result, codes(wide), taps=size**2)
        return MaxPoolOp(x.result, codes(bits), taps=size**2)

    return Point(f"{'sum' if total else 'max'} of windows {size}x{size}, {bits} bit, {lanes} lanes", build)


def depthwise(channels: int, size: int, bits: int, weight_bits: int, lanes: int, seed: int = 0) -> Point:
    """Sums behind depthwise windows, with a bias."""
    taps, image = size * size, (8, 8, channels)
    weights, bias = random_codes((channels, taps), weight_bits, seed), random_codes((channels,), 8, seed)

    def build() -> UnitOp:
        x = stream(codes(bits), lanes, prod(image))
        windows = SlidingWindowOp(x, image, square(size, padded=False), depthwise=True, lanes=lanes)
        wide = codes(bits + weight_bits + taps.bit_length())
        return DepthwiseOp(windows.result, constant(weights, weight_bits), wide, bias=constant(bias, 8))

    return Point(f"depthwise {channels} x {taps}, {bits} bit, {weight_bits}-bit weights, PE {lanes}", build)


def lookup(
    channels: int, bits: int, made: int, lanes: int, *, smooth: bool = False, memory: Memory | None = None
) -> Point:
    """A table; channels 1: the same for all. Entries are random, or those of a function that rises."""
    entries = random_codes((channels, 1 << bits), made)
    if smooth:
        x = (np.arange(1 << bits) + 0.5) / (1 << bits) * 8 - 4
        entries = np.round((1 / (1 + np.exp(-x)) - 0.5) * ((1 << made) - 2)).astype(int)[None, :].repeat(channels, 0)
    kind = f"{' rising' if smooth else ''}{f' {memory.value}' if memory else ''}"

    def build() -> UnitOp:
        x = stream(codes(bits), lanes, 16 * max(channels, lanes))
        return TableOp(x, constant(entries, made), lanes=lanes, memory=memory)

    return Point(f"table of {channels}{kind}, {bits} to {made} bit, {lanes} lanes", build)


def upsample(image: Shape, factors: tuple[int, int], bits: int, lanes: int) -> Point:
    return Point(
        f"upsample {text(factors)} of {text(image)}, {bits} bit, {lanes} lanes",
        lambda: UpsampleOp(stream(codes(bits), lanes, prod(image)), image, factors, lanes=lanes),
    )


def to_space(image: Shape, factors: tuple[int, int], bits: int, lanes: int) -> Point:
    return Point(
        f"depth to space {text(factors)} of {text(image)}, {bits} bit, {lanes} lanes",
        lambda: DepthToSpaceOp(stream(codes(bits), lanes, prod(image)), image, factors, lanes=lanes),
    )


def interleave(image: Shape, factors: tuple[int, int], bits: int, lanes: int) -> Point:
    """Of streams of a part each of the image."""

    def build() -> UnitOp:
        parts = [
            (-(-(image[0] - row) // factors[0])) * (-(-(image[1] - column) // factors[1]))
            for row in range(factors[0])
            for column in range(factors[1])
        ]
        streams = [stream(codes(bits), lanes, pixels * image[2]) for pixels in parts]
        return InterleaveOp(streams, image, factors, lanes=lanes)

    return Point(f"interleave {text(factors)} to {text(image)}, {bits} bit, {lanes} lanes", build)


def concat(channels: Sequence[int], bits: int, lanes: int) -> Point:
    return Point(
        f"concat {'+'.join(map(str, channels))}, {bits} bit, {lanes} lanes",
        lambda: ConcatOp(
            [stream(codes(bits), lanes, 16 * own) for own in channels], channels, codes(bits), lanes=lanes
        ),
    )


def fork(copies: int, bits: int, lanes: int) -> Point:
    return Point(f"fork to {copies}, {bits} bit, {lanes} lanes", lambda: ForkOp(stream(codes(bits), lanes, 64), copies))


def matrix_vector(
    rows: int,
    columns: int,
    pe: int,
    simd: int,
    input_bits: int,
    bits: int,
    *,
    seed: int = 0,
    signed: bool = True,
    values: Sequence[int] = (),
    vectors: int = 1,
    memory: Memory | None = None,
    regrouped: bool = False,
) -> Point:
    """Random weights of all codes, or of `values` alone."""
    weights = random_codes((rows, columns), bits, seed)
    if values:
        weights = np.random.default_rng([rows, columns, seed]).choice(values, (rows, columns))
    kind = f"{f' {memory.value}' if memory else ''}{' regrouped' if regrouped else ''}"
    element = BipolarType() if input_bits == 1 else codes(input_bits) if signed else UFixedType(input_bits, 0)
    what = f"{len(values)} values" if values else f"{bits}-bit weights"

    def build() -> UnitOp:
        x = stream(element, simd, vectors * columns)
        wide = codes(input_bits + bits + columns.bit_length())
        factors = constant(weights, bits)
        return MatrixVectorOp(x, factors, wide, pe=pe, simd=simd, memory=memory, regrouped=regrouped)

    return Point(f"matrix {rows}x{columns}, PE {pe}, SIMD {simd}, {input_bits} bit, {what}{kind}", build)


def thresholds(channels: int, levels: int, bits: int, lanes: int, seed: int = 0) -> Point:
    rows = np.sort(random_codes((channels, levels), bits, seed), axis=1)

    def build() -> UnitOp:
        x, result = stream(codes(bits), lanes, 16 * max(channels, lanes)), codes(levels.bit_length() + 1)
        return ThresholdOp(x, constant(rows, bits), result, 0, lanes=lanes)

    return Point(f"{levels} thresholds of {channels}, {bits} bit, {lanes} lanes", build)


def requantize(
    channels: int, bits: int, factor_bits: int, made: int, lanes: int, *, floor: bool = False, seed: int = 0
) -> Point:
    """A multiplier and an addend for each channel; or rounded down, with addends of four low zeros."""
    rng = np.random.default_rng([channels, bits, seed])
    factors = rng.integers(1 << (factor_bits - 2), 1 << (factor_bits - 1), channels)
    addends = random_codes((channels,), bits + factor_bits - 4, seed) & (-16 if floor else -1)

    def build() -> UnitOp:
        x = stream(codes(bits), lanes, 16 * max(channels, lanes))
        given = constant(factors, factor_bits), constant(addends, bits + factor_bits - 4)
        clip = RangeAttr(-(1 << (made - 1)), (1 << (made - 1)) - 1)
        shift = max(bits + factor_bits - made - 1, 0)
        rounding = Rounding.FLOOR if floor else Rounding.HALF_EVEN
        return RequantizeOp(x, *given, codes(made), shift=shift, clip=clip, rounding=rounding, lanes=lanes)

    down = " down" if floor else ""
    return Point(f"requantise {channels}, {bits} x {factor_bits} to {made} bit{down}, {lanes} lanes", build)


def fifo(depth: int, bits: int, lanes: int) -> Point:
    return Point(f"FIFO of {depth} x {bits * lanes}", lambda: FifoOp(stream(codes(bits), lanes, 16 * lanes), depth))


def converter(taken: int, made: int, bits: int) -> Point:
    elements = 12 * taken * made
    return Point(
        f"{taken} to {made} lanes, {bits} bit", lambda: WidthConverterOp(stream(codes(bits), taken, elements), made)
    )


def join(kind: type[JoinOp], bits: int, other: int, lanes: int, times: int = 1, run: int = 0) -> Point:
    """`times`, `run`: of the second stream if it repeats its elements."""
    width = bits + other if kind is MulOp else max(bits, other) + 1
    repeats = (times, run) if times > 1 else None

    def build() -> UnitOp:
        elements = times * run if repeats else 16 * lanes
        alone = repeats is not None and run == 1
        streams = stream(codes(bits), lanes, elements), stream(codes(other), 1 if alone else lanes, elements // times)
        return kind(*streams, codes(width), lanes=lanes, repeats=repeats)

    repeated = f", runs of {run} {times} times" if repeats else ""
    return Point(f"{kind.name.removeprefix('dataflow.')} of {bits} and {other} bit, {lanes} lanes{repeated}", build)


def arg_max(elements: int, bits: int, lanes: int) -> Point:
    return Point(
        f"arg max of {elements}, {bits} bit, {lanes} lanes", lambda: ArgMaxOp(stream(codes(bits), lanes, elements))
    )


SIGNS, TERNARY, FEW = (-1, 1), (-1, 0, 1), (-7, -2, 0, 3, 6)
COLUMNS = Window((1, 5), (1, 2), (0, 2, 0, 2), (1, 1))  # of signals
ASYMMETRIC = Window((2, 3), (2, 1), (1, 0, 0, 2), (1, 1))
BLOCK, DISTRIBUTED = Memory.BLOCK, Memory.DISTRIBUTED

SWEEP = (
    window((32, 32, 16), square(3), 8, 1),
    window((32, 32, 16), square(3), 8, 8),
    window((32, 32, 16), square(3, 2), 4, 16),
    window((28, 28, 1), square(5), 8, 1),
    window((8, 8, 64), square(3), 4, 4),
    window((8, 8, 64), square(1, 2), 8, 4),
    window((24, 24, 32), square(2, 2, padded=False), 8, 4, depthwise=True),
    window((49, 10, 8), square(3), 8, 2, depthwise=True),
    window((1, 64, 4), COLUMNS, 8, 1),
    window((12, 12, 6), square(3, padded=False), 6, 2, memory=DISTRIBUTED),
    window((16, 16, 8), square(3, dilation=2), 4, 4, memory=BLOCK),
    windows((16, 16, 4), 3, 1, 8),
    windows((28, 28, 1), 5, 2, 8),
    part((16, 16, 8), (2, 3, 0), (12, 10, 8), (1, 1, 1), 8),
    part((20, 20, 4), (0, 1, 0), (10, 9, 4), (2, 2, 1), 6),
    part((8, 8, 32), (0, 0, 8), (8, 8, 16), (1, 1, 1), 8),
    pool_of_windows(16, 8, 4),
    pool_of_windows(8, 6, 2, total=True, size=3),
    pool(64, 64, 8, 1, total=True),
    pool(64, 64, 4, 8, total=True),
    pool(16, 64, 8, 4, total=False),
    pool(256, 16, 8, 1, total=True),
    depthwise(16, 3, 4, 4, 4),
    depthwise(64, 3, 4, 4, 2),
    depthwise(16, 3, 8, 8, 4),
    depthwise(8, 5, 8, 3, 1),
    depthwise(32, 3, 3, 2, 8),
    lookup(1, 4, 4, 4),
    lookup(1, 8, 8, 2),
    lookup(8, 4, 4, 2),
    lookup(16, 8, 8, 1),
    lookup(1, 8, 8, 4, smooth=True),
    lookup(1, 6, 5, 4, smooth=True),
    lookup(1, 8, 8, 2, memory=BLOCK),
    lookup(4, 5, 8, 4),
    upsample((16, 16, 8), (2, 2), 8, 2),
    upsample((8, 8, 64), (2, 2), 4, 8),
    upsample((1, 32, 4), (1, 3), 8, 1),
    to_space((16, 16, 4), (2, 2), 8, 1),
    to_space((8, 8, 36), (3, 3), 4, 2),
    to_space((10, 10, 16), (2, 2), 8, 4),
    interleave((8, 8, 16), (2, 2), 8, 4),
    interleave((9, 9, 4), (3, 3), 6, 2),
    interleave((16, 16, 1), (1, 2), 12, 1),
    concat((8, 8), 8, 4),
    concat((4, 8, 12), 6, 2),
    concat((16, 16, 16, 16, 16), 4, 8),
    fork(2, 8, 4),
    fork(3, 4, 8),
    fork(5, 8, 1),
    matrix_vector(64, 64, 1, 4, 4, 4),
    matrix_vector(64, 64, 4, 16, 2, 2),
    matrix_vector(64, 128, 8, 16, 4, 4),
    matrix_vector(32, 144, 2, 9, 8, 8),
    matrix_vector(16, 32, 4, 4, 6, 3),
    matrix_vector(64, 256, 2, 32, 1, 2),
    matrix_vector(64, 256, 4, 32, 1, 2, values=SIGNS),
    matrix_vector(32, 64, 4, 8, 4, 2, values=TERNARY, vectors=4),
    matrix_vector(16, 27, 4, 9, 8, 2, values=SIGNS, vectors=4),
    matrix_vector(32, 32, 2, 8, 8, 4, signed=False),
    matrix_vector(32, 64, 4, 8, 3, 3, signed=False, memory=BLOCK),
    matrix_vector(10, 64, 1, 2, 8, 8),
    matrix_vector(16, 16, 16, 16, 4, 4, vectors=4),
    matrix_vector(16, 32, 4, 4, 8, 6, memory=DISTRIBUTED),
    matrix_vector(8, 18, 8, 18, 4, 3, vectors=4),
    matrix_vector(32, 64, 2, 8, 6, 4, values=FEW, regrouped=True),
    thresholds(1, 15, 16, 2),
    thresholds(64, 15, 16, 1),
    thresholds(64, 3, 12, 4),
    thresholds(16, 255, 20, 1),
    thresholds(32, 1, 10, 2),
    thresholds(8, 7, 12, 8),
    requantize(16, 20, 13, 8, 1),
    requantize(64, 18, 13, 8, 2),
    requantize(1, 16, 10, 8, 4),
    requantize(32, 24, 16, 4, 1),
    requantize(16, 26, 12, 8, 1),
    requantize(16, 20, 19, 8, 1),
    requantize(16, 30, 20, 8, 1),
    requantize(16, 48, 12, 8, 1),
    requantize(1, 24, 20, 8, 1),
    requantize(1, 20, 24, 8, 1),
    requantize(64, 19, 24, 8, 1, floor=True),
    fifo(16, 8, 4),
    fifo(200, 4, 8),
    fifo(2000, 8, 2),
    fifo(2, 8, 1),
    fifo(32, 2, 32),
    fifo(64, 4, 3),
    fifo(600, 16, 2),
    converter(2, 12, 8),
    converter(16, 6, 4),
    converter(16, 2, 8),
    converter(1, 9, 8),
    converter(4, 6, 3),
    *(join(AddOp, *numbers) for numbers in ((8, 8, 4), (12, 8, 2), (4, 4, 16), (8, 8, 2, 64, 16))),
    *(join(SubOp, *numbers) for numbers in ((8, 8, 4), (12, 6, 3))),
    *(join(MulOp, *numbers) for numbers in ((8, 8, 4), (4, 4, 8), (2, 3, 8), (20, 8, 2), (8, 6, 4, 16, 1))),
    *(join(MulOp, *numbers) for numbers in ((8, 8, 2, 196, 32), (8, 8, 1, 49, 256), (4, 4, 4, 64, 4))),
    arg_max(10, 16, 1),
    arg_max(32, 8, 4),
    arg_max(12, 20, 2),
    arg_max(16, 10, 16),
)

HELD_OUT = (
    window((20, 24, 12), square(5), 4, 3),
    window((14, 14, 32), square(3, 2), 8, 4),
    window((30, 30, 3), square(7), 8, 3),
    window((10, 49, 4), square(3), 6, 1, depthwise=True),
    window((9, 13, 8), ASYMMETRIC, 8, 2),
    windows((12, 20, 3), 3, 2, 6),
    part((30, 12, 6), (5, 0, 0), (20, 12, 6), (1, 1, 1), 8),
    part((9, 33, 12), (1, 2, 4), (3, 10, 8), (2, 3, 1), 4),
    pool_of_windows(12, 4, 6),
    pool(48, 49, 8, 2, total=True),
    pool(32, 100, 6, 8, total=False),
    depthwise(24, 3, 6, 4, 3, seed=1),
    depthwise(40, 3, 8, 8, 2, seed=1),
    depthwise(12, 4, 4, 2, 6, seed=1),
    lookup(1, 7, 6, 2),
    lookup(6, 6, 4, 3),
    lookup(1, 10, 8, 1, smooth=True),
    upsample((12, 10, 6), (2, 2), 6, 3),
    upsample((7, 7, 32), (3, 2), 8, 4),
    to_space((12, 9, 8), (2, 2), 6, 2),
    to_space((6, 6, 64), (4, 4), 8, 4),
    interleave((12, 10, 6), (2, 2), 4, 3),
    interleave((8, 8, 8), (4, 2), 8, 2),
    concat((6, 3), 12, 3),
    concat((8, 4, 4, 16), 8, 4),
    fork(4, 6, 2),
    fork(6, 3, 4),
    matrix_vector(48, 96, 2, 6, 4, 4, seed=1),
    matrix_vector(40, 80, 5, 8, 3, 2, seed=1),
    matrix_vector(24, 60, 3, 12, 5, 3, seed=1),
    matrix_vector(20, 128, 4, 16, 2, 4, seed=1, signed=False),
    matrix_vector(48, 72, 4, 6, 8, 8, seed=1),
    matrix_vector(96, 96, 3, 24, 1, 2, seed=1, values=SIGNS),
    matrix_vector(24, 48, 6, 12, 6, 2, seed=1, values=TERNARY),
    matrix_vector(12, 24, 2, 3, 7, 5, seed=1, signed=False),
    matrix_vector(24, 48, 4, 6, 5, 4, seed=1, values=FEW, regrouped=True),
    thresholds(1, 31, 12, 3, seed=1),
    thresholds(48, 7, 14, 2, seed=1),
    thresholds(24, 2, 16, 3, seed=1),
    thresholds(128, 15, 10, 1, seed=1),
    requantize(24, 16, 12, 6, 3, seed=1),
    requantize(1, 22, 14, 8, 2, seed=1),
    requantize(24, 22, 24, 8, 2, seed=1),
    requantize(40, 34, 22, 6, 1, seed=1),
    requantize(1, 28, 18, 8, 2, seed=1),
    requantize(48, 21, 23, 8, 2, floor=True, seed=1),
    requantize(32, 18, 26, 7, 1, floor=True, seed=1),
    fifo(24, 6, 3),
    fifo(100, 8, 3),
    fifo(1024, 4, 4),
    fifo(5, 4, 10),
    converter(3, 24, 6),
    converter(20, 4, 6),
    converter(9, 6, 5),
    *(join(AddOp, *numbers) for numbers in ((10, 6, 3), (16, 16, 1), (6, 9, 3, 25, 24))),
    join(SubOp, 7, 10, 5),
    *(join(MulOp, *numbers) for numbers in ((7, 5, 3), (3, 4, 6), (9, 8, 4, 100, 48), (5, 5, 2, 32, 1))),
    arg_max(20, 12, 1),
    arg_max(24, 14, 3),
)


def missing(points: Sequence[Point]) -> list[str]:
    """Names of the dataflow ops that no point makes."""
    made = {type(point.build()) for point in points}
    return sorted(op.name for op in UNITS if op not in made)
