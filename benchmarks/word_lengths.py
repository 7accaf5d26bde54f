# SPDX-License-Identifier: Apache-2.0
"""Word lengths: bit operations, trials and seconds of each algorithm, against uniform formats, from float networks.

Seconds are those of the processor, on one thread: what the wall clock says on a machine that does nothing else.

Each network is quantised to 8 bits on some frames, then its word lengths are chosen such that the accuracy on those
frames is at most a point below the float network's. Accuracies in the table are of other frames.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from common import DATA, arguments, publish, table
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.frontends.precision.data import load_data
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.frontends.precision.specification import Bound, Measure, Rounding, Specification
from qopt_mlir.passes.accuracy_evaluation import Evaluator
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.optimize_word_lengths import Search, measured_problem, word_length_problem
from qopt_mlir.passes.rewriting import function_named
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.descent import descend, is_one_minimal
from qopt_mlir.passes.word_lengths.measuring import Measurement
from qopt_mlir.passes.word_lengths.problem import Problem
from qopt_mlir.passes.word_lengths.variables import Bits, with_bits
from qopt_mlir.qdialect.text import new_context
from qopt_mlir.qdialect.types import shape_of
from xdsl.dialects.builtin import ModuleOp

Row = tuple[object, ...]
SETS = DATA.parent / "datasets"
POINTS = 1  # percentage points of accuracy that may be lost
TEST_FRAMES = 2000
MIN_BITS = 1  # of what is unsigned; signed numbers have 2
FORMATS = """
layers "*" { weight = fixed<8> per channel
             activation = fixed<8> }
rounding = ROUNDING
"""


@dataclass(frozen=True)
class Case:
    """A float network, its file of frames, which of them the search sees and how many.

    A network may know its training frames too well for them to show a loss: then the search sees test frames, and the
    accuracies are of the others.
    """

    name: str
    file: str
    array: str
    search: int


CASES = (
    Case("mnist_conv_cntk", "mnist.npz", "test", 3000),
    Case("mlperftiny_ic_resnet8_fp32", "cifar10_jpeg_subset.npz", "train", 2500),
)
DATA_TEXT = """
data { file = "frames.npz"
       calibration = search labels search_labels
       test = test labels test_labels }
