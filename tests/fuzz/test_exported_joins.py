# SPDX-License-Identifier: Apache-2.0
"""Differences, products and gates of branches, as exporters write them: typed level, hardware and Verilog agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Request, run_folder
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context

from .exported_joins import ExportedJoins
from .test_exported_cnns import check_refusal, typed_outputs


def check(seed: int, folder: Path, *engines: Engine) -> str:
    """The text of the units, after a run on each engine; empty where the network is refused for a known cause."""
    network = ExportedJoins(seed)
    data, x = network.model().SerializeToString(), network.frames(3)
    expected = typed_outputs(data, x)
    try:
        build(new_context(), import_onnx(data), folder, BuildOptions("net"), lambda _: None)
    except QoptError as error:
        check_refusal(error, seed)
        return ""
    for engine in engines:
        stall = 0.0 if engine == "dataflow" else 0.3
        execution = run_folder(BuildFolder.open(folder), Request({"": x}, engine, stall=stall))
        assert all(comparison.passed for comparison in execution.comparisons), f"seed {seed}"
        for actual, wanted in zip(execution.outputs, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=1e-6, err_msg=f"seed {seed}")
    return "".join(file.read_text() for file in sorted((folder / "ir").glob("*dataflow*")))


@pytest.mark.parametrize(
    ("seed", "unit"),
    [(23, "repeats ["), (21, "dataflow.mul"), (13, "dataflow.table"), (5, "dataflow.add"), (283, "repeats [")],
)
def test_a_few(seed: int, unit: str, tmp_path: Path) -> None:
    """A squeeze-and-excitation block, a product, a value times its own sigmoid (one table), a difference.

    The last has no convolution: the mean of each channel of the input is taken off it.
    """
    text = check(seed, tmp_path, "dataflow")
    assert unit in text
    assert ("dataflow.mul" in text) == (seed in (23, 21))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 15, 23])
def test_verilog(seed: int, tmp_path: Path) -> None:
    if missing := missing_engine("verilator"):
        pytest.skip(missing)
    assert check(seed, tmp_path, "verilog")


@pytest.mark.slow
def test_many(tmp_path: Path) -> None:
    accepted = [bool(check(seed, tmp_path / str(seed), "dataflow")) for seed in range(19, 29)]
    assert sum(accepted) > 7
