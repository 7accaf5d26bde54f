# SPDX-License-Identifier: Apache-2.0
"""Area of single units after synthesis by Yosys (7-Series), beside the estimate that folding goes by.

Every dataflow op has points in unit_sweep.py; one without ends the run. The first table has those that the cost model
was made with, the second other parameters and weights that were held out. What Yosys counts is kept by a digest of the
Verilog, as in network_area.py.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import verilog
from common import arguments, publish, table
from network_area import KINDS, synthesised
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import missing_yosys
from qopt_mlir.qdialect.cost import unit_cost
from unit_sweep import HELD_OUT, SWEEP, Point, missing

SLACK = {"lut": 10, "ff": 5}  # what a tiny unit may be off
Row = tuple[object, ...]


def row(point: Point, folder: Path) -> Row:
    op, file = point.build(), folder / "unit.v"
    file.write_text(verilog.convert(component(op), name="unit", emit_src=False))
    counted, cost = synthesised([file], "unit"), unit_cost(op)
    lut, ff, bram18, dsp = ((getattr(counted, kind), getattr(cost, kind)) for kind in KINDS)
    error = f"{100 * (lut[1] / max(lut[0], 1) - 1):+.0f} %"
    return (point.label, *lut, error, *ff, *bram18, *dsp)


def summary(rows: Sequence[Row]) -> str:
    """How many units are how near."""
    texts: list[str] = []
    for kind, first in (("lut", 1), ("ff", 4)):
        pairs = [(int(str(row[first])), int(str(row[first + 1]))) for row in rows]
        near = sum(10 * abs(estimate - count) <= count for count, estimate in pairs)
        close = sum(10 * abs(estimate - count) <= max(count, 10 * SLACK[kind]) for count, estimate in pairs)
        count, estimate = (sum(numbers) for numbers in zip(*pairs, strict=True))
        texts.append(
            f"{kind.upper()}: {near} of {len(pairs)} units within 10 %, {close} within 10 % or {SLACK[kind]}; "
            f"all together {100 * (estimate / count - 1):+.1f} %."
        )
    exact = sum(row[6] == row[7] and row[8] == row[9] for row in rows)
    texts.append(f"BRAM18 and DSP: {exact} of {len(rows)} exact.")
    return "\n".join(texts)


def section(title: str, points: Sequence[Point], match: str) -> list[str]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for point in points:
            if match in point.label:
                rows.append(row(point, Path(scratch)))
                print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    if not rows:
        return []
    pairs = [heading for kind in ("FF", "BRAM18", "DSP") for heading in (kind, "estimated")]
    return [title, table(["unit", "LUT", "estimated", "error", *pairs], rows), summary(rows)]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--match", default="", help="only units whose label has this in it")
    options = parser.parse_args()
    for name, points in (("SWEEP", SWEEP), ("HELD_OUT", HELD_OUT)):
        if missing(points):
            sys.exit(f"unit_sweep.py has no {', '.join(missing(points))} in {name}")
    if missing_yosys():
        sys.exit(missing_yosys())
    texts = [
        *section("The units that the cost model was made with:", SWEEP, options.match),
        *section("Other parameters and weights, held out:", HELD_OUT, options.match),
    ]
    publish(__file__, "Area of units", texts, options.write)


if __name__ == "__main__":
    main()
