# SPDX-License-Identifier: Apache-2.0
"""FIFOs of networks of images: as fast as the busiest unit, no deeper than they need be, without a deadlock."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.simulators import missing_engine, simulate
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect import cost
from qopt_mlir.qdialect.cost import predict_timing, total_cost
from qopt_mlir.qdialect.cost.timing import FEW_BEATS, Unsettled
from qopt_mlir.qdialect.dataflow import (
    FifoOp,
    MatrixVectorOp,
    SlidingWindowOp,
    StreamType,
    SumPoolOp,
    UnitOp,
    hardware_function,
    unit_graph,
)
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q.window import Window
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.types import FixedType, fixed_type
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, SSAValue

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import codes_of, stimulus_for
from images import RandomImages
from networks import random_codes, run_passes
from units import constant, module_of

RESNET8 = Path(__file__).parents[3] / "shared" / "data" / "models" / "mlperftiny_ic_resnet8_int8.onnx"
ELEMENT = FixedType(4, 0)


def units_of(module: ModuleOp) -> list[UnitOp]:
    return unit_graph(hardware_function(module))


def depths(module: ModuleOp) -> list[int]:
    return [unit.depth for unit in units_of(module) if isinstance(unit, FifoOp)]


def matrix(stream: SSAValue, rows: int, columns: int) -> SSAValue:
    weights = np.random.default_rng(rows).integers(-1, 2, (rows, columns))
    return MatrixVectorOp(stream, constant(weights, FixedType(2, 0)), fixed_type(IntRange(-512, 512), 0)).result


def test_a_window_behind_a_busy_unit_does_not_slow_it() -> None:
    """Its rows are full at times; without room before it, the unit before would lose these cycles."""
    image, window = (8, 8, 4), Window((2, 2), (1, 1), (2, 2, 2, 2), (1, 1))
    module = module_of(ELEMENT, (8, 8, 8), lambda x: SlidingWindowOp(matrix(x, 4, 8), image, window).result)
    busiest = total_cost(units_of(module)).cycles
    assert predict_timing(units_of(module)).timing.initiation_interval > busiest
    sized = run_passes(module, "q-insert-fifos")
    assert predict_timing(units_of(sized)).timing.initiation_interval == busiest
    (depth,) = depths(sized)
    for fifo in (unit for unit in units_of(sized) if isinstance(unit, FifoOp)):
        fifo.properties["depth"] = IntegerAttr(depth - 1, i64)
    assert predict_timing(units_of(sized)).timing.initiation_interval > busiest


def test_windows_wait_where_their_rows_are() -> None:
    """An unlimited FIFO behind a window would hold a third of the image; it needs no more than a vector."""
    image, window = (24, 24, 2), Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    module = module_of(ELEMENT, image, lambda x: matrix(SlidingWindowOp(x, image, window).result, 4, 18))
    sized = run_passes(module, "q-insert-fifos")
    assert sum(unit.result_type.beats for unit in units_of(sized)) > FEW_BEATS
    (depth,) = depths(sized)
    assert depth <= 18
    assert predict_timing(units_of(sized)).timing.initiation_interval == total_cost(units_of(sized)).cycles


def test_a_frame_that_is_too_long_is_refused() -> None:
    block = Block(arg_types=[StreamType(ELEMENT, 1, 1 << 28)])
    units: list[UnitOp] = [FifoOp(block.args[0], 2)]
    with pytest.raises(QoptError, match=r"a frame has \d+ beats in all streams, the simulation holds \d+") as refused:
        predict_timing(units)
    assert "more lanes" in str(refused.value)


def test_a_timing_that_is_not_found_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsettled(*_: object, **__: object) -> None:
        raise Unsettled(1)

    monkeypatch.setattr(cost, "simulate", unsettled)
    block = Block(arg_types=[StreamType(ELEMENT, 1, 4)])
    with pytest.raises(QoptError, match="wait for each other so often that their timing is not found"):
        predict_timing([FifoOp(block.args[0], 2)])


def test_a_burst_behind_a_pool_does_not_slow_it() -> None:
    """Its sums of a frame come at once, faster than the converter behind it takes them."""
    type_ = fixed_type(IntRange(-128, 112), 0)
    module = module_of(
        ELEMENT,
        (4, 4, 8),
        lambda x: matrix(SumPoolOp(x, type_, taps=16, channels=8, lanes=4).result, 2, 8),
        4,
    )
    sized = run_passes(module, "q-insert-width-converters,q-insert-fifos")
    assert predict_timing(units_of(sized)).timing.initiation_interval == total_cost(units_of(sized)).cycles
    (pool,) = (unit for unit in units_of(sized) if isinstance(unit, SumPoolOp))
    assert any(isinstance(use.operation, FifoOp) for use in pool.result.uses)


@pytest.mark.parametrize("seed", [7, 26, 43, 50, 68, 82, 99, 147])
def test_a_target_is_kept_behind_bursts(seed: int) -> None:
    """Networks in which FIFOs before windows and matrices alone leave the whole slower than its busiest unit."""
    rnd = random.Random(seed)
    images = RandomImages(rnd)
    images.shape = (rnd.randint(4, 8), rnd.choice([4, 6, 8]), rnd.choice([2, 4, 8]))
    module = run_passes(images.module(), "q-insert-forks")
    target = units_of(module)[0].input_type.elements * rnd.choice([1, 2, 3, 5]) // 2
    units = units_of(run_passes(module, f"q-set-folding{{cycles={target}}},q-insert-width-converters,q-insert-fifos"))
    assert predict_timing(units).timing.initiation_interval == total_cost(units).cycles <= target


@pytest.mark.slow
@pytest.mark.skipif(not RESNET8.is_file(), reason="the model collection beside the checkout is absent")
@pytest.mark.skipif(missing_engine("verilator") is not None, reason=f"no Verilator: {missing_engine('verilator')}")
def test_resnet8_in_verilator_keeps_the_predicted_pace(tmp_path: Path) -> None:
    """Every bit and every frame's end as foretold, and with random pauses at both ends no deadlock."""
    module = run_passes(import_onnx(RESNET8), "q-to-typed,q-to-dataflow")
    units = units_of(module)
    timing = predict_timing(units).timing
    assert timing.initiation_interval == total_cost(units).cycles
    element = units[0].input_type.element_type
    x = random_codes(np.random.default_rng(8), element, (3, units[0].input_type.beats, units[0].input_type.lanes))
    hardware = compile_function(module, "hardware").run_codes({0: x})[0]
    files = verilog_files(module, "net")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for stall, frames in ((0.0, 3), (0.3, 2)):
        stimulus = replace(stimulus_for(module, x[:frames], stall), timeout_cycles=100_000)
        result = simulate(
            sources=[tmp_path / name for name in files],
            top="net",
            beats=stimulus.beats,
            num_output_beats=stimulus.num_output_beats,
            output_bytes=stimulus.output_bytes,
            engine="verilator",
            stall=stall,
        )
        assert np.array_equal(codes_of(module, result.beats), np.asarray(hardware)[:frames].reshape(-1)), stall
        if not stall:
            ends = result.output_cycles.reshape(frames, -1)[:, -1]
            assert np.diff(ends).tolist() == np.diff([timing.frame_end(frame) for frame in range(frames)]).tolist()
            assert int(ends[0] - result.input_cycles[0]) == timing.latency
