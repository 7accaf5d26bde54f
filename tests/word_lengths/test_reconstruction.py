# SPDX-License-Identifier: Apache-2.0
"""Weights for each word length: on the grid, nearer in the sums than rounding to nearest, and the IR says them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.execute import run_module
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.frontends.precision.specification import Rounding
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.optimize_word_lengths import Search, word_length_problem
from qopt_mlir.passes.rewriting import function_named
from qopt_mlir.passes.word_lengths.descent import descend, is_one_minimal
from qopt_mlir.passes.word_lengths.problem import Problem
from qopt_mlir.passes.word_lengths.reconstructing import layer_of
from qopt_mlir.passes.word_lengths.variables import Bits, with_bits
from qopt_mlir.qdialect.attrs import Array
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

FULLY_CONNECTED = """
func.func @main(%x: tensor<1x12xf32>) -> tensor<1x3xf32> {
  %w = q.constant #q.dense<FIRST : tensor<12x8xf32>>
  %a = q.matmul %x, %w : tensor<1x12xf32>, tensor<12x8xf32> -> tensor<1x8xf32> loc("fc1")
  %b = q.constant #q.dense<BIAS : tensor<8xf32>>
  %c = q.add %a, %b : tensor<1x8xf32>, tensor<8xf32> -> tensor<1x8xf32> loc("fc1")
  %d = q.relu %c : tensor<1x8xf32> -> tensor<1x8xf32> loc("fc1")
  %u = q.constant #q.dense<SECOND : tensor<8x3xf32>>
  %y = q.matmul %d, %u : tensor<1x8xf32>, tensor<8x3xf32> -> tensor<1x3xf32> loc("fc2")
  func.return %y : tensor<1x3xf32>
}
"""
CONVOLUTION = """
func.func @main(%x: tensor<1x12xf32>) -> tensor<1x12xf32> {
  %v = q.reshape %x : tensor<1x12xf32> -> tensor<1x2x2x3xf32>
  %w = q.constant #q.dense<KERNELS : tensor<4x1x2x2xf32>>
  %a = q.conv %v, %w strides [1, 1] pads [0, 0, 0, 1] dilations [1, 1] groups 2
    : tensor<1x2x2x3xf32>, tensor<4x1x2x2xf32> -> tensor<1x4x1x3xf32> loc("c")
  %b = q.constant #q.dense<[[[0.3]], [[-0.2]], [[0.1]], [[0.0]]] : tensor<4x1x1xf32>>
  %c = q.add %a, %b : tensor<1x4x1x3xf32>, tensor<4x1x1xf32> -> tensor<1x4x1x3xf32> loc("c")
  %y = q.reshape %c : tensor<1x4x1x3xf32> -> tensor<1x12xf32>
  func.return %y : tensor<1x12xf32>
}
"""
SHAPES = {"FIRST": (12, 8), "BIAS": (8,), "SECOND": (8, 3), "KERNELS": (4, 1, 2, 2)}
RULES = """
data { file = "frames.npz"
       calibration = x }
layers "*" { weight = fixed<8> GRANULARITY
             activation = fixed<8> }
