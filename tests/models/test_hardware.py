# SPDX-License-Identifier: Apache-2.0
"""The Verilog of real networks gives every bit of the reference, with stalls at both ends."""

from pathlib import Path

import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.qdialect.text import new_context

from .models import MODELS, Model, graph

FRAMES = 200
QUICK = "tfc_2w2a"


@pytest.mark.parametrize("name", [QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in MODELS if n != QUICK)])
def test_verilog_equals_reference(name: str, tmp_path: Path) -> None:
    model: Model = MODELS[name]
    missing = model.missing or (missing_engine("verilator") and missing_engine("icarus"))
    if missing:
        pytest.skip(missing)
    folder = tmp_path / "build"
    build(new_context(), graph(model), folder, BuildOptions(name, input_formats=model.input_formats), lambda _: None)
    execution = run_folder(BuildFolder.open(folder), Request({"": model.frames(FRAMES)}, "verilog", stall=0.3, seed=1))
    assert len(execution.comparisons) == 3
    assert all(comparison.passed for comparison in execution.comparisons), "\n".join(map(str, execution.comparisons))
    assert min(comparison.total for comparison in execution.comparisons) >= FRAMES
