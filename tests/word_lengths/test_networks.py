# SPDX-License-Identifier: Apache-2.0
"""Word lengths of a network: which can be chosen, what they cost, what comes back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from qopt_mlir.backends.execute import run_module
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.frontends.precision.specification import (
    Bound,
    DataArrays,
    DataSource,
    FormatChoice,
    Kind,
    Measure,
    Objective,
    Pattern,
    Role,
    Rule,
    Specification,
)
from qopt_mlir.passes.accuracy_evaluation import Evaluator
from qopt_mlir.passes.hardware_area import estimated_area
from qopt_mlir.passes.optimize_word_lengths import Search, word_length_problem
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.word_lengths.algorithms import ALGORITHMS
from qopt_mlir.passes.word_lengths.costs import layer_products
from qopt_mlir.passes.word_lengths.descent import descend, is_one_minimal
from qopt_mlir.passes.word_lengths.measuring import CONFIDENCE, Measurement
from qopt_mlir.passes.word_lengths.problem import Problem
from qopt_mlir.passes.word_lengths.variables import find_variables, set_bits, with_bits
from qopt_mlir.passes.word_lengths.writing import with_word_lengths
from qopt_mlir.qdialect.cost import total_cost
from qopt_mlir.qdialect.cost.unit import BRAM18_AREA, DSP_AREA
from qopt_mlir.qdialect.dataflow import hardware_function, unit_graph
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

TEXT = """
func.func @main(%x: tensor<1x6xf32>) -> tensor<1x2xf32> {
  %a = q.quantize %x half_even saturate : tensor<1x6xf32> -> tensor<1x6x!q.fixed<8, 4>> loc("in")
  %w = q.constant #q.dense<WEIGHTS : tensor<6x4xf32>>
  %v = q.quantize %w half_even saturate : tensor<6x4xf32> -> tensor<6x4x!q.fixed<8, 6>> loc("w1")
  %b = q.matmul %a, %v : tensor<1x6x!q.fixed<8, 4>>, tensor<6x4x!q.fixed<8, 6>> -> tensor<1x4x!q.fixed<18, 10>>
  %c = q.constant #q.dense<[0.5, 0.25, -1.0, 0.0] : tensor<4xf32>>
  %d = q.quantize %c half_even saturate : tensor<4xf32> -> tensor<4x!q.fixed<16, 10>> loc("bias")
  %e = q.add %b, %d : tensor<1x4x!q.fixed<18, 10>>, tensor<4x!q.fixed<16, 10>> -> tensor<1x4x!q.fixed<19, 10>>
  %f = q.relu %e : tensor<1x4x!q.fixed<19, 10>> -> tensor<1x4x!q.ufixed<18, 10>>
  %g = q.quantize %f half_even saturate : tensor<1x4x!q.ufixed<18, 10>> -> tensor<1x4x!q.ufixed<8, 5>> loc("mid")
  %u = q.constant #q.dense<[[1.0, -1.0], [0.5, 0.25], [-0.5, 1.0], [0.75, -0.25]] : tensor<4x2xf32>>
  %t = q.quantize %u half_even saturate : tensor<4x2xf32> -> tensor<4x2x!q.fixed<8, 6>> loc("w2")
  %y = q.matmul %g, %t : tensor<1x4x!q.ufixed<8, 5>>, tensor<4x2x!q.fixed<8, 6>> -> tensor<1x2x!q.fixed<19, 11>>
  %z = q.quantize %y half_even saturate : tensor<1x2x!q.fixed<19, 11>> -> tensor<1x2xf32>
  func.return %z : tensor<1x2xf32>
}
"""


def network() -> ModuleOp:
    weights = np.random.default_rng(0).normal(size=(6, 4)).round(3).tolist()
    module = parse_module(TEXT.replace("WEIGHTS", str(weights)), "net.mlir")
    verify_module(module)
    return module


def stated(tmp_path_factory: pytest.TempPathFactory, bound: Bound) -> Specification:
    folder = tmp_path_factory.mktemp("data")
    frames = np.random.default_rng(1).normal(size=(300, 6)).astype(np.float32)
    labels = run_module(network(), {"": frames.reshape(-1, 1, 6)}).outputs[0].reshape(300, 2).argmax(axis=1)
    np.savez(folder / "frames.npz", x=frames, y=labels)
    return Specification((), DataSource("frames.npz", DataArrays("x", "y"), folder=folder), bound=bound)


def problem_of(factory: pytest.TempPathFactory, bound: Bound) -> Problem:
    return word_length_problem(network(), stated(factory, bound), Search())[0]


def test_variables_and_costs(tmp_path_factory: pytest.TempPathFactory) -> None:
    problem = problem_of(tmp_path_factory, Bound(Measure.SQNR, Fraction(20)))
    assert [(one.name, one.role) for one in problem.variables] == [
        ("x", Role.ACTIVATION),
        ("w1", Role.WEIGHT),
        ("mid", Role.ACTIVATION),
        ("w2", Role.WEIGHT),
    ]
    layers = layer_products(network(), problem.variables)
    assert [layer.count for layer in layers] == [24, 8]
    assert problem.cost((8, 8, 8, 8)) == 24 * 64 + 8 * 64
    assert problem.cost((3, 5, 2, 7)) == 24 * 15 + 8 * 14


@pytest.mark.parametrize("bound", [(Measure.SQNR, 15), (Measure.AGREEMENT, 95), (Measure.ACCURACY, 4)])
def test_the_bound_holds_and_no_bit_can_go(
    tmp_path_factory: pytest.TempPathFactory, bound: tuple[Measure, int]
) -> None:
    problem = problem_of(tmp_path_factory, Bound(bound[0], Fraction(bound[1])))
    bits = descend(problem, ALGORITHMS["analytic"](problem))
    assert is_one_minimal(problem, bits)
    assert problem.cost(bits) < problem.cost(problem.highest) / 2


def test_trials_leave_no_remarks(tmp_path_factory: pytest.TempPathFactory) -> None:
    stated_luts = replace(stated(tmp_path_factory, Bound(Measure.SQNR, Fraction(20))), objective=Objective.LUTS)
    problem = word_length_problem(network(), stated_luts, Search())[0]
    with collected_remarks() as remarks:
        assert problem.cost(problem.highest) > problem.cost(problem.lowest) > 0
    assert not remarks


def test_area_has_a_price_of_multipliers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Wide factors go to DSP blocks: what is cheap in look-up tables alone is not cheap."""
    problem = problem_of(tmp_path_factory, Bound(Measure.SQNR, Fraction(20)))
    wide = with_bits(network(), problem.variables, problem.highest)
    area = estimated_area(wide)
    run_passes(new_context(), wide, parse_passes("q-to-typed,q-convert-to-dataflow,q-insert-forks,q-set-folding"))
    total = total_cost(unit_graph(hardware_function(wide)))
    assert total.dsp > 0
    assert area == total.lut + DSP_AREA * total.dsp + BRAM18_AREA * total.bram18


