# SPDX-License-Identifier: Apache-2.0
"""Convolutional networks: passes keep every bit, the hardware computes it, when it was predicted."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.cost import predict_timing, total_cost
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.reference import compile_function
from xdsl.dialects.builtin import ModuleOp

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware, check_verilog
from images import RandomImages
from networks import fold_at_random, run_passes
from units import check_range

FINISH = "q-insert-width-converters,q-insert-fifos"


def finished(seed: int) -> tuple[ModuleOp, np.ndarray, np.ndarray]:
    """(a random network, folded by the pass or at random, with converters and FIFOs; inputs, expected outputs)."""
    images = RandomImages(random.Random(seed))
    module = images.module()
    x = images.inputs(3)
    expected = np.asarray(compile_function(module).run_codes({0: x})[0])
    check_range(module, expected)
    module = run_passes(module, "q-insert-forks")
    if seed % 3 == 0:
        return run_passes(module, f"q-set-folding{{cycles={images.rnd.randint(600, 2000)}}},{FINISH}"), x, expected
    fold_at_random(module, images.rnd)
    return run_passes(module, FINISH), x, expected


@pytest.mark.parametrize("seed", range(30))
def test_passes_keep_every_bit(seed: int) -> None:
    module, x, expected = finished(seed)
    assert np.array_equal(np.asarray(compile_function(module).run_codes({0: x})[0]), expected), seed
    units = unit_graph(hardware_function(module))
    assert predict_timing(units).timing.initiation_interval == total_cost(units).cycles, seed


@pytest.mark.parametrize("seed", range(100, 112))
def test_hardware_computes_and_keeps_time_as_predicted(seed: int) -> None:
    check_hardware(*finished(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [200, 203])
def test_verilog_computes_the_same(seed: int, tmp_path: Path) -> None:
    check_verilog(*finished(seed), tmp_path)
