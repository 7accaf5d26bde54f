# SPDX-License-Identifier: Apache-2.0
"""FINN's CNV for CIFAR-10 with 1 and 2 bits, folded to a frame every 8192 cycles: build time, cycles and area by unit.

Goals: a build within five minutes of processor time, an interval of at most 8192 cycles, and less look-up tables and
memories than FINN+ 1.6.1 estimates for its fastest automatic folding of the same topology (xczu7ev; seeded random
weights, like these). Those figures leave out pools, FIFOs and width converters; ours are of everything. LUT, BRAM18 and
DSP are estimates of the cost model; Yosys counts the largest units of the networks given with `--synthesise`, one by
one, which takes some ten minutes for 1 bit and twice that for 2.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from amaranth.back import verilog
from common import Finished, arguments, publish, run, table
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import SynthesisResult, missing_yosys, synthesise
from qopt_mlir.qdialect.cost import unit_cost
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.errors import node_name
from qopt_mlir.qdialect.text import parse_module
from topologies import generate

QOPT = [sys.executable, "-m", "qopt_mlir.driver.cli"]
CLOCK, CYCLES = 200e6, 8192
BUILD_GOAL = 300.0  # seconds of processor time: what a build takes where nothing else runs
NOTE = """\
FINN's network for CIFAR-10, seeded random weights, a frame every 8192 cycles asked for. Areas are estimates of all;
those of FINN+ 1.6.1 (fastest automatic folding, xczu7ev) leave out pools, FIFOs and width converters.\
"""
LARGE = 500  # look-up tables from which a unit is worth a synthesis


@dataclass(frozen=True)
class Peer:
    """What FINN+ 1.6.1 estimates for its fastest automatic folding."""

    cycles: int
    lut: int
    bram18: int


PEERS = {1: Peer(8192, 84436, 341), 2: Peer(9408, 127620, 604)}


def built(bits: int, folder: Path) -> tuple[dict[str, Any], Finished]:
    """The report of a build, and how long it took."""
    model, out = folder / f"cnv_{bits}.onnx", folder / f"cnv_{bits}"
    onnx.save(generate("cnv", bits=bits), model)
    limits = ["--clock", CLOCK, "--fps", CLOCK / CYCLES, "--input-format", "image: fixed<8, 7>"]
    finished = run([*QOPT, "build", model, "-o", out, *limits])
    return json.loads((out / "report.json").read_text(encoding="utf-8")), finished


def counted(bits: int, folder: Path) -> dict[str, SynthesisResult]:
    """What Yosys counts for the large matrix-vector units of a build, by ONNX node."""
    path = folder / f"cnv_{bits}" / "ir" / "dataflow.mlir"
    found: dict[str, SynthesisResult] = {}
    for op in unit_graph(hardware_function(parse_module(path.read_text(encoding="utf-8"), str(path)))):
        if unit_cost(op).lut >= LARGE:
            file = folder / "unit.v"
            file.write_text(verilog.convert(component(op), name="unit"), encoding="utf-8")
            found[f"{op.name.partition('.')[2]} {node_name(op)}"] = synthesise([file], "unit")
    return found


def units_table(report: Mapping[str, Any], measured: Mapping[str, SynthesisResult]) -> str:
    titles = ["unit", "lanes", "cycles", "busy %", "LUT", "FF", "BRAM18", "DSP"]
    rows = [
        (
            u["name"],
            f"{u['input_lanes']} to {u['output_lanes']}",
            *(u["cycles"], round(100 * u["utilisation"])),
            *(u["lut"], u["ff"], u["bram18"], u["dsp"]),
        )
        for u in report["units"]
    ]
    if not measured:
        return table(titles, rows)
    results = [measured.get(f"{u['unit']} {u['node']}") for u in report["units"]]
    rows = [(*row, r.lut if r else None, r.bram18 if r else None) for row, r in zip(rows, results, strict=True)]
    return table([*titles, "Yosys LUT", "Yosys BRAM18"], rows)


def goals_row(bits: int, report: Mapping[str, Any], finished: Finished) -> tuple[object, ...]:
    peer, totals = PEERS[bits], report["totals"]
    cycles = report["timing"]["initiation_interval_cycles"]
    areas = [(totals["lut"], peer.lut), (totals["bram18"], peer.bram18)]
    met = finished.cpu <= BUILD_GOAL and cycles <= CYCLES and all(own < goal for own, goal in areas)
    ratios = [part for own, goal in areas for part in (own, goal, f"{own / goal:.2f}x")]
    return (f"cnv {bits} bit", finished.wall, finished.cpu, cycles, peer.cycles, *ratios, totals["dsp"], _word(met))


def _word(met: bool) -> str:
    return "yes" if met else "no"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--synthesise", type=int, nargs="+", default=[], choices=PEERS, metavar="BITS", help="count large units too"
    )
    options = parser.parse_args()
    if options.synthesise and (missing := missing_yosys()):
        sys.exit(missing)
    goals: list[tuple[object, ...]] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for bits in PEERS:
            report, finished = built(bits, Path(scratch))
            measured = counted(bits, Path(scratch)) if bits in options.synthesise else {}
            goals.append(goals_row(bits, report, finished))
            texts += [f"Units with {bits} bit:", units_table(report, measured)]
    titles = ["network", "build s", "CPU s", "cycles", "FINN+"]
    titles += ["LUT", "FINN+", "ratio", "BRAM18", "FINN+", "ratio", "DSP", "met"]
    publish(__file__, "CNV", [NOTE, table(titles, goals), *texts], options.write)


if __name__ == "__main__":
    main()