def test_the_result_is_ir_whose_types_say_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    problem = problem_of(tmp_path_factory, Bound(Measure.SQNR, Fraction(20)))
    module = network()
    set_bits(module, problem.variables, (5, 4, 3, 6))
    verify_module(module)
    text = module_text(module)
    for type_ in ("x6x!q.fixed<5, ", "6x4x!q.fixed<4, ", "x4x!q.ufixed<3, ", "4x2x!q.fixed<6, "):
        assert type_ in text
    assert "4x!q.fixed<16, 10>" in text, "biases stay"
    frames = np.zeros((1, 1, 6), np.float32)
    assert run_module(parse_module(text, "again.mlir"), {"": frames}).outputs[0].shape == (1, 1, 2)


def test_accuracy_needs_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    specification = stated(tmp_path_factory, Bound(Measure.ACCURACY, Fraction(1)))
    assert specification.data is not None
    data = DataSource("frames.npz", DataArrays("x"), folder=specification.data.folder)
    with pytest.raises(QoptError, match="no labels"):
        word_length_problem(network(), Specification((), data, bound=specification.bound), Search())


def test_the_result_as_a_specification(tmp_path_factory: pytest.TempPathFactory) -> None:
    rule = Rule((Pattern("*"),), {Role.WEIGHT: FormatChoice(Kind.FIXED, IntRange(3, 8), power_of_two=True)})
    stated_ = replace(stated(tmp_path_factory, Bound(Measure.SQNR, Fraction(20))), rules=(rule,))
    problem, _ = word_length_problem(network(), stated_, Search())
    assert [variable.low for variable in problem.variables] == [2, 3, 2, 3]
    found = with_word_lengths(stated_, problem.variables, (5, 4, 3, 6))
    assert parse_specification(str(found), "again.spec") == found
    weight = found.choices(("w1",), "matmul").formats[Role.WEIGHT]
    assert (weight.bits, weight.power_of_two) == (IntRange(4, 4), True)
    assert found.choices(("mid",), "other").formats[Role.ACTIVATION].bits == IntRange(3, 3)


