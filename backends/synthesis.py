# SPDX-License-Identifier: Apache-2.0
"""Area of a Verilog design from Yosys: LUTs, flip-flops, block RAMs, DSP blocks. No place and route, no timing.

Yosys is the PyPI wheel `pyosys` or the system's `yosys`, in a process of its own. The flows are Yosys's `synth_xilinx`
and `synth_ecp5` but for two steps:

- Each adder becomes its own carry chain, and each product of at most 8 bits is made of LUTs. Yosys else merges an adder
  tree into one carry-save sum, which costs two LUTs a bit where the chain costs one, and gives ECP5's DSP blocks to
  products of 4 bits. A 4-bit matrix-vector unit of 8 x 16 lanes takes 6 087 LUTs, 8 522 with plain `synth_xilinx`.
- LUTs are mapped by classic `abc` to single LUTs, without the wide multiplexers: `abc9`, which the plain flows call,
  checks itself for minutes to hours on large constant networks, and aborts on some. `opt_merge` then joins the
  inverters that `abc` makes of a reset that is active low, one for each flip-flop.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..qdialect.errors import QoptError

Family = Literal["xilinx", "ecp5"]


@dataclass(frozen=True)
class SynthesisResult:
    """Area of a design after technology mapping.

    Attributes:
        lut: LUTs, each of any number of inputs counted as one, and what distributed RAM, shift registers and (ECP5)
            carry chains take of them. Two small LUTs in one are counted as two, as only placement joins them; wide
            multiplexers (MUXF7, PFUMX) are not counted.
        ff: flip-flops.
        bram18: block RAMs of 18 kbit; one of 36 kbit counts two.
        dsp: DSP48 or MULT18X18D blocks.
        carry: CARRY4 or CCU2C cells.
        cells: number of cells of each type.
        warnings: what Yosys warned of, each once.
        seconds: wall time.
    """

    lut: int
    ff: int
    bram18: int
    dsp: int
    carry: int
    cells: dict[str, int]
    warnings: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Flow:
    """Yosys commands of a family up to netlist, and what each cell type counts for (a key ending in * is a prefix)."""

    commands: str
    lut: dict[str, int]
    ff: dict[str, int]
    bram18: dict[str, int]
    dsp: dict[str, int]
    carry: dict[str, int]


# `techmap_wrap` shows each cell to the pass `alumacc` by itself, which would merge them if it saw them together.
ONE_BY_ONE = """\
(* techmap_wrap = "alumacc" *)
(* techmap_celltype = "$add $sub $mul" *)
module one_by_one; endmodule
"""
SMALL_PRODUCTS = "techmap -map one_by_one.v t:$mul r:Y_WIDTH<9 %i"
ADDERS = "techmap -map one_by_one.v t:$add t:$sub %u"

# Latches and what `check` finds are read back from the files; `check` sees multiple drivers, loops, undriven wires.
PRELUDE = """\
read_verilog {sources}
hierarchy -check -top {top}
proc
flatten
opt_clean
tee -q -o latches select -list t:$*latch* %co:+[Q] w:* %i
tee -q -o problems check
"""

EPILOGUE = "tee -q -o stat.json stat -json\n"

MEND_VERSION = "pip install 'pyosys>=0.70': the order of older Yosys's steps differs"

FLOWS: dict[Family, _Flow] = {
    "xilinx": _Flow(
        """\
synth_xilinx -family xc7 -top {top} -flatten -noiopad -noclkbuf {dsp} -run begin:map_dsp
{small_products}
synth_xilinx -family xc7 -top {top} -flatten -noiopad -noclkbuf {dsp} -run map_dsp:coarse
{adders}
synth_xilinx -family xc7 -top {top} -flatten -noiopad -noclkbuf {dsp} -run coarse:map_luts
opt_expr -mux_undef -noclkinv
abc -luts 2:2,3,6:5
opt_merge
clean
xilinx_srl -fixed -minlen 3
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
xilinx_dffopt
opt_lut_ins -tech xilinx
clean
""",
        lut={
            **{"INV": 1, **{f"LUT{inputs}": 1 for inputs in range(1, 7)}},
            **{"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM32X1S": 1, "RAM64X1S": 1},
            **{"RAM128X1S": 2, "RAM256X1S": 4, "SRL16E": 1, "SRLC32E": 1},
        },
        ff={"FDRE*": 1, "FDSE*": 1, "FDCE*": 1, "FDPE*": 1},
        bram18={"RAMB18*": 1, "RAMB36*": 2},
        dsp={"DSP48*": 1},
        carry={"CARRY4": 1},
    ),
    "ecp5": _Flow(
        """\
