# SPDX-License-Identifier: Apache-2.0
"""Area of whole designs after synthesis by Yosys, for two families, and of each of their units.

Two designs are compared with what FINN+ 1.6.1 estimates for the same networks at the same or fewer frames a second:
its LUT and BRAM18 exclude FIFOs and width converters, ours are of the complete AXI4-Stream IP after synthesis (no
place and route). `--units` synthesises each unit by itself as well, beside the estimate that folding goes by.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import MODELS, arguments, publish, table
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.report import report_data
from qopt_mlir.backends.synthesis import Family, missing_yosys, synthesise
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_dataflow, to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.text import new_context

CLOCK = 200e6  # Hz
PATHS = {model.name: model.path for model in MODELS}


@dataclass(frozen=True)
class Design:
    """A network with the most cycles a frame that it may take, and LUT and BRAM18 to stay below."""

    model: str
    cycles: int
    input_formats: tuple[str, ...] = ()
    goal: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        return f"{self.model} ({self.input_formats[0].split(': ', 1)[1]})" if self.input_formats else self.model


DESIGNS = (
    Design("tfc_1w1a", 1792),
    Design("tfc_2w2a", 1792),
    Design("tfc_2w2a", 1792, ("0: uint<8> scale 1/255",), goal=(2011, 11)),
    Design("kwsmlp_w3a3", 1536, goal=(10969, 61)),
    Design("qkeras_jettagging", 64, ("global_in: fixed<16, 10>",)),
    Design("unsw_nb15_mlp_w2a2", 1920, ("onnx::Add_0: bipolar",)),
)


def made(design: Design, folder: Path) -> dict[str, Any]:
    """Build the design into `folder`, asking for more frames a second until it has them; its report."""
    frames = CLOCK / design.cycles
    while True:
        module = import_onnx(PATHS[design.model])
        passes = f"{to_typed(design.input_formats)},{to_dataflow(CLOCK, frames)}"
        run_passes(new_context(), module, parse_passes(passes))
        interval = report_data(module, design.model, CLOCK)["timing"]["initiation_interval_cycles"]
        if interval <= design.cycles:
            break
        frames *= 1.05
    options = BuildOptions(design.model, CLOCK, frames, input_formats=design.input_formats, force=True)
    build(new_context(), import_onnx(PATHS[design.model]), folder, options, lambda _: None)
    return report_data(module, design.model, CLOCK)


def area_row(design: Design, folder: Path, report: dict[str, Any], family: Family) -> tuple[object, ...]:
    result = synthesise(sorted((folder / "rtl").glob("*.v")), design.model, family)
    interval = report["timing"]["initiation_interval_cycles"]
    return design.label, family, interval, result.lut, result.ff, result.bram18, result.dsp


def unit_rows(design: Design, folder: Path, report: dict[str, Any]) -> list[tuple[object, ...]]:
    """Each unit alone: look-up tables synthesised and estimated."""
    rows: list[tuple[object, ...]] = []
    for unit in report["units"]:
        name = f"{design.model}_{unit['name']}"
        sources = sorted((folder / "rtl").glob("*.v"))
        modules = {source.stem for source in sources}
        if name in modules:  # equal units share a file
            result = synthesise(sources, name, "xilinx")
            rows.append(
                (unit["name"], unit["cycles"], result.lut, unit["lut"], result.ff, result.bram18, unit["bram18"])
            )
    return rows


def comparison(rows: list[tuple[object, ...]], designs: list[Design]) -> str:
    titles = ["design", "cycles", "LUT", "goal", "ratio", "BRAM18", "goal", "ratio", "met"]
    found: list[tuple[object, ...]] = []
    for design in designs:
        row = next((r for r in rows if r[0] == design.label and r[1] == "xilinx"), None)
        if design.goal is None or row is None:
            continue
        lut, bram = int(str(row[3])), int(str(row[5]))
        most_lut, most_bram = design.goal
        met = "yes" if lut <= most_lut and bram <= most_bram else "no"
        ratios = (f"{lut / most_lut:.2f}x", f"{bram / most_bram:.2f}x")
        found.append((design.label, row[2], lut, most_lut, ratios[0], bram, most_bram, ratios[1], met))
    return table(titles, found)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--units", action="store_true", help="also synthesise each unit by itself (xilinx)")
    parser.add_argument("--family", action="append", choices=("xilinx", "ecp5"), help="default: both")
    parser.add_argument("--model", action="append", help="only designs of this model (may be repeated)")
    options = parser.parse_args()
    missing = missing_yosys()
    if missing:
        sys.exit(missing)
    designs = [d for d in DESIGNS if PATHS[d.model].is_file() and (not options.model or d.model in options.model)]
    rows: list[tuple[object, ...]] = []
    units: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, design in enumerate(designs):
            folder = Path(scratch) / str(number)
            report = made(design, folder)
            for family in options.family or ("xilinx", "ecp5"):
                rows.append(area_row(design, folder, report, family))
                print(*rows[-1], sep="\t", file=sys.stderr)
            if options.units:
                titles = ["unit", "cycles", "LUT", "estimated", "FF", "BRAM18", "estimated"]
                units += [f"Units of {design.label}:", table(titles, unit_rows(design, folder, report))]
    titles = ["design", "family", "cycles", "LUT", "FF", "BRAM18", "DSP"]
    texts = [
        "Cycles: between frames, as simulated exactly. The goals are the estimates of FINN+.",
        table(titles, rows),
        comparison(rows, designs),
        *units,
    ]
    publish(__file__, "Area after synthesis", texts, options.write)


if __name__ == "__main__":
    main()
