# SPDX-License-Identifier: Apache-2.0
"""Choose the word length of every quantiser: least cost within a bound on accuracy, agreement or noise.

Before:
    %a = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.ufixed<8, 0>>
After (`q-optimize-word-lengths{data="frames.npz" bound="agreement 99 %"}`):
    %a = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.ufixed<5, -3>>

The bound is against the network of the file `reference`, as a rule the float one, which `qopt build --spec` gives;
without it, against the network as it comes. Only quantisers change, their types and scales: fewer bits cover about the
same range more coarsely; with `rounding=reconstruct` also weights and biases, such that the sums change least. A choice
is tried by running all frames from the first layer that differs, or some of them if it is only to be ranked; none is
tried twice. Whatever the algorithm, single bits are removed at the end until none can go (the result is 1-minimal).

Approximate: the remarks (`-v`) give the cost, the quality and the number of choices tried.
Needs: a quantised graph (an imported one, or q-quantize), one input, one output; frames.
Keeps: everything but types and scales of quantisers (and constants of weights and biases that are reconstructed), and
what follows.   Leaves: word lengths of biases, quantisers to floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..frontends import front_end
from ..frontends.precision.data import Data, Frames, load_data
from ..frontends.precision.parser import parse_setting, read_specification
from ..frontends.precision.specification import Bound, DataSource, Measure, Objective, Specification
from ..frontends.precision.syntax import error_in
from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError
from ..qdialect.text import parse_module, read_file, verify_module
from ..qdialect.types import shape_of
from .accuracy_evaluation import Evaluator, choices, percent_equal
from .calibration.progress import terminal_progress
from .data_options import data_source, refuse_besides_specification
from .remarks import record_search, remark
from .rewriting import function_named
from .word_lengths.algorithms import ALGORITHMS
from .word_lengths.costs import Cost, cost_of
from .word_lengths.descent import descend
from .word_lengths.figures import search_figures
from .word_lengths.measuring import Measurement, area_cost
from .word_lengths.problem import Problem
from .word_lengths.variables import Bits, Variable, find_variables, function_variables, set_bits, with_bits
from .word_lengths.writing import with_word_lengths, write_specification

DEFAULT_BOUND = Bound(Measure.AGREEMENT, Fraction(99))


@dataclass(frozen=True)
class OptimizeWordLengthsPass(ModulePass):
    """Choose the word length of every quantiser within a bound on accuracy, agreement or noise."""

    name = "q-optimize-word-lengths"
    exact: ClassVar[bool] = False

    specification: str | None = None  # file with a precision specification, in place of data, objective and bound
    data: str | None = None  # .npy or .npz file of frames
    frames: str | None = None  # name of the array of frames; none: the only one of the file
    labels: str | None = None  # name of the array of labels
    samples: int | None = None  # frames to try choices on, drawn by chance; none: all
    scale: str | int | float | None = None  # a stored number x means x * scale + offset
    offset: str | int | float | None = None  # see scale
    reference: str | None = None  # file of the network that the bound is against; none: the network as it comes
    objective: str | None = None  # bit_operations, weight_memory or luts
    bound: str | None = None  # as "accuracy drop 1 %", "agreement 99 %" or "sqnr 20 dB"
    rounding: str | None = None  # of weights that lose bits: nearest or reconstruct
    algorithm: str = "analytic"  # see passes/word_lengths/algorithms.py
    min_bits: int = 2  # fewest bits of a quantiser
    write: str | None = None  # file that the result is written to as a precision specification

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        specification = self.stated()
        reference = None if self.reference is None else load_network(self.reference)
        optimize_word_lengths(op, specification, Search(self.algorithm, self.min_bits, reference), self.write)

    def stated(self) -> Specification:
        """What the options say. QoptError if a specification and something that it says are both given."""
        if self.specification is not None:
            refuse_besides_specification(self, ("algorithm", "min_bits", "reference", "write"))
            return read_specification(self.specification)
        if self.data is None:
            mend = f'write {self.name}{{data="frames.npz" bound="agreement 99 %"}}'
            raise QoptError(f"the pass '{self.name}' is given no data", mend=mend)
        data = data_source(self.data, self.frames, self.labels, self.samples, self.scale, self.offset)
        stated = Specification((), data)
        for key, text in (("objective", self.objective), ("bound", self.bound), ("rounding", self.rounding)):
            stated = parse_setting(stated, key, text) if text else stated
        return stated


@dataclass(frozen=True)
class Search:
    """How word lengths are chosen.

    Args:
        algorithm: see passes/word_lengths/algorithms.py.
        min_bits: fewest bits of a quantiser.
        reference: the network that the bound is against; None: the one whose word lengths are chosen.
        reserve: how far above the bound the quality has to be, in points or dB.
    """

    algorithm: str = "analytic"
    min_bits: int = 2
    reference: ModuleOp | None = None
    reserve: float = 0.0

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise QoptError(f"there is no algorithm '{self.algorithm}'", mend=f"choose one of {', '.join(ALGORITHMS)}")
        if self.min_bits < 1:
            raise QoptError(f"the option 'min-bits' is {self.min_bits}", mend="give a positive number")


def optimize_word_lengths(
    module: ModuleOp, specification: Specification, search: Search, write: str | None = None
) -> None:
    """Choose word lengths in place. QoptError if the network misses the bound as it is."""
    name = OptimizeWordLengthsPass.name
    with terminal_progress() as progress:
        problem, measurement = word_length_problem(module, specification, search)
        problem.progress = lambda count: progress(f"{name}: {count} choices tried")
        margin = problem.margin(problem.highest)
        if margin < 0:
            what = f"the network itself misses the bound {measurement.bound} by {-margin:.2f}"
            mend = "begin with wider formats, or ask for less"
            raise error_in(specification, specification.places.get("bound"), what, mend, module)
        bits = descend(problem, min(ALGORITHMS[search.algorithm](problem), problem.best_known(), key=problem.cost))
    set_bits(module, problem.variables, bits)
    judged = _judged(measurement.reference, module, specification)
    remark(module, f"{name}: {_report(problem, measurement, bits)}{judged}")
    objective = specification.objective or Objective.BIT_OPERATIONS
    record_search(search_figures(search.algorithm, objective, measurement.bound, problem, bits))
    if write is not None:
        functions = function_variables(module, specification)
        lengths = (*bits, *(one.high for one in functions))
        write_specification(write, with_word_lengths(specification, (*problem.variables, *functions), lengths))


def word_length_problem(module: ModuleOp, specification: Specification, search: Search) -> tuple[Problem, Measurement]:
    """The problem that a specification states for a network. QoptError if it has no data, or does not fit."""
    measurement = measurement_for(search.reference or module, specification, search.reserve)
    variables = find_variables(module, measurement.evaluator.frames, search.min_bits, specification)
    start = module.clone()
    measurement.keep_errors(start)
    area: Cost = area_cost(start, variables)
    cost = cost_of(specification.objective or Objective.BIT_OPERATIONS, module, variables, area)
    return measured_problem(start, variables, cost, measurement), measurement


def measured_problem(start: ModuleOp, variables: Sequence[Variable], cost: Cost, measurement: Measurement) -> Problem:
    """The problem of the word lengths of a network, with nothing tried yet."""
    return Problem(
        variables,
        cost,
        lambda bits: measurement.margin(with_bits(start, variables, bits)),
        lambda bits: measurement.noise(with_bits(start, variables, bits)),
    )


def measurement_for(reference: ModuleOp, specification: Specification, reserve: float = 0.0) -> Measurement:
    """What judges networks on the frames of a specification, by its bound against a reference."""
    if specification.data is None:
        raise QoptError(f"{specification.name} names no data", mend='write data { file = "frames.npz" ... }')
    calibration = _loaded(reference, specification.data).calibration
    evaluator = Evaluator(_numbers(reference, calibration), calibration.labels)
    return Measurement(reference.clone(), evaluator, specification.bound or DEFAULT_BOUND, reserve)


def load_network(path: str) -> ModuleOp:
    """A network of a model's file or of textual IR."""
    read = front_end(path)
    module = parse_module(read_file(path), path) if read is None else read(path)
    verify_module(module)
    return module


