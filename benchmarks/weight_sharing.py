# SPDX-License-Identifier: Apache-2.0
"""Weight sharing: Pareto fronts of memory against accuracy for each granularity, and runs that the search takes.

Networks of 8-bit weights share values without retraining. The search sees the first frames alone, and the first of
these are what weights are reconstructed on; losses on other frames stand beside. Bits are those of indices and
codebooks. With `--write` the fronts go to docs/weight_sharing.svg. Measurements go to `--results FILE` one by one, and
are not made again where the file has them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from amaranth.back import verilog
from common import DATA, FIGURES, arguments, publish, table
from numpy.typing import NDArray
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.synthesis import missing_yosys, synthesise
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.specification import Bound, Measure, SharingGranularity
from qopt_mlir.passes.accuracy_evaluation import Evaluator, choices, percent_equal
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.sharing_designs import Design, best_of
from qopt_mlir.passes.sharing_plans import SharingPlan
from qopt_mlir.passes.sharing_search import COUNTS, SharingSearch
from qopt_mlir.passes.weighted_layers import weighted_layers
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.cost import unit_cost
from qopt_mlir.qdialect.dataflow import MatrixVectorOp, StreamType
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import FixedType, SharedType, UFixedType
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block

Array = NDArray[Any]
LOSS = Fraction(1, 5)  # percentage points
CHANGED = Fraction(1, 4)  # choices that change for each frame that was wrong before
FORMS = ("indices", "regrouped")
AREAS = ((4, 1, 9), (16, 1, 9), (4, 4, 9))  # shared values, PE, SIMD
POINTS = 6  # of a front
CALIBRATION = 200  # frames
NEAREST = "layer, nearest"  # the way of sharing without reconstruction, for comparison
WAYS = (*map(str, SharingGranularity), NEAREST)
SETS = DATA.parent / "datasets"
TYPED = "q-fold-constants,q-convert-to-typed,q-streamline"


@dataclass(frozen=True)
class Case:
    """A network, its frames and labels, and how many frames the search and the test see."""

    name: str
    frames: Callable[[], tuple[Array, Array]]
    search: int
    test: int


def images() -> tuple[Array, Array]:
    """CIFAR-10 test images, compressed as JPEG, as codes."""
    with np.load(SETS / "cifar10_jpeg_subset.npz") as data:
        return data["x_test"].astype(np.int64)[:, None] - 128, data["y_test"]


def words() -> tuple[Array, Array]:
    with np.load(SETS / "kws_mlperftiny_1000.npz") as data:
        return data["x_mfcc_int8"].astype(np.int64).reshape(-1, 1, 49, 10, 1), data["y"]


def digits() -> tuple[Array, Array]:
    with np.load(SETS / "mnist.npz") as data:
        return data["x_test"].reshape(-1, 1, 1, 28, 28).astype(np.float32), data["y_test"]


CASES = (
    Case("mnist_conv_cntk_int8_qoperator", digits, 3000, 5000),
    Case("mlperftiny_kws_dscnn_int8", words, 400, 600),
    Case("mlperftiny_ic_resnet8_int8", images, 400, 800),
)


def measured(case: Case, way: str) -> dict[str, Any]:
    """What the search finds for one network and way of sharing, scored on the test frames."""
    module = import_onnx(DATA / f"{case.name}.onnx")
    run_passes(new_context(), module, parse_passes(TYPED))
    frames, labels = case.frames()
    evaluator = Evaluator(frames[: case.search], labels[: case.search])
    started = time.perf_counter()
    calibration = None if way == NEAREST else frames[: min(CALIBRATION, case.search)]
    layers = weighted_layers(module)
    plan = SharingPlan(IntRange(COUNTS[0], COUNTS[-1]), SharingGranularity(way.split(",")[0]))
    search = SharingSearch(module, evaluator, dict.fromkeys(layers, plan), calibration)
    wrong = Fraction(100) - Fraction(search.baseline_accuracy)
    bounds = (Bound(Measure.ACCURACY, LOSS), Bound(Measure.AGREEMENT, 100 - CHANGED * wrong))
    best = search.smallest(bounds)
    runs, seconds = evaluator.runs, time.perf_counter() - started
    uniform = search.uniform(bounds)
    uniform_runs = evaluator.runs - runs
    test = slice(case.search, case.search + case.test)
    judge = Evaluator(frames[test], labels[test])
    before = judge.outputs(search.shared(search.nothing))
    baseline = percent_equal(choices(before), labels[test])

    def tested(design: Design | None) -> dict[str, Any] | None:
        if design is None:
            return None
        after = choices(judge.outputs(search.shared(design.counts)))
        same, accuracy = percent_equal(after, choices(before)), percent_equal(after, labels[test])
        return asdict(design) | {"test": accuracy, "same": same}

    return {
        "weights": sum(layer.weights.array.size for layer in layers),
        "baseline": baseline,
        "runs": runs,
        "uniform_runs": uniform_runs,
        "seconds": seconds,
        "options": search.num_options,
        "foretold": len(search.predicted()),
        "best": tested(best),
        "uniform": tested(uniform),
        "front": [tested(design) for design in best_of(search.front(POINTS))],
    }


def result_row(case: Case, way: str, result: dict[str, Any], kind: str) -> tuple[object, ...]:
    design = result[kind]
    name = "the same k in all layers" if kind == "uniform" else "search"
    runs = result["uniform_runs" if kind == "uniform" else "runs"]
    if design is None:
        return case.name, way, name, *[None] * 7, runs
    bits, weights = design["bits"], result["weights"]
    counts = (
        str(design["counts"][0]) if kind == "uniform" else " ".join(str(count or "-") for count in design["counts"])
    )
    losses = design["loss"], result["baseline"] - design["test"], design["same"]
    return case.name, way, name, counts, bits, 32 * weights / bits, 8 * weights / bits, *losses, runs


def run_row(case: Case, way: str, result: dict[str, Any]) -> tuple[object, ...]:
    """Runs that the search takes, and what it foretells instead of running it."""
    units = len(result["best"]["counts"])
    return case.name, way, units, result["options"], result["foretold"], result["runs"], result["seconds"]


def layer_areas(entries: int, pe: int, simd: int) -> list[tuple[object, ...]]:
    """A layer of 16 channels and windows of 3 x 3 x 16 pixels, synthesised in each form with the same folding."""
    rng = np.random.default_rng(entries)
    values = np.sort(rng.choice(np.arange(-100, 101), entries, replace=False))
    codes = values[rng.integers(0, entries, (16, 144))]
    element = UFixedType(8, 0)
    stream = StreamType(element, simd, 144 // simd)
    rows: list[tuple[object, ...]] = []
    for form, type_ in (("weights", FixedType(8)), *((f, SharedType(entries, FixedType(8))) for f in FORMS)):
        block = Block(arg_types=[stream])
        weights = ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape)))
        regrouped = form == "regrouped"
        op = MatrixVectorOp(block.args[0], weights.result, FixedType(24), pe=pe, simd=simd, regrouped=regrouped)
        block.add_ops([weights, op])
        with TemporaryDirectory() as folder:
            file = Path(folder) / "unit.v"
            file.write_text(verilog.convert(component(op), name="unit"))
            found, cost = synthesise([file], "unit"), unit_cost(op)
        counted = (found.lut, found.ff, found.bram18, found.dsp)
        rows.append((entries, pe, simd, form, *counted, cost.lut, cost.dsp, cost.memory_bits))
        print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    return rows


def front_table(case: Case, results: dict[str, Any]) -> str:
    rows = [
        (way, point["bits"], 8 * result["weights"] / point["bits"], point["test"], point["same"])
        for way, result in results.items()
        for point in result["front"]
    ]
    return table(["codebook for each", "bits", "8 bits /", "accuracy (test) %", "same choice (test) %"], rows)


def plot(results: dict[str, dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "qopt"  # the same figures give the same bytes
    figure = Figure(figsize=(5 * len(results), 4), layout="constrained")
    for axes, (name, by_way) in zip(figure.subplots(1, len(results), squeeze=False)[0], results.items()):
        for way, result in by_way.items():
            points = [(8 * result["weights"] / p["bits"], p["test"]) for p in result["front"]]
            axes.plot(*zip(*sorted(points), strict=True), marker="o", label=way)
            axes.axhline(result["baseline"], color="grey", linewidth=0.5)
        axes.set(title=name, xlabel="compression of 8-bit weights", ylabel="accuracy (test) %")
        axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", action="append", help="only networks whose name holds this (may be repeated)")
    parser.add_argument("--way", action="append", choices=WAYS, help="only these ways of sharing")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON of measurements, read and written")
    parser.add_argument("--no-area", action="store_true", help="without synthesis")
    options = parser.parse_args()
    path: Path | None = options.results
    results: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path and path.is_file() else {}
    for case in CASES:
        if options.model and not any(part in case.name for part in options.model):
            continue
        if not (DATA / f"{case.name}.onnx").is_file():
            print(f"skipped: no {case.name}.onnx in the model collection beside the checkout", file=sys.stderr)
            continue
        for way in options.way or WAYS:
            if way not in results.setdefault(case.name, {}):
                results[case.name][way] = measured(case, way)
                print(case.name, way, json.dumps(results[case.name][way]), file=sys.stderr, flush=True)
                if path:
                    path.write_text(json.dumps(results, indent=1))
    if not options.no_area and missing_yosys() is None:
        for area in AREAS:
            key = str(area)
            if key not in results.setdefault("area", {}):
                results["area"][key] = layer_areas(*area)
                if path:
                    path.write_text(json.dumps(results, indent=1))
    report(results, options.write)


def report(results: dict[str, dict[str, Any]], write: bool) -> None:
    areas = [row for rows in results.pop("area", {}).values() for row in rows]
    cases = [case for case in CASES if results.get(case.name)]
    found = [(case, way, results[case.name][way]) for case in cases for way in WAYS if way in results[case.name]]
    rows = [result_row(*one, kind) for one in found for kind in ("uniform", "best")]
    titles = ["network", "codebook for each", "numbers of values", "k (- keeps its weights)", "bits", "32 bits /"]
    titles += ["8 bits /", "loss (search)", "loss (test)", "same choice (test) %", "runs"]
    run_titles = ["network", "codebook for each", "choices of k", "ways to share one", "designs on the foretold front"]
    texts = [
        f"The smallest networks that lose at most {float(LOSS)} points of accuracy on the frames of the search (after "
        f"Dupuis et al.), and that change at most {CHANGED} as many choices as were wrong before: accuracy alone lets "
        "lucky designs pass, as many are tried on few frames. '32 bits /' and '8 bits /' are compressions against such "
        "weights, indices and codebooks counted. "
        "Losses are in points, those of the test on frames that the search has not seen. Frames of search and test: "
        f"{', '.join(f'{case.search} and {case.test} ({case.name})' for case in cases)}; images of CIFAR-10 are "
        "compressed as JPEG, which alone costs some ten points. Weights are reconstructed on the first "
        f"{CALIBRATION} frames (`rounding=reconstruct`), but for 'nearest'. Published: 4.85x from 32 bits (ResNet18).",
        table(titles, rows),
        "Runs of the whole search. A sweep would run each way to share one layer, then designs; the inertia of "
        "clusters foretells the noise of all but one way for each layer:",
        table([*run_titles, "runs", "seconds"], [run_row(*one) for one in found]),
        "Pareto fronts that the search foretells, and then runs (docs/weight_sharing.svg):",
        *(
            f"{case.name}, {next(iter(results[case.name].values()))['baseline']:.4g} % without sharing:\n\n"
            f"{front_table(case, results[case.name])}"
            for case in cases
        ),
    ]
    if areas:
        titles = [
            "values",
            "PE",
            "SIMD",
            "form",
            "LUT",
            "FF",
            "BRAM18",
            "DSP",
            "estimated LUT",
            "estimated DSP",
            "bits",
        ]
        text = "A layer [16, 144] of 8-bit inputs and weights after synthesis (Yosys synth_xilinx), in its three forms:"
        texts += [text, table(titles, areas)]
    publish(__file__, "Weight sharing", texts, write)
    if write:
        plot(results, FIGURES.with_name("weight_sharing.svg"))


if __name__ == "__main__":
    main()