"""


def divided(case: Case, folder: Path) -> None:
    """frames.npz: frames for the search, drawn by chance, and others for the test."""
    with np.load(SETS / case.file) as data:
        frames, labels = data[f"x_{case.array}"], data[f"y_{case.array}"]
        chosen = np.zeros(len(frames), bool)
        chosen[np.random.default_rng(0).permutation(len(frames))[: case.search]] = True  # classes may come in turn
        others = (frames[~chosen], labels[~chosen]) if case.array == "test" else (data["x_test"], data["y_test"])
    step = max(1, len(others[0]) // TEST_FRAMES)
    np.savez(
        folder / "frames.npz",
        search=frames[chosen],
        search_labels=labels[chosen],
        test=others[0][::step],
        test_labels=others[1][::step],
    )


class OutOfTimeError(Exception):
    """The algorithms have had their time."""


@dataclass(frozen=True)
class Setting:
    """A network quantised to 8 bits, and what judges its variants."""

    module: ModuleOp
    known: Problem
    measurement: Measurement
    test: Evaluator
    float_accuracy: float  # on the test frames

    def problem(self, end: float) -> Problem:
        """The problem with nothing tried yet; its trials raise OutOfTimeError from `end` on, in processor seconds."""
        evaluator = Evaluator(self.measurement.evaluator.frames, self.measurement.evaluator.labels)
        measurement = replace(self.measurement, evaluator=evaluator)

        def in_time(_: int) -> None:
            if time.process_time() > end:
                raise OutOfTimeError

        problem = measured_problem(self.module, self.known.variables, self.known.cost, measurement)
        problem.progress = in_time
        return problem

    def lost(self, bits: Bits) -> float:
        """Points of accuracy below the float network on the test frames."""
        return self.float_accuracy - self.test.accuracy(with_bits(self.module, self.known.variables, bits))


def prepared(case: Case, folder: Path, rounding: Rounding = Rounding.RECONSTRUCT) -> Setting:
    divided(case, folder)
    specification = parse_specification(DATA_TEXT + FORMATS.replace("ROUNDING", rounding), case.name, folder)
    assert specification.data is not None
    network = import_onnx(DATA / f"{case.name}.onnx")
    module = network.clone()
    quantize_network(new_context(), module, specification, lambda text: None)
    bound = Bound(Measure.ACCURACY, Fraction(POINTS))
    stated = Specification((), specification.data, rounding=rounding, bound=bound)
    known, measurement = word_length_problem(module, stated, Search(min_bits=MIN_BITS, reference=network))
    main = function_named(network, "main")
    assert main is not None
    shape = shape_of(main.args[0])
    frames = load_data(specification.data, shape).test
    test = Evaluator(np.concatenate(list(frames.batches(shape))), frames.labels)
    return Setting(module, known, measurement, test, test.accuracy(network))


def uniform(problem: Problem) -> Bits:
    """The cheapest choice that gives all quantisers the same word length and is feasible."""
    for bits in range(MIN_BITS, 9):
        same = tuple(min(bits, variable.high) for variable in problem.variables)
        if problem.feasible(same):
            return same
    return problem.highest


def rows_of(case: Case, names: list[str], minutes: float) -> Iterator[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        nearest = prepared(case, Path(folder), Rounding.NEAREST)
        setting = prepared(case, Path(folder))
    known = setting.known
    best, coarse = uniform(known), uniform(nearest.known)

    def row(label: str, of: Setting, bits: Bits, tried: int | None = None, seconds: float | None = None) -> Row:
        shares = [f"{100 * known.cost(bits) / known.cost(other):.0f}" for other in (known.highest, best)]
        speed = None if tried is None or seconds is None else f"{60 * tried / seconds:.0f}"
        found = (label, known.cost(bits) / 1e6, *shares, f"{of.lost(bits):.2f}", tried, seconds, speed, _words(bits))
        print(case.name, *found, file=sys.stderr, flush=True)
        return found

    yield row("uniform 8 bits", setting, known.highest)
    yield row(f"best uniform, weights rounded to nearest: {max(coarse)} bits", nearest, coarse)
    yield row(f"best uniform: {max(best)} bits", setting, best)
    for name in names:
        problem, started = setting.problem(time.process_time() + 60 * minutes), time.process_time()
        try:
            bits, label = descend(problem, ALGORITHMS[name](problem)), name
        except OutOfTimeError:
            bits, label = problem.best_known(), f"{name} (stopped)"
        tried, seconds = problem.evaluations, time.process_time() - started
        problem.progress = lambda count: None
        assert label != name or is_one_minimal(problem, bits), name
        yield row(label, setting, bits, tried, seconds)


def _words(bits: Bits) -> str:
    return " ".join(map(str, bits))


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--models", default=",".join(case.name for case in CASES))
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS))
    parser.add_argument("--minutes", type=float, default=60.0, help="for each algorithm on a network")
    options = parser.parse_args()
    names = options.algorithms.split(",")
    cases = [case for case in CASES if case.name in options.models.split(",")]
    missing = [case.name for case in cases if not Path(DATA / f"{case.name}.onnx").is_file()]
    if missing:
        print(f"skipped: no {', '.join(missing)} in the model collection beside the checkout", file=sys.stderr)
    titles = ["word lengths", "10^6 bit operations", "% of 8 bits", "% of best uniform"]
    titles += ["points lost (test)", "choices tried", "processor seconds", "tried a minute", "bits of each quantiser"]
    note = (
        f"At most {POINTS} point below the float network on the frames of the search, two standard errors in reserve; "
        "weights rounded by reconstruction; all results are 1-minimal, but that of an algorithm that was stopped after "
        f"{options.minutes:g} minutes: the best that it had met."
    )
    for case in cases:
        rows = list[Row]()
        for row in rows_of(case, names, options.minutes) if case.name not in missing else ():
            rows.append(row)  # written at once: the next may take an hour
            publish(__file__, f"Word-length optimisation: {case.name}", [note, table(titles, rows)], options.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
