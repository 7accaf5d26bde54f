# SPDX-License-Identifier: Apache-2.0
"""Several pixels at once: whole windows and several vectors of a matrix, in the cycles foretold."""

from __future__ import annotations

import random
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.hardware import component
from qopt_mlir.qdialect.cost import predict_timing, total_cost, unit_cost
from qopt_mlir.qdialect.dataflow import (
    MatrixVectorOp,
    SlidingWindowOp,
    ThresholdOp,
    hardware_function,
    stream_type,
    unit_graph,
)
from qopt_mlir.qdialect.dataflow.window_scan import WindowScan
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.types import BipolarType, FixedType, UFixedType, fixed_type, shape_of
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware, check_verilog
from networks import random_codes
from test_sliding_window import Case, random_case, windows
from units import check_ladder, constant, module_of, run_passes


def scans(case: Case) -> list[WindowScan]:
    """Every number of pixels that the case can have."""
    rows, columns = case.window.positions("case", case.image[:2])
    found = [
        WindowScan(*case.image[:2], case.window, (rows, columns), pixels)
        for pixels in range(1, columns + 1)
        if columns % pixels == 0
    ]
    return [scan for scan in found if scan.possible]


@pytest.mark.parametrize("seed", range(10))
def test_windows(seed: int) -> None:
    rnd = random.Random(seed)
    while not scans(case := random_case(rnd, 6)):
        pass
    scan = rnd.choice(scans(case))
    element, pad = rnd.choice([(FixedType(4, 1), rnd.choice([0, -8])), (BipolarType(), -1), (UFixedType(3, 0), 0)])
    module = module_of(
        element,
        case.image,
        lambda x: SlidingWindowOp(x, case.image, case.window, pad_value=pad, pixels=scan.pixels).result,
        scan.input_pixels * case.image[2],
    )
    check_ladder(module, lambda frame: windows(frame, case.window, pad), np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_matrices(seed: int) -> None:
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    pixels, vectors = rnd.choice([(2, 4), (3, 3), (3, 6), (5, 5)])
    rows, columns = rnd.randint(1, 4), rnd.randint(1, 7)
    element, weight = (rnd.choice([FixedType(4), BipolarType(), UFixedType(3), FixedType(7)]) for _ in range(2))
    weights = random_codes(rng, weight, (rows, columns))
    bias = rng.integers(-9, 9, rows)
    result = fixed_type(IntRange(-(1 << 15), (1 << 15) - 1), 0)
    module = module_of(
        element,
        (vectors, columns),
        lambda x: (
            MatrixVectorOp(
                x,
                constant(weights, weight),
                result,
                bias=constant(bias, FixedType(5)),
                pe=rows,
                simd=columns,
                pixels=pixels,
            ).result
        ),
        pixels * columns,
    )
    check_ladder(module, lambda frame: frame @ weights.T + bias, rng)


def layer(x: SSAValue, case: Case, channels: int, rng: np.random.Generator) -> tuple[SSAValue, tuple[int, int, int]]:
    """A convolution and thresholds, not folded; the image that they make."""
    height, width = case.window.positions("case", case.image[:2])
    stream = SlidingWindowOp(x, case.image, case.window).result if case.window.num_taps > 1 else x
    columns = case.window.num_taps * case.image[2]
    weights = rng.integers(-2, 2, (channels, columns))
    bound = 4 * columns * 4
    sums = MatrixVectorOp(stream, constant(weights, FixedType(2)), fixed_type(IntRange(-bound, bound), 0)).result
    levels = np.sort(rng.integers(-columns, columns, (channels, 3)), axis=1)
    type_: Attribute = stream_type(sums).element_type
    return ThresholdOp(sums, constant(levels, type_), FixedType(2), -2).result, (height, width, channels)


def network(seed: int) -> ModuleOp:
    """Two convolutions of a small image."""
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    same = Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    second = rnd.choice([same, Window((1, 1), (1, 1), (0,) * 4, (1, 1)), Window((2, 2), (2, 2), (0,) * 4, (1, 1))])
    image = (4, rnd.choice([4, 6, 8]), rnd.randint(1, 2))

    def body(x: SSAValue) -> SSAValue:
        y, shape = layer(x, Case(image, same), rnd.randint(1, 3), rng)
        return layer(y, Case(shape, second), 2, rng)[0]

    return module_of(FixedType(2), image, body)


def module_image(module: ModuleOp) -> tuple[int, ...]:
    """Rows, columns, channels of the input."""
    (main,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    return shape_of(main.args[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_target_beyond_a_pixel_a_cycle_is_reached(seed: int) -> None:
    module = network(seed)
    unit = unit_graph(hardware_function(module))[0]
    pixels = unit.input_type.elements // unit.image[2]  # pyright: ignore[reportAttributeAccessIssue]
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    target = rnd.choice([5 * pixels, 3 * pixels // 2, 3 * pixels // 4])
    folded = run_passes(module, f"q-set-folding{{cycles={target}}},q-insert-width-converters,q-insert-fifos")
    units = unit_graph(hardware_function(folded))
    together = [op.pixels for op in units if isinstance(op, MatrixVectorOp)]
    assert (max(together) > 1) == (target < pixels)
    assert predict_timing(units).timing.initiation_interval == total_cost(units).cycles <= target
    assert [component(op).latency for op in units] == [unit_cost(op).latency for op in units]
    x = random_codes(rng, FixedType(2), (3, *module_image(module)))
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    assert np.array_equal(np.asarray(compile_function(folded).run_codes({0: x})[0]), expected)
    check_hardware(folded, x, expected)


@pytest.mark.slow
def test_verilog_computes_the_same(tmp_path: Path) -> None:
    module = run_passes(network(0), "q-set-folding{cycles=14},q-insert-width-converters,q-insert-fifos")
    units = unit_graph(hardware_function(module))
    assert any(isinstance(unit, MatrixVectorOp) and unit.pixels > 1 for unit in units)
    x = random_codes(np.random.default_rng(0), FixedType(2), (3, units[0].input_type.elements))
    expected = np.asarray(compile_function(module).run_codes({0: x.reshape(3, *module_image(module))})[0])
    check_verilog(module, x, expected, tmp_path)


def test_a_pixel_at_once_needs_no_more_cycles_than_pixels() -> None:
    """Beyond the image's pixels only those of the border below, and one on its right."""
    scan = WindowScan(32, 32, Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)), (32, 32), 1)
    assert scan.steps == 33 * 32 + 1
    assert WindowScan(32, 32, Window((3, 3), (1, 1), (0,) * 4, (1, 1)), (30, 30), 1).steps == 32 * 32
    assert len(scan.makes) == prod(scan.positions)


def test_a_budget_alone_uses_what_there_is() -> None:
    module = network(1)
    cycles = [
        total_cost(unit_graph(hardware_function(run_passes(module, f"q-set-folding{{max-lut={lut}}}")))).cycles
        for lut in (2000, 1_000_000)
    ]
    assert cycles[1] < cycles[0]


def test_what_cannot_take_several_pixels_says_so() -> None:
    module = network(1)
    with pytest.raises(QoptError, match=r"needs at least \d+ cycles a frame, with \d+ lanes in and \d+ out"):
        run_passes(module, "q-set-folding{cycles=2}")