def test_two_standard_errors_of_the_accuracy_stay_in_reserve(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Labels are the network's own answers: n wrong of 300 lose n / 3 points, with an error of sqrt(n) / 3."""
    bound = Bound(Measure.ACCURACY, Fraction(4))
    problem, measurement = word_length_problem(network(), stated(tmp_path_factory, bound), Search())
    assert measurement.confidence == CONFIDENCE
    wrongs = set[int]()
    for bits in product((2, 3, 8), repeat=4):
        outputs = measurement.evaluator.outputs(with_bits(network(), problem.variables, bits))
        labels = measurement.evaluator.labels
        assert labels is not None
        wrong = int(np.sum(outputs.reshape(300, 2).argmax(axis=1) != labels))
        wrongs.add(wrong)
        assert problem.margin(bits) == pytest.approx(4 + 0.1 / 300 - (wrong + 2 * wrong**0.5) / 3)
    assert len(wrongs) > 10


def test_a_start_that_cannot_afford_the_reserve_is_no_fault(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One frame more than the start has wrong may be."""
    rough, loose = network(), Bound(Measure.ACCURACY, Fraction(100))
    problem, measurement = word_length_problem(network(), stated(tmp_path_factory, loose), Search())
    set_bits(rough, problem.variables, (8, 3, 3, 3))
    wrong = round(measurement.standard_error(measurement.evaluator.outputs(rough)) ** 2 * 9)
    bound = Bound(Measure.ACCURACY, Fraction(wrong + 1, 3))
    problem, measurement = word_length_problem(rough, stated(tmp_path_factory, bound), Search(reference=network()))
    assert measurement.confidence == pytest.approx(1 / wrong**0.5, rel=0.2)
    assert problem.feasible(problem.highest)


def test_noise_is_measured_on_some_frames_of_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of 1 300 frames every third, as classes may come in turn; the bound is against all."""
    frames = np.random.default_rng(2).normal(size=(1300, 1, 6)).astype(np.float32)
    measurement = Measurement(network(), Evaluator(frames), Bound(Measure.SQNR, Fraction(20)))
    variables = find_variables(network(), frames, 2)
    short = with_bits(network(), variables, (4, 4, 4, 4))
    outputs = [run_module(module, {"": frames}).outputs[0].astype(np.float64) for module in (network(), short)]
    powers = [[float(np.square(x).sum()) for x in (outputs[0][::k], (outputs[1] - outputs[0])[::k])] for k in (1, 3)]
    (signal, noise), (some_signal, some_noise) = powers
    assert measurement.noise(short) == pytest.approx(some_noise / some_signal)
    assert measurement.margin(short) == pytest.approx(10 * np.log10(signal / noise) - 20)


def test_bits_of_factors_behind_moves_and_rectifiers() -> None:
    """Integers that exact ops give have the bits of their quantiser, more or fewer by what the op adds or takes."""
    text = """
func.func @main(%x: tensor<1x2x3xf32>) -> tensor<1x2xf32> {
  %a = q.quantize %x half_even saturate : tensor<1x2x3xf32> -> tensor<1x2x3x!q.fixed<8, 4>> loc("in")
  %b = q.reshape %a : tensor<1x2x3x!q.fixed<8, 4>> -> tensor<1x6x!q.fixed<8, 4>>
  %r = q.relu %b : tensor<1x6x!q.fixed<8, 4>> -> tensor<1x6x!q.ufixed<7, 4>>
  %w = q.constant #q.dense<0.5 : tensor<6x2xf32>>
  %v = q.quantize %w half_even saturate : tensor<6x2xf32> -> tensor<6x2x!q.fixed<8, 6>> loc("w")
  %m = q.matmul FACTOR, %v : TYPE, tensor<6x2x!q.fixed<8, 6>> -> tensor<1x2x!q.fixed<RESULT, 10>>
  %y = q.quantize %m half_even saturate : tensor<1x2x!q.fixed<RESULT, 10>> -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
"""
    for factor, type_, more in (("%b", "!q.fixed<8, 4>", 0), ("%r", "!q.ufixed<7, 4>", -1)):
        filled = text.replace("FACTOR", factor).replace("TYPE", f"tensor<1x6x{type_}>")
        module = parse_module(filled.replace("RESULT", "18"), "net.mlir")
        variables = find_variables(module, np.ones((4, 1, 2, 3), np.float32), 2)
        (layer,) = layer_products(module, variables)
        short = with_bits(module, variables, (5, 3))
        assert layer.bit_operations((5, 3)) == 12 * (5 + more) * 3
        assert f"{type_.partition('<')[0]}<{5 + more}, 1>>, tensor<6x2x!q.fixed<3, " in module_text(short)