def _loaded(module: ModuleOp, data: DataSource) -> Data:
    """Frames for the network's one input."""
    main = function_named(module, "main")
    if main is None or len(main.args) != 1:
        raise QoptError("the network is not a function @main of one input", module, "cut it")
    return load_data(data, shape_of(main.args[0]))


def _numbers(module: ModuleOp, frames: Frames) -> Array:
    """float32 frames [N, *shape]."""
    main = function_named(module, "main")
    assert main is not None
    return np.concatenate(list(frames.batches(shape_of(main.args[0]))))


def _judged(before: ModuleOp, after: ModuleOp, specification: Specification) -> str:
    """What the choice costs on frames that it was not made on; empty if there are none."""
    if specification.data is None or specification.data.test is None:
        return ""
    test = _loaded(before, specification.data).test
    evaluator = Evaluator(_numbers(before, test), test.labels)
    same = percent_equal(choices(evaluator.outputs(before)), choices(evaluator.outputs(after)))
    text = f"\n  on {len(test)} other frames: {same:.2f} % of the first choices are the same"
    if test.labels is None:
        return text
    return f"{text}, accuracy {evaluator.accuracy(before):.2f} % -> {evaluator.accuracy(after):.2f} %"


def _report(problem: Problem, measurement: Measurement, bits: Bits) -> str:
    before, after = problem.cost(problem.highest), problem.cost(bits)
    errors = measurement.confidence
    reserve = f" and {errors:.1f} standard errors" if errors else ""
    lines = [
        f"cost {before} -> {after}, margin {problem.margin(bits):.2f} over the bound "
        f"{measurement.bound}{reserve}, {problem.evaluations} choices tried",
        *(
            f"  {variable.name} {variable.role}: {variable.high} -> {count} bits"
            for variable, count in zip(problem.variables, bits, strict=True)
        ),
    ]
    return "\n".join(lines)
