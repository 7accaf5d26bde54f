# SPDX-License-Identifier: Apache-2.0
"""Area of whole networks after synthesis by Yosys (7-Series), beside the estimate of the report.

What Yosys counts is kept by a digest of the Verilog in the folder `build`, so that only what has changed is synthesised
again. `--units` does the same for each kind of unit: the sums over the distinct modules of a network.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import DATA, ROOT, arguments, publish, table
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.synthesis import FLOWS, SynthesisResult, missing_yosys, synthesise
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.text import new_context

CLOCK = 200e6  # Hz
CACHE = ROOT / "build" / "synthesis"
KINDS = ("lut", "ff", "bram18", "dsp")
GOAL = 0.1  # of the LUTs


@dataclass(frozen=True)
class Network:
    """A network and the frames a second to build it for."""

    name: str
    fps: float
    input_formats: tuple[str, ...] = ()

    @property
    def model(self) -> Path:
        return DATA / f"{self.name}.onnx"


NETWORKS = (
    Network("tfc_2w2a", 1e5, ("0: uint<8> scale 1/255",)),
    Network("qkeras_jettagging", 3e6, ("global_in: fixed<16, 10>",)),
    Network("qkeras_mnist_cnn", 1e4, ("global_in: ufixed<8, 8>",)),
    Network("mlperftiny_kws_dscnn_int8", 1e3),
    Network("unsw_nb15_mlp_w2a2", 1e5, ("onnx::Add_0: bipolar",)),
)


def synthesised(sources: Sequence[Path], top: str) -> SynthesisResult:
    """`synthesise` for 7-Series, or what it gave for the same Verilog before."""
    digest = hashlib.sha256((top + repr(FLOWS["xilinx"])).encode())
    for source in sorted(sources):
        digest.update(source.read_bytes())
    kept = CACHE / f"{digest.hexdigest()[:32]}.json"
    if not kept.is_file():
        result = synthesise(sources, top)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(result)))
    return SynthesisResult(**json.loads(kept.read_text()))


def built(network: Network, folder: Path) -> dict[str, Any]:
    """Build the network into `folder`; its report."""
    options = BuildOptions(network.name, CLOCK, network.fps, input_formats=network.input_formats, force=True)
    build(new_context(), import_onnx(network.model), folder, options, lambda _: None)
    return json.loads((folder / "report.json").read_text())


def row(network: Network, folder: Path, report: dict[str, Any]) -> tuple[object, ...]:
    counted, estimated = synthesised(sorted((folder / "rtl").glob("*.v")), network.name), report["totals"]
    pairs = [value for kind in KINDS for value in (getattr(counted, kind), estimated[kind])]
    error = estimated["lut"] / counted.lut - 1
    met = "yes" if abs(error) <= GOAL else "no"
    return (network.name, report["timing"]["initiation_interval_cycles"], *pairs, f"{100 * error:+.1f} %", met)


def by_unit(network: Network, folder: Path, report: dict[str, Any]) -> list[tuple[object, ...]]:
    """For each kind of unit, over the modules that a network has of it: how many, and LUT and FF of all."""
    sums: dict[str, list[int]] = {}
    modules = {source.stem: source for source in (folder / "rtl").glob("*.v")}
    for unit in report["units"]:
        name = f"{network.name}_{unit['name']}"
        if name in modules:  # equal units share a file
            counted = synthesised([modules[name]], name)
            values = (1, counted.lut, unit["lut"], counted.ff, unit["ff"])
            sums[unit["unit"]] = [a + b for a, b in zip(sums.get(unit["unit"], [0] * 5), values, strict=True)]
            print(network.name, unit["name"], unit["unit"], *values[1:], sep="\t", file=sys.stderr, flush=True)
    return [(network.name, kind, *values) for kind, values in sums.items()]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--units", action="store_true", help="also synthesise each unit by itself")
    parser.add_argument("--model", action="append", help="only this network (may be repeated)")
    options = parser.parse_args()
    missing = missing_yosys()
    if missing:
        sys.exit(missing)
    rows: list[tuple[object, ...]] = []
    units: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for network in NETWORKS:
            if not network.model.is_file() or (options.model and network.name not in options.model):
                print(f"skipped: {network.name}", file=sys.stderr)
                continue
            folder = Path(scratch) / network.name
            report = built(network, folder)
            if options.units:
                units += by_unit(network, folder, report)
            rows.append(row(network, folder, report))
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    pairs = [heading for kind in ("LUT", "FF", "BRAM18", "DSP") for heading in (kind, "estimated")]
    texts = [table(["network", "cycles", *pairs, "LUT error", "within 10 %"], rows)]
    if units:
        texts.append(table(["network", "unit", "modules", "LUT", "estimated", "FF", "estimated"], units))
    publish(__file__, "Area of whole networks and its estimate", texts, options.write)


if __name__ == "__main__":
    main()