opt_expr
opt -nodffe -nosdff
wreduce
peepopt
opt_clean
{small_products}
{adders}
synth_ecp5 -top {top} {dsp} -run begin:map_luts
abc -lut 4
clean
synth_ecp5 -top {top} {dsp} -run map_cells:check
""",
        lut={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},
        ff={"TRELLIS_FF": 1},
        bram18={"DP16KD": 1, "PDPW16KD": 1},
        dsp={"MULT18X18D": 1},
        carry={"CCU2C": 1},
    ),
}


def missing_yosys() -> str | None:
    """What is missing to synthesise here, or None."""
    return None if _yosys() else "no Yosys (looked for the Python package 'pyosys' and for 'yosys' on PATH)"


def synthesise(
    sources: Sequence[Path], top: str, family: Family = "xilinx", *, dsp: bool = True, time_limit: float = 1800
) -> SynthesisResult:
    """Map the module `top` of the Verilog files `sources` to a family (xilinx is 7-Series) and count its cells.

    Args:
        dsp: let products of nine bits and more go to DSP blocks.
        time_limit: seconds.

    Raises QoptError if there is no Yosys, if it fails or takes too long, if the design has a latch, or if a wire has
    several drivers or none or is in a combinational loop.
    """
    yosys = _yosys()
    if yosys is None:
        raise QoptError(str(missing_yosys()), None, "pip install pyosys")
    flow = FLOWS[family]
    quoted = " ".join(f'"{path.resolve()}"' for path in sources)
    words = {"top": top, "dsp": "" if dsp else "-nodsp", "small_products": SMALL_PRODUCTS, "adders": ADDERS}
    script = (PRELUDE + flow.commands + EPILOGUE).format(sources=quoted, **words)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flow.ys").write_text(script)
        (folder / "one_by_one.v").write_text(ONE_BY_ONE)
        start = time.monotonic()
        log, failed = _run(yosys, folder, time_limit, top)
        seconds = time.monotonic() - start
        _check_structure(folder, top)
        if failed:
            raise QoptError(_complaint(log), f"top module '{top}' in Yosys", "mend the Verilog that Yosys names")
        cells = _cells(json.loads((folder / "stat.json").read_text()))
    unmapped = [cell for cell in cells if cell.startswith("$") and cell != "$scopeinfo"]
    if unmapped:
        raise QoptError(f"Yosys leaves cells of type {unmapped[0]} unmapped", f"top module '{top}'", MEND_VERSION)
    warnings = (line.split("Warning: ", 1)[1] for line in log.splitlines() if line.startswith("Warning: "))
    counts = {kind: _count(cells, getattr(flow, kind)) for kind in ("lut", "ff", "bram18", "dsp", "carry")}
    return SynthesisResult(**counts, cells=cells, warnings=tuple(dict.fromkeys(warnings)), seconds=seconds)


def _yosys() -> list[str] | None:
    """Command that runs flow.ys in the current folder."""
    if importlib.util.find_spec("pyosys") is not None:
        program = "from pyosys import libyosys as ys; ys.run_pass('script flow.ys', ys.Design())"
        return [sys.executable, "-c", program]
    found = shutil.which("yosys")
    return [found, "-s", "flow.ys"] if found else None


def _run(command: Sequence[str], folder: Path, time_limit: float, top: str) -> tuple[str, bool]:
    """Log of Yosys, and whether it failed. It and the abc that it starts are ended at the time limit."""
    with (folder / "log").open("w+") as log:
        # A session of its own, so that the whole group can be ended.
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            failed = process.wait(time_limit) != 0
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise QoptError(
                f"synthesis takes longer than its limit of {time_limit:g} s",
                f"top module '{top}' in Yosys",
                "raise the time limit, or synthesise a smaller design",
            ) from error
        log.seek(0)
        return log.read(), failed


def _check_structure(folder: Path, top: str) -> None:
    """Refuse latches and what `check` warned of. Files that Yosys did not come to write say nothing."""
    latches = _lines(folder / "latches")
    problems = [
        line.split("Warning: ", 1)[1].rstrip(":") for line in _lines(folder / "problems") if "Warning: " in line
    ]
    what = f"the design has a latch: {latches[0]}" if latches else problems[0] if problems else None
    if what is not None:
        raise QoptError(what, f"top module '{top}' in Yosys", "give every register a clock and every wire one driver")


def _lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1] if path.is_file() else []


def _complaint(log: str) -> str:
    errors = [line for line in log.splitlines() if "ERROR" in line] or log.splitlines()[-1:] or ["no message"]
    return f"Yosys fails: {errors[0]}"


def _cells(stat: Any) -> dict[str, int]:
    return {name: int(number) for name, number in sorted(stat["design"]["num_cells_by_type"].items())}


def _count(cells: dict[str, int], weights: dict[str, int]) -> int:
    def weight(cell: str) -> int:
        matches = (w for key, w in weights.items() if cell == key or (key[-1] == "*" and cell.startswith(key[:-1])))
        return next(matches, 0)

    return sum(number * weight(cell) for cell, number in cells.items())
