# SPDX-License-Identifier: Apache-2.0
"""Area of single units of images after synthesis by Yosys (7-Series), beside the estimate that folding goes by."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.back import verilog
from common import arguments, publish, table
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import missing_yosys, synthesise
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.cost import unit_cost
from qopt_mlir.qdialect.dataflow import (
    DepthwiseOp,
    MaxPoolOp,
    SlidingWindowOp,
    StreamType,
    SumPoolOp,
    TableOp,
    UnitOp,
    UpsampleOp,
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
)


def row(unit: Unit, folder: Path) -> tuple[object, ...]:
    op, file = unit.op(), folder / "unit.v"
    file.write_text(verilog.convert(component(op), name="unit"))
    counted, cost = synthesise([file], "unit"), unit_cost(op)
    bits = unit.element.format.word_length
    areas = [
        value for pair in ((getattr(counted, k), getattr(cost, k)) for k in ("lut", "ff", "bram18")) for value in pair
    ]
    return (unit.label, unit.lanes, bits, *areas, counted.dsp, cost.dsp)


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
    pairs = [heading for kind in ("LUT", "FF", "BRAM18", "DSP") for heading in (kind, "estimated")]
    publish(__file__, "Area of units of images", [table(["unit", "lanes", "bits", *pairs], rows)], options.write)


if __name__ == "__main__":
    main()
