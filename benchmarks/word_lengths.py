# SPDX-License-Identifier: Apache-2.0
"""Word lengths: bit operations, trials and seconds of each algorithm, against uniform formats, from float networks.

Each network is quantised to 8 bits on some frames, then its word lengths are chosen such that the accuracy on those
frames is at most a point below the float network's. Accuracies in the table are of other frames.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from common import DATA, arguments, publish, table
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.data import load_data
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.frontends.precision.specification import Bound, Measure, Specification
from qopt_mlir.passes.accuracy_evaluation import Evaluator
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.optimize_word_lengths import word_length_problem
from qopt_mlir.passes.rewriting import function_named
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.descent import descend, is_one_minimal
from qopt_mlir.passes.word_lengths.problem import Problem
from qopt_mlir.passes.word_lengths.variables import Bits, with_bits
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp

SETS = DATA.parent / "datasets"
POINTS = 1  # percentage points of accuracy that may be lost
TEST_FRAMES = 2000
MIN_BITS = 2
FORMATS = """
layers "*" { weight = fixed<8> per channel
             activation = fixed<8> }
"""


@dataclass(frozen=True)
class Case:
    """A float network, its file of frames, and how many the search sees. All are test frames: a network knows its
    training frames too well for them to show a loss."""

    name: str
    file: str
    search: int


CASES = (
    Case("mnist_conv_cntk", "mnist.npz", 3000),
    Case("mlperftiny_ic_resnet8_fp32", "cifar10_jpeg_subset.npz", 1000),
)
DATA_TEXT = """
data { file = "frames.npz"
       calibration = search labels search_labels
       test = test labels test_labels }
"""


def divided(case: Case, folder: Path) -> None:
    """frames.npz: frames for the search, spread over the file, and others for the test."""
    with np.load(SETS / case.file) as data:
        frames, labels = data["x_test"], data["y_test"]
    chosen = np.zeros(len(frames), bool)
    chosen[np.arange(case.search) * len(frames) // case.search] = True
    rest = np.flatnonzero(~chosen)[:: max(1, (len(frames) - case.search) // TEST_FRAMES)]
    np.savez(
        folder / "frames.npz",
        search=frames[chosen],
        search_labels=labels[chosen],
        test=frames[rest],
        test_labels=labels[rest],
    )


@dataclass(frozen=True)
class Setting:
    """A network quantised to 8 bits, and what judges its variants."""

    module: ModuleOp
    specification: Specification
    test: Evaluator
    float_accuracy: float  # on the test frames

    def problem(self) -> Problem:
        return word_length_problem(self.module, self.specification, MIN_BITS)[0]

    def accuracy(self, problem: Problem, bits: Bits) -> float:
        return self.test.accuracy(with_bits(self.module, problem.variables, bits))


def prepared(case: Case, folder: Path) -> Setting:
    divided(case, folder)
    specification = parse_specification(DATA_TEXT + FORMATS, case.name, folder)
    assert specification.data is not None
    module = import_onnx(DATA / f"{case.name}.onnx")
    main = function_named(module, "main")
    assert main is not None
    shape = shape_of(main.args[0])
    data = load_data(specification.data, shape)
    search, test = (
        Evaluator(np.concatenate(list(frames.batches(shape))), frames.labels)
        for frames in (data.calibration, data.test)
        if frames.labels is not None
    )
    wanted, float_accuracy = search.accuracy(module) - POINTS, test.accuracy(module)
    quantize_network(new_context(), module, specification, lambda text: None)
    drop = Fraction(search.accuracy(module) - wanted).limit_denominator(10**6)
    stated = Specification((), specification.data, bound=Bound(Measure.ACCURACY, drop))
    return Setting(module, stated, test, float_accuracy)


def uniform(problem: Problem) -> Bits:
    """The cheapest choice that gives all quantisers the same word length and is feasible."""
    for bits in range(MIN_BITS, 9):
        same = tuple(min(bits, variable.high) for variable in problem.variables)
        if problem.feasible(same):
            return same
    return problem.highest


def rows_of(case: Case, names: list[str]) -> list[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        return _rows(case, prepared(case, Path(folder)), names)


def _rows(case: Case, setting: Setting, names: list[str]) -> list[tuple[object, ...]]:
    known = setting.problem()
    best = uniform(known)
    rows: list[tuple[object, ...]] = []

    def add(label: str, problem: Problem, bits: Bits, tried: int | None, seconds: float | None) -> None:
        cost = problem.cost(bits)
        lost = setting.float_accuracy - setting.accuracy(problem, bits)
        share = f"{100 * cost / known.cost(known.highest):.0f}"
        of_best = f"{100 * cost / known.cost(best):.0f}"
        rows.append((case.name, label, cost / 1e6, share, of_best, f"{lost:.2f}", tried, seconds, _words(bits)))
        print(*rows[-1], file=sys.stderr, flush=True)

    add("uniform 8 bits", known, known.highest, None, None)
    add(f"best uniform: {max(best)} bits", known, best, None, None)
    for name in names:
        problem, started = setting.problem(), time.perf_counter()
        bits = descend(problem, ALGORITHMS[name](problem))
        tried, seconds = problem.evaluations, time.perf_counter() - started
        assert is_one_minimal(problem, bits), name
        add(name, problem, bits, tried, seconds)
    return rows


def _words(bits: Bits) -> str:
    return " ".join(map(str, bits))


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--models", default=",".join(case.name for case in CASES))
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS))
    options = parser.parse_args()
    cases = [case for case in CASES if case.name in options.models.split(",")]
    missing = [case.name for case in cases if not Path(DATA / f"{case.name}.onnx").is_file()]
    if missing:
        print(f"skipped: no {', '.join(missing)} in the model collection beside the checkout", file=sys.stderr)
    rows = [row for case in cases if case.name not in missing for row in rows_of(case, options.algorithms.split(","))]
    titles = ["network", "word lengths", "10^6 bit operations", "% of 8 bits", "% of best uniform"]
    titles += ["points lost (test)", "choices tried", "seconds", "bits of each quantiser"]
    note = f"At most {POINTS} point below the float network on the frames of the search; all results are 1-minimal."
    publish(__file__, "Word-length optimisation", [note, table(titles, rows)], options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
