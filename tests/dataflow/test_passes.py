# SPDX-License-Identifier: Apache-2.0
"""Every pass to and on the dataflow level keeps every output bit; the hardware made from it too, cycle for cycle."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.qdialect.reference import compile_function
from xdsl.dialects.builtin import ModuleOp

sys.path.insert(0, str(Path(__file__).parent))
from hardware_check import check_hardware
from networks import RandomNetwork, fold_at_random, run_passes

FINISH = "q-insert-width-converters,q-insert-fifos"


def random_network(seed: int) -> tuple[RandomNetwork, ModuleOp]:
    rnd = random.Random(seed)
    sizes = [rnd.choice([1, 3, 4, 6, 8, 12]) for _ in range(rnd.randint(2, 4))]
    network = RandomNetwork(rnd, sizes)
    return network, network.module()


@pytest.mark.parametrize("seed", range(60))
def test_passes_keep_every_bit(seed: int) -> None:
    network, typed = random_network(seed)
    x = network.inputs(16)
    expected = compile_function(typed).run_codes({0: x})[0]
    converted = run_passes(typed, "q-convert-to-dataflow")
    random_fold = converted.clone()
    fold_at_random(random_fold, network.rnd)
    variants = [
        converted,
        run_passes(converted, "q-set-folding"),
        run_passes(converted, f"q-set-folding{{cycles={network.rnd.randint(24, 100)}}},{FINISH}"),
        random_fold,
        run_passes(random_fold, FINISH),
        run_passes(run_passes(random_fold, FINISH), f"q-set-folding,{FINISH}"),
    ]
    for module in variants:
        actual = compile_function(module).run_codes({0: x})[0]
        assert np.array_equal(np.asarray(actual), np.asarray(expected)), seed


@pytest.mark.parametrize("seed", range(100, 112))
def test_passes_run_twice_change_nothing_more(seed: int) -> None:
    _, typed = random_network(seed)
    for pipeline in (
        "q-convert-to-dataflow",
        "q-set-folding{cycles=30}",
        "q-insert-width-converters",
        "q-insert-fifos",
    ):
        typed = run_passes(typed, pipeline)
        assert str(run_passes(typed, pipeline)) == str(typed), pipeline


@pytest.mark.parametrize("seed", range(200, 224))
def test_hardware_computes_and_keeps_time_as_predicted(seed: int) -> None:
    network, typed = random_network(seed)
    module = run_passes(typed, "q-convert-to-dataflow")
    fold_at_random(module, network.rnd)
    module = run_passes(module, "q-insert-width-converters" if seed % 3 == 0 else FINISH)
    x = network.inputs(6)
    check_hardware(module, x, np.asarray(compile_function(typed).run_codes({0: x})[0]))
