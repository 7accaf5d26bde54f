# SPDX-License-Identifier: Apache-2.0
"""Any combination of formats and settings: the reference runs, text keeps it, and hardware gives the same bits."""

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Request, run_folder
from qopt_mlir.qdialect.text import module_text, new_context, parse_module

from .networks import frames_for, outputs, quantised
from .random_specifications import random_network, random_rules

SEEDS = range(8)


def check(seed: int, folder: Path, engine: Engine) -> None:
    module, kinds = random_network(seed)
    rules = random_rules(seed, kinds)
    quantised(module, folder, rules, frames=32)
    frames = frames_for(module, 3, seed)
    expected = outputs(module, frames)
    again = parse_module(module_text(module), "again")
    np.testing.assert_array_equal(outputs(again, frames), expected)
    build(new_context(), again, folder / "build", BuildOptions(name="net"), lambda _: None)
    run = run_folder(BuildFolder.open(folder / "build"), Request({"": frames}, engine, stall=0.2))
    assert run.comparisons, rules
    assert all(comparison.passed and comparison.total for comparison in run.comparisons), rules
    np.testing.assert_allclose(run.outputs[0], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_dataflow(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "dataflow")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 5])
def test_verilog(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "verilog")
