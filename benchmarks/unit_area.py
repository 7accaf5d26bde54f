# SPDX-License-Identifier: Apache-2.0
"""Area of single units after synthesis by Yosys (7-Series), beside the estimate that folding goes by.

What Yosys counts is kept by a digest of the Verilog, as in network_area.py.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.back import verilog
from common import arguments, publish, table
from network_area import synthesised
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import missing_yosys
from qopt_mlir.qdialect.attrs import DenseAttr, RangeAttr
from qopt_mlir.qdialect.cost import unit_cost
from qopt_mlir.qdialect.dataflow import (
    AddOp,
    ArgMaxOp,
    DepthwiseOp,
    FifoOp,
    MatrixVectorOp,
    MaxPoolOp,
    RequantizeOp,
    SlidingWindowOp,
    StreamType,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    UnitOp,
    UpsampleOp,
    WidthConverterOp,
)
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.types import FixedType
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, SSAValue

Shape = tuple[int, int, int]
Build = Callable[[SSAValue], UnitOp]


@dataclass(frozen=True)
class Unit:
    """A unit that takes a stream of images."""

    label: str
    element: FixedType
    image: Shape
    lanes: int
    build: Build

    def op(self) -> UnitOp:
        beats = self.image[0] * self.image[1] * self.image[2] // self.lanes
        block = Block(arg_types=[StreamType(self.element, self.lanes, beats)])
        return self.build(block.args[0])


def constant(codes: np.ndarray, type_: Attribute) -> SSAValue:
    return ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape))).result


def window(image: Shape, size: int, stride: int, bits: int, lanes: int, *, depthwise: bool = False) -> Unit:
    """A sliding window, padded to keep the size of the image."""
    pads = (size // 2,) * 4 if size % 2 else (0,) * 4
    geometry = Window((size, size), (stride, stride), pads, (1, 1))
    label = f"window {size}x{size}/{stride} of {image[0]}x{image[1]}x{image[2]}{' depthwise' if depthwise else ''}"
    return Unit(
        label,
        FixedType(bits, 0),
        image,
        lanes,
        lambda x: SlidingWindowOp(x, image, geometry, depthwise=depthwise, lanes=lanes),
    )


def pooled(image: Shape, bits: int, lanes: int, *, total: bool) -> Unit:
    """A pool over all pixels."""
    taps, wide = image[0] * image[1], FixedType(bits + (image[0] * image[1]).bit_length(), 0)
    return Unit(
        f"{'sum' if total else 'max'} of {image[0]}x{image[1]}x{image[2]}",
        FixedType(bits, 0),
        image,
        lanes,
        lambda x: (
            SumPoolOp(x, wide, taps=taps, channels=image[2], lanes=lanes)
            if total
            else MaxPoolOp(x, FixedType(bits, 0), taps=taps, channels=image[2], lanes=lanes)
        ),
    )


def pool_of_windows(image: Shape, bits: int, lanes: int) -> Unit:
    """The pool behind depthwise windows of 2 x 2."""
    geometry = Window((2, 2), (2, 2), (0,) * 4, (1, 1))

    def build(x: SSAValue) -> UnitOp:
        windows = SlidingWindowOp(x, image, geometry, depthwise=True, lanes=lanes)
        return MaxPoolOp(windows.result, FixedType(bits, 0), taps=4)

    return Unit("max of windows 2x2", FixedType(bits, 0), image, lanes, build)


def depthwise(channels: int, bits: int, lanes: int) -> Unit:
    """The sums behind depthwise windows of 3 x 3."""
    image, geometry = (16, 16, channels), Window((3, 3), (1, 1), (1,) * 4, (1, 1))
    rng = np.random.default_rng(channels)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (channels, 9))
    bias = rng.integers(-99, 99, channels)

    def build(x: SSAValue) -> UnitOp:
        windows = SlidingWindowOp(x, image, geometry, depthwise=True, lanes=lanes)
        factors, addend = constant(weights, FixedType(bits, 0)), constant(bias, FixedType(8, 0))
        return DepthwiseOp(windows.result, factors, FixedType(2 * bits + 4, 0), bias=addend)

    return Unit(f"depthwise 3x3x{channels}", FixedType(bits, 0), image, lanes, build)


def looked_up(channels: int, bits: int, lanes: int) -> Unit:
    """A table of random entries; channels 1: the same for all."""
    image = (4, 4, max(channels, lanes))
    entries = np.random.default_rng(bits).integers(-(1 << (bits - 1)), 1 << (bits - 1), (channels, 1 << bits))
    return Unit(
        f"table of {channels} channels",
        FixedType(bits, 0),
        image,
        lanes,
        lambda x: TableOp(x, constant(entries, FixedType(bits, 0)), lanes=lanes),
    )


def enlarged(image: Shape, factors: tuple[int, int], bits: int, lanes: int) -> Unit:
    return Unit(
        f"upsample {factors[0]}x{factors[1]} of {image[0]}x{image[1]}x{image[2]}",
        FixedType(bits, 0),
        image,
        lanes,
        lambda x: UpsampleOp(x, image, factors, lanes=lanes),
    )


def matrix_vector(rows: int, columns: int, pe: int, simd: int, input_bits: int, bits: int) -> Unit:
    """Random weights of all codes."""
    rng = np.random.default_rng(rows)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (rows, columns))
    wide = FixedType(input_bits + bits + columns.bit_length(), 0)
    return Unit(
        f"matrix-vector {rows}x{columns} PE {pe}, {bits}-bit weights",
        FixedType(input_bits, 0),
        (1, 1, columns),
        simd,
        lambda x: MatrixVectorOp(x, constant(weights, FixedType(bits, 0)), wide, pe=pe, simd=simd),
    )


def thresholds(channels: int, levels: int, bits: int, lanes: int) -> Unit:
    rng = np.random.default_rng(levels)
    rows = np.sort(rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (channels, levels)), axis=1)
    result = FixedType(levels.bit_length() + 1, 0)
    return Unit(
        f"{levels} thresholds of {channels} channels",
        FixedType(bits, 0),
        (4, 4, channels),
        lanes,
        lambda x: ThresholdOp(x, constant(rows, FixedType(bits, 0)), result, 0, lanes=lanes),
    )


def requantized(channels: int, bits: int, lanes: int) -> Unit:
    """Multipliers of 12 bits and addends of each channel, to 8 bits."""
    rng = np.random.default_rng(channels)
    factors, addends = rng.integers(1 << 11, 1 << 12, channels), rng.integers(-(1 << 20), 1 << 20, channels)

    def build(x: SSAValue) -> UnitOp:
        constants = constant(factors, FixedType(13, 0)), constant(addends, FixedType(21, 0))
        clip = RangeAttr(-128, 127)
        return RequantizeOp(x, *constants, FixedType(8, 0), shift=bits + 4, clip=clip, lanes=lanes)

    return Unit(f"requantise {channels} channels", FixedType(bits, 0), (4, 4, channels), lanes, build)


def queued(depth: int, bits: int, lanes: int) -> Unit:
    return Unit(f"FIFO of {depth}", FixedType(bits, 0), (16, 16, lanes), lanes, lambda x: FifoOp(x, depth))


def converted(elements: int, bits: int, lanes: int, to: int) -> Unit:
    return Unit(f"to {to} lanes", FixedType(bits, 0), (1, 1, elements), lanes, lambda x: WidthConverterOp(x, to))


def added(bits: int, lanes: int) -> Unit:
    return Unit(
        "sum of two streams",
        FixedType(bits, 0),
        (4, 4, 16),
        lanes,
        lambda x: AddOp(x, x, FixedType(bits + 1, 0), lanes=lanes),
    )


def largest(elements: int, bits: int, lanes: int) -> Unit:
    return Unit(f"largest of {elements}", FixedType(bits, 0), (1, 1, elements), lanes, ArgMaxOp)


UNITS = (
    window((32, 32, 16), 3, 1, 8, 1),
    window((32, 32, 16), 3, 1, 8, 8),
    window((32, 32, 16), 3, 2, 4, 16),
    window((28, 28, 1), 5, 1, 8, 1),
    window((8, 8, 64), 3, 1, 4, 4),
    window((8, 8, 64), 1, 2, 8, 4),
    window((24, 24, 32), 2, 2, 8, 4, depthwise=True),
    window((49, 10, 8), 3, 1, 8, 2, depthwise=True),
    window((1, 64, 4), 1, 2, 8, 4),
    pool_of_windows((16, 16, 16), 8, 4),
    pooled((8, 8, 64), 8, 1, total=True),
    pooled((8, 8, 64), 4, 8, total=True),
    pooled((8, 8, 16), 8, 4, total=False),
    pooled((4, 4, 256), 8, 1, total=True),
    depthwise(16, 4, 4),
    depthwise(64, 4, 2),
    depthwise(16, 8, 4),
    looked_up(1, 4, 4),
    looked_up(1, 8, 2),
    looked_up(8, 4, 2),
    looked_up(16, 8, 1),
    enlarged((16, 16, 8), (2, 2), 8, 2),
    enlarged((8, 8, 64), (2, 2), 4, 8),
    enlarged((1, 32, 4), (1, 3), 8, 1),
    matrix_vector(64, 64, 1, 4, 4, 4),
    matrix_vector(64, 64, 4, 16, 2, 2),
    matrix_vector(64, 128, 8, 16, 4, 4),
    matrix_vector(32, 144, 2, 9, 8, 8),
    matrix_vector(16, 32, 4, 4, 6, 3),
    matrix_vector(64, 256, 2, 32, 1, 2),
    thresholds(1, 15, 16, 2),
    thresholds(64, 15, 16, 1),
    thresholds(64, 3, 12, 4),
    thresholds(16, 255, 20, 1),
    requantized(16, 20, 1),
    requantized(64, 18, 2),
    queued(16, 8, 4),
    queued(200, 4, 8),
    queued(2000, 8, 2),
    converted(96, 8, 2, 12),
    converted(96, 4, 16, 6),
    added(8, 4),
    largest(10, 16, 1),
    largest(32, 8, 4),
)


def row(unit: Unit, folder: Path) -> tuple[object, ...]:
    op, file = unit.op(), folder / "unit.v"
    file.write_text(verilog.convert(component(op), name="unit"))
    counted, cost = synthesised([file], "unit"), unit_cost(op)
    bits = unit.element.format.word_length
    areas = [
        value for pair in ((getattr(counted, k), getattr(cost, k)) for k in ("lut", "ff", "bram18")) for value in pair
    ]
    error = f"{100 * (cost.lut / max(counted.lut, 1) - 1):+.0f} %"
    return (unit.label, unit.lanes, bits, *areas[:2], error, *areas[2:], counted.dsp, cost.dsp)


def summary(rows: list[tuple[object, ...]]) -> str:
    """How far the estimated look-up tables are off."""
    pairs = [(int(str(row[3])), int(str(row[4]))) for row in rows]
    near = sum(10 * abs(estimate - lut) <= lut for lut, estimate in pairs)
    close = sum(10 * abs(estimate - lut) <= max(lut, 100) for lut, estimate in pairs)
    lut, estimate = (sum(numbers) for numbers in zip(*pairs, strict=True))
    return (
        f"LUT: {near} of {len(pairs)} units within 10 %, {close} within 10 % or 10 LUT; "
        f"all together {100 * (estimate / lut - 1):+.1f} %."
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--match", default="", help="only units whose label has this in it")
    options = parser.parse_args()
    missing = missing_yosys()
    if missing:
        sys.exit(missing)
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for unit in UNITS:
            if options.match in unit.label:
                rows.append(row(unit, Path(scratch)))
                print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    pairs = [heading for kind in ("FF", "BRAM18", "DSP") for heading in (kind, "estimated")]
    titles = ["unit", "lanes", "bits", "LUT", "estimated", "error", *pairs]
    publish(__file__, "Area of units", [table(titles, rows), summary(rows)], options.write)


if __name__ == "__main__":
    main()
