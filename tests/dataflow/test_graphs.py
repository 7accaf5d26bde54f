# SPDX-License-Identifier: Apache-2.0
"""Graphs with forks and joins: passes keep every bit, the hardware computes it, when it was predicted."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.passes.fifo_sizing import LEAST_DEPTH
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.cost import predict_timing, total_cost, unit_network
from qopt_mlir.qdialect.cost.timing import Deadlock, check_progress
from qopt_mlir.qdialect.dataflow import FifoOp, ForkOp, hardware_function, unit_graph
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.reference import compile_function
from xdsl.dialects.builtin import ModuleOp

sys.path.insert(0, str(Path(__file__).parent))
from graphs import RandomGraph
from hardware_check import check_hardware, check_verilog
from networks import fold_at_random, run_passes

FINISH = "q-insert-width-converters,q-insert-fifos"


def finished(seed: int) -> tuple[ModuleOp, np.ndarray, np.ndarray]:
    """(a random graph, folded at random, with converters and FIFOs; inputs, expected outputs)."""
    graph = RandomGraph(random.Random(seed))
    module = graph.module()
    x = graph.inputs(4)
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    module = run_passes(module, "q-insert-forks")
    fold_at_random(module, graph.rnd)
    return run_passes(module, FINISH), x, expected


@pytest.mark.parametrize("seed", range(40))
def test_passes_keep_every_bit(seed: int) -> None:
    graph = RandomGraph(random.Random(seed))
    module = graph.module()
    x = graph.inputs(8)
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    forked = run_passes(module, "q-insert-forks")
    (returned,) = hardware_function(forked).body.block.last_op.operands
    proven = analyse(forked)[returned]
    assert (proven.lo <= expected).all()
    assert (expected <= proven.hi).all()
    folded = run_passes(forked, f"q-set-folding,{FINISH}")
    quick = run_passes(folded, f"q-set-folding{{cycles={graph.rnd.randint(24, 200)}}},{FINISH}")
    for variant in (forked, folded, quick, finished(seed)[0]):
        assert np.array_equal(np.asarray(compile_function(variant).run_codes({0: x})[0]), expected), seed
    assert str(run_passes(folded, FINISH)) == str(folded)


@pytest.mark.parametrize("seed", range(100, 124))
def test_hardware_computes_and_keeps_time_as_predicted(seed: int) -> None:
    check_hardware(*finished(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [200, 201])
def test_verilog_computes_the_same(seed: int, tmp_path: Path) -> None:
    check_verilog(*finished(seed), tmp_path)


def test_fifos_keep_the_pace_of_the_busiest_unit() -> None:
    forks = 0
    for seed in range(300, 320):
        units = unit_graph(hardware_function(finished(seed)[0]))
        forks += any(isinstance(unit, ForkOp) for unit in units)
        assert predict_timing(units).timing.initiation_interval == total_cost(units).cycles, seed
    assert forks > 10


def test_a_shallow_fifo_that_stops_the_graph_is_refused() -> None:
    refused = 0
    for seed in range(300, 320):
        module, _, _ = finished(seed)
        for number, fifo in enumerate(unit_graph(hardware_function(module))):
            if not isinstance(fifo, FifoOp) or fifo.depth <= LEAST_DEPTH:
                continue
            shallow = module.clone()
            units = unit_graph(hardware_function(shallow))
            units[number].properties["depth"] = FifoOp(units[number].operands[0], 1).properties["depth"]
            try:
                check_progress(unit_network(units)[0])
            except Deadlock:
                refused += 1
                with pytest.raises(QoptError, match=r"the hardware can stop for ever between dataflow\.fork.* and "):
                    predict_timing(units)
    assert refused > 3
