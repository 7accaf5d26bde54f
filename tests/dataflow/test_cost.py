# SPDX-License-Identifier: Apache-2.0
"""Costs against the components: latency and interval exactly, area within a factor of what Yosys counts."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from amaranth.back import verilog
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import missing_yosys, synthesise
from qopt_mlir.qdialect.cost import UNITS, unit_cost, unit_stages
from qopt_mlir.qdialect.cost.timing import chain, simulate
from qopt_mlir.qdialect.cost.unit import bram18
from qopt_mlir.qdialect.dataflow import UnitOp, hardware_function, unit_graph
from xdsl.dialects.builtin import ModuleOp

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2] / "benchmarks"))
from graphs import RandomGraph
from images import RandomImages
from networks import RandomNetwork, fold_at_random, run_passes
from test_transposed_networks import hardware as transposed
from unit_sweep import HELD_OUT, SWEEP, missing


def random_module(seed: int, sizes: list[int]) -> ModuleOp:
    rnd = random.Random(seed)
    module = run_passes(RandomNetwork(rnd, sizes).module(), "q-convert-to-dataflow")
    fold_at_random(module, rnd)
    return run_passes(module, "q-insert-width-converters,q-insert-fifos")


def random_graph(seed: int, kind: type[RandomGraph | RandomImages] = RandomGraph) -> ModuleOp:
    graph = kind(random.Random(seed))
    module = run_passes(graph.module(), "q-insert-forks")
    fold_at_random(module, graph.rnd)
    return run_passes(module, "q-insert-width-converters,q-insert-fifos")


def units(module: ModuleOp) -> list[UnitOp]:
    return unit_graph(hardware_function(module))


def test_latency_and_cycles_are_those_of_the_units() -> None:
    seen: set[type[UnitOp]] = set()
    modules = [random_module(seed, [12, 8, 6, 4]) for seed in range(400, 440)]
    modules += [random_graph(seed, kind) for seed in range(10) for kind in (RandomGraph, RandomImages)]
    modules += [transposed(seed)[0] for seed in range(8)]
    for seed, module in enumerate(modules):
        for unit in units(module):
            seen.add(type(unit))
            cost = unit_cost(unit)
            assert cost.latency == component(unit).latency, (seed, unit.name)
            if len(unit.streams_in) == len(unit.streams_out) == 1:
                alone = simulate(chain(unit_stages(unit), unit.input_type.beats))
                assert alone.initiation_interval == max(cost.cycles, unit.result_type.beats), (seed, unit.name)
    seen |= {type(point.build()) for point in (*SWEEP, *HELD_OUT)}
    assert seen == set(UNITS), "every kind of unit occurs"


def test_every_unit_is_in_the_sweep_of_areas() -> None:
    assert missing(SWEEP) == []
    assert missing(HELD_OUT) == []
    assert missing(SWEEP[:1]) != []
    for point in (*SWEEP, *HELD_OUT):
        unit = point.build()
        unit.verify()
        assert unit_cost(unit).latency == component(unit).latency, point.label


# LUT, FF, BRAM18 and DSP that Yosys counts, of benchmarks/unit_area.py: one unit for each cause of cost.
COUNTED = {
    "matrix 64x64, PE 1, SIMD 4, 4 bit, 4-bit weights": (103, 146, 1, 0),
    "matrix 32x64, PE 4, SIMD 8, 4 bit, 3 values": (383, 481, 0, 0),
    "matrix 48x72, PE 4, SIMD 6, 8 bit, 8-bit weights": (1315, 1175, 0, 24),
    "depthwise 16 x 9, 4 bit, 4-bit weights, PE 4": (122, 143, 0, 0),
    "15 thresholds of 128, 10 bit, 1 lanes": (284, 113, 1, 0),
    "table of 1, 8 to 8 bit, 2 lanes": (103, 17, 0, 0),
    "FIFO of 600 x 32": (92, 63, 2, 0),
    "16 to 6 lanes, 4 bit": (182, 392, 0, 0),
    "arg max of 32, 8 bit, 4 lanes": (59, 53, 0, 0),
    "concat 8+4+4+16, 8 bit, 4 lanes": (78, 36, 0, 0),
    "mul of 8 and 8 bit, 2 lanes, runs of 32 196 times": (42, 18, 0, 2),
    "add of 12 and 8 bit, 2 lanes": (28, 27, 0, 0),
}


@pytest.mark.parametrize("label", COUNTED)
def test_estimates_are_near_what_yosys_counted(label: str) -> None:
    (unit,) = (point.build() for point in (*SWEEP, *HELD_OUT) if point.label == label)
    cost, (lut, ff, blocks, dsp) = unit_cost(unit), COUNTED[label]
    assert abs(cost.lut - lut) <= max(lut // 10, 5), cost
    assert abs(cost.ff - ff) <= max(ff // 10, 3), cost
    assert (cost.bram18, cost.dsp) == (blocks, dsp), cost


def test_more_lanes_cost_more_and_take_less() -> None:
    for seed in range(440, 450):
        for unit in units(run_passes(random_module(seed, [12, 8, 6]), "q-set-folding{cycles=2}")):
            foldings = unit.foldings()  # pyright: ignore[reportAttributeAccessIssue]
            costs = {folding: unit_cost(unit, folding) for folding in foldings}
            assert costs[max(foldings)].cycles == min(cost.cycles for cost in costs.values())
            assert costs[min(foldings)].cycles == max(cost.cycles for cost in costs.values())


@pytest.mark.parametrize(
    ("depth", "width", "blocks"), [(16384, 1, 1), (512, 36, 1), (513, 36, 2), (1024, 18, 1), (1025, 19, 3), (1, 72, 2)]
)
def test_block_memories(depth: int, width: int, blocks: int) -> None:
    assert bram18(depth, width) == blocks


@pytest.mark.slow
@pytest.mark.skipif(missing_yosys() is not None, reason=f"no Yosys: {missing_yosys()}")
@pytest.mark.parametrize("seed", [500, 501, 502])
def test_area_is_near_what_yosys_counts(seed: int, tmp_path: Path) -> None:
    module = run_passes(random_module(seed, [64, 32, 16]), "q-set-folding{cycles=128}")
    for index, unit in enumerate(units(module)):
        file = tmp_path / f"unit_{index}.v"
        file.write_text(verilog.convert(component(unit), name="unit"))
        counted, cost = synthesise([file], "unit"), unit_cost(unit)
        assert cost.lut <= 2 * counted.lut + 50, (seed, unit.name, cost, counted)
        assert counted.lut <= 2 * cost.lut + 50, (seed, unit.name, cost, counted)
        assert cost.dsp == counted.dsp, (seed, unit.name, cost, counted)
