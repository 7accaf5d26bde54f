# SPDX-License-Identifier: Apache-2.0
"""Icarus Verilog: runs the build's own testbench, which records beats instead of comparing them."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...qdialect.errors import QoptError
from .common import SimulationResult, Stimulus, protocol_error, run_tool
from .verilog_testbench import beats_of_hex, hex_text, testbench_text


def missing_icarus() -> str | None:
    """What Icarus lacks to run here, or None."""
    missing = [tool for tool in ("iverilog", "vvp") if shutil.which(tool) is None]
    return f"no Icarus Verilog (looked for {' and '.join(missing)} on PATH)" if missing else None


def simulate_icarus(sources: Sequence[Path], top: str, stimulus: Stimulus) -> SimulationResult:
    """Run `stimulus` through module `top` of `sources`; stalls are rounded up to percents.

    Raises QoptError as `simulate` says.
    """
    if missing := missing_icarus():
        raise QoptError(missing, None, "install Icarus Verilog, for example 'apt-get install iverilog'")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tb.v").write_text(testbench_text(top, stimulus))
        (folder / "input.hex").write_text(hex_text(stimulus.beats))
        # Only -g2005: from -g2009 on, `always @*` with constant inputs never runs.
        compiler = ["iverilog", "-g2005", "-s", "tb", "-o", "tb.vvp", "tb.v"]
        run_tool([*compiler, *(path.resolve() for path in sources)], "Icarus Verilog", cwd=folder)
        plusargs = [f"+stall={math.ceil(100 * stimulus.stall)}", f"+seed={stimulus.seed}", "+record=record"]
        printed = run_tool(["vvp", "-n", "tb.vvp", *plusargs], "Icarus Verilog", cwd=folder)
        failures = [line for line in printed.splitlines() if line.startswith("FAIL: ")]
        if failures:
            raise protocol_error(failures[0].removeprefix("FAIL: "), top, "Icarus Verilog")
        lines = [line.split() for line in (folder / "record").read_text().splitlines()]
    outputs = [line for line in lines if line[0] == "o"]
    unknown = next((index for index, line in enumerate(outputs) if set(line[2]) - set("0123456789abcdef")), None)
    if unknown is not None:
        raise protocol_error(f"output beat {unknown} has unknown bits: {outputs[unknown][2]}", top, "Icarus Verilog")
    return SimulationResult(
        beats_of_hex([line[2] for line in outputs]),
        np.array([int(line[1]) for line in lines if line[0] == "i"], np.int64),
        np.array([int(line[1]) for line in outputs], np.int64),
        "icarus",
    )
