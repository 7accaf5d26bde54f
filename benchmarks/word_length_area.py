# SPDX-License-Identifier: Apache-2.0
"""Hardware of word lengths: a network at uniform and at chosen ones, all at one frame rate, by estimate and by Yosys.

Word lengths are those of the algorithm `analytic` for each objective; frames, bound and rounding are those of
word_lengths.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from common import DATA, arguments, publish, table
from network_area import CLOCK, synthesised
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.synthesis import missing_yosys
from qopt_mlir.frontends.precision.specification import Objective
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.costs import cost_of
from qopt_mlir.passes.word_lengths.descent import descend
from qopt_mlir.passes.word_lengths.measuring import area_cost
from qopt_mlir.passes.word_lengths.variables import Bits, with_bits
from qopt_mlir.qdialect.text import new_context
from word_lengths import CASES, POINTS, Setting, prepared, uniform

FPS = Fraction(10_000)
NEVER = float("inf")


def optimised(setting: Setting, objective: Objective) -> Bits:
    """The word lengths that are chosen for an objective."""
    problem = setting.problem(NEVER)
    area = area_cost(setting.module, problem.variables)
    problem.cost = cost_of(objective, setting.module, problem.variables, area)
    return descend(problem, ALGORITHMS["analytic"](problem))


def row(name: str, setting: Setting, label: str, bits: Bits, area: bool) -> tuple[object, ...]:
    module = with_bits(setting.module, setting.known.variables, bits)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "build"
        build(new_context(), module, folder, BuildOptions(name, CLOCK, float(FPS)), lambda _: None)
        report = json.loads((folder / "report.json").read_text())
        counted = synthesised(sorted((folder / "rtl").glob("*.v")), name) if area else None
    cycles, totals = report["timing"]["initiation_interval_cycles"], report["totals"]
    yosys = (counted.lut, counted.ff, counted.dsp, counted.bram18) if counted else (None,) * 4
    estimate = (totals["lut"], totals["dsp"], totals["bram18"])
    found = (label, " ".join(map(str, bits)), setting.known.cost(bits) / 1e6, cycles, *estimate, *yosys)
    print(*found, sep="\t", file=sys.stderr, flush=True)
    return (*found, f"{setting.lost(bits):.2f}")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--model", default=CASES[0].name)
    parser.add_argument("--estimate", action="store_true", help="without synthesis")
    parser.add_argument("--objectives", default="bit_operations,luts")
    options = parser.parse_args()
    objectives = [Objective(name) for name in options.objectives.split(",")]
    (case,) = [case for case in CASES if case.name == options.model]
    missing = None if options.estimate else missing_yosys()
    if missing or not (DATA / f"{case.name}.onnx").is_file():
        print(missing or f"skipped: no {case.name} in the model collection beside the checkout", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        setting = prepared(case, Path(folder))
        choices = {"uniform 8 bits": setting.known.highest, "best uniform": uniform(setting.known)}
        choices |= {str(one): optimised(setting, one) for one in objectives}
    rows = [row(case.name, setting, label, bits, not options.estimate) for label, bits in choices.items()]
    titles = ["word lengths", "bits of each quantiser", "10^6 bit operations", "cycles", "estimated LUT"]
    titles += ["estimated DSP", "estimated BRAM18", "LUT", "FF", "DSP", "BRAM18", "points lost (test)"]
    note = (
        f"{int(FPS)} frames a second at {CLOCK / 1e6:g} MHz; at most {POINTS} point lost on the frames of the search, "
        "two standard errors in reserve; weights rounded by reconstruction."
    )
    publish(__file__, f"Hardware of word lengths: {case.name}", [note, table(titles, rows)], options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