bound = sqnr 18 dB
"""


def network(text: str) -> ModuleOp:
    generator = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        text = text.replace(name, str(generator.normal(size=shape).round(3).tolist()))
    return parse_module(text, "float.mlir")


def frames() -> Array:
    """Correlated numbers, as those of images: errors of weights can make up for each other."""
    generator = np.random.default_rng(1)
    mixed = generator.normal(size=(250, 4)) @ generator.normal(size=(4, 12)) + 0.1 * generator.normal(size=(250, 12))
    return (mixed + 0.5).astype(np.float32)


def problem_of(folder: Path, text: str, granularity: str, rounding: Rounding) -> tuple[ModuleOp, Problem]:
    """A network quantised to 8 bits, and its word lengths, weights of fewer bits rounded as named."""
    np.savez(folder / "frames.npz", x=frames())
    rules = RULES.replace("GRANULARITY", granularity)
    start = parse_specification(rules, "net.spec", folder)
    module = network(text)
    quantize_network(new_context(), module, start)
    stated = replace(start, rules=(), rounding=rounding)
    return module, word_length_problem(module, stated, Search(reference=network(text)))[0]


def weights_of(problem: Problem) -> list[int]:
    return [number for number, variable in enumerate(problem.variables) if variable.role == "weight"]


def with_weights(problem: Problem, bits: int) -> Bits:
    return tuple(bits if variable.role == "weight" else variable.high for variable in problem.variables)


@pytest.mark.parametrize(("text", "most"), [(FULLY_CONNECTED, 0.7), (CONVOLUTION, 1.0)])
@pytest.mark.parametrize("granularity", ["per channel", "per tensor", "per channel power_of_two", "power_of_two"])
def test_reconstructed_weights_add_less_noise(text: str, most: float, granularity: str, tmp_path: Path) -> None:
    noises = {
        rounding: [problem.noise(with_weights(problem, bits)) for bits in (3, 4, 5)]
        for rounding in Rounding
        for problem in (problem_of(tmp_path, text, granularity, rounding)[1],)
    }
    assert sum(noises[Rounding.RECONSTRUCT]) < most * sum(noises[Rounding.NEAREST])


@pytest.mark.parametrize("text", [FULLY_CONNECTED, CONVOLUTION])
def test_the_ir_holds_the_weights_on_their_grid(text: str, tmp_path: Path) -> None:
    """Rounding to nearest, which the IR says, leaves them as they are: text and module compute the same."""
    module, problem = problem_of(tmp_path, text, "per channel", Rounding.RECONSTRUCT)
    short = with_bits(module, problem.variables, with_weights(problem, 4))
    verify_module(short)
    again = parse_module(module_text(short), "again.mlir")
    x = {"": frames().reshape(-1, 1, 12)}
    assert np.array_equal(run_module(again, x).outputs[0], run_module(short, x).outputs[0])
    main = function_named(module, "main")
    assert main is not None
    ops = list(main.body.block.ops)
    for number in weights_of(problem):
        quantizer, fit = ops[problem.variables[number].index], problem.variables[number].fit(4)
        assert isinstance(quantizer, QuantizeOp)
        assert fit.weights is not None
        assert fit.scale is not None
        quanta = fit.weights / fit.scale * 2.0 ** problem.variables[number].type_of(quantizer, 4).format.fraction_bits
        assert np.abs(quanta - np.rint(quanta)).max() < 1e-3
        assert np.abs(quanta).max() <= 7


@pytest.mark.parametrize(("change", "found"), [("half_even", True), ("floor", False)])
def test_directed_rounding_is_left_alone(change: str, found: bool, tmp_path: Path) -> None:
    module, _ = problem_of(tmp_path, FULLY_CONNECTED, "per channel", Rounding.NEAREST)
    text = module_text(module).replace("half_even saturate narrow", f"{change} saturate narrow")
    quantizers = [op for op in parse_module(text, "net.mlir").walk() if isinstance(op, QuantizeOp) and op.narrow]
    assert [layer_of(op) is not None for op in quantizers] == [found, found]


def channel_means(module: ModuleOp) -> Array:
    """Of the convolution's results."""
    return run_module(module, {"": frames().reshape(-1, 1, 12)}).outputs[0].reshape(-1, 4, 3).mean(axis=(0, 2))


def test_biases_keep_the_mean(tmp_path: Path) -> None:
    errors = dict[Rounding, float]()
    for rounding in Rounding:
        module, problem = problem_of(tmp_path, CONVOLUTION, "per channel", rounding)
        short = with_bits(module, problem.variables, with_weights(problem, 3))
        errors[rounding] = float(np.abs(channel_means(short) - channel_means(network(CONVOLUTION))).max())
    assert errors[Rounding.RECONSTRUCT] < 0.02 < errors[Rounding.NEAREST]


def test_the_result_is_one_minimal_and_costs_less(tmp_path: Path) -> None:
    _, problem = problem_of(tmp_path, FULLY_CONNECTED, "per channel", Rounding.RECONSTRUCT)
    bits = descend(problem, problem.highest)
    assert is_one_minimal(problem, bits)
    _, plain = problem_of(tmp_path, FULLY_CONNECTED, "per channel", Rounding.NEAREST)
    assert problem.cost(bits) < plain.cost(descend(plain, plain.highest))
