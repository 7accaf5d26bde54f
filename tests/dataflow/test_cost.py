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
from graphs import RandomGraph
from images import RandomImages
from networks import RandomNetwork, fold_at_random, run_passes
from test_transposed_networks import hardware as transposed


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
    assert seen == set(UNITS), "every kind of unit occurs"


def test_more_lanes_cost_more_and_take_less() -> None:
    for seed in range(440, 450):
        for unit in units(run_passes(random_module(seed, [12, 8, 6]), "q-set-folding{cycles=2}")):
            foldings = unit.foldings()  # pyright: ignore[reportAttributeAccessIssue]
            costs = {folding: unit_cost(unit, folding) for folding in foldings}
            assert costs[max(foldings)].cycles == min(cost.cycles for cost in costs.values())
            assert costs[min(foldings)].cycles == max(cost.cycles for cost in costs.values())


@pytest.mark.parametrize(
    ("depth", "width", "blocks"), [(16384, 1, 1), (512, 36, 1), (513, 36, 2), (1024, 18, 1), (1025, 19, 4), (1, 72, 2)]
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
