# SPDX-License-Identifier: Apache-2.0
"""Accumulators are minimal: corner inputs reach both ends of their range, and with one bit less they fail."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder
from qopt_mlir.passes.check_ranges import check_ranges
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.passes.retype import fixed_by_interface, retype
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.dataflow import MatrixVectorOp
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import Overflow, Rounding
from qopt_mlir.qdialect.q import ConvOp, MatMulOp, QuantizeOp
from qopt_mlir.qdialect.q.inference import constant_of
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import FixedType, UFixedType, element_type, integer_format, is_integer_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CONV = """
!x = tensor<1x{channels}x4x5x!q.{kind}<4, 0>>
!w = tensor<4x{inner}x3x2x!q.fixed<4, 0>>
!y = tensor<1x4x{rows}x{columns}x!q.fixed<20, 0>>
func.func @main(%x: !x) -> tensor<1x4x{rows}x{columns}x!q.real> {{
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %w = q.constant #q.dense<{weights} : !w>
  %a = q.conv %x, %w strides [{stride}, 1] pads [{pads}] dilations [1, 1] groups {groups} : !x, !w -> !y
  %y = q.mul %a, %s : !y, tensor<!q.real> -> tensor<1x4x{rows}x{columns}x!q.real>
  func.return %y : tensor<1x4x{rows}x{columns}x!q.real>
}}"""


@pytest.fixture(scope="module")
def accumulators() -> Iterator[Any]:
    """The benchmark as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("accumulators")
    sys.path.remove(str(BENCHMARKS))


def convolution(seed: int) -> ModuleOp:
    generator = np.random.default_rng(seed)
    groups, stride = int(generator.choice([1, 2, 4])), int(generator.integers(1, 3))
    pads = generator.integers(0, 3, 4).tolist()
    weights = generator.integers(-7, 8, (4, 4 // groups, 3, 2)).tolist()
    text = CONV.format(
        channels=4,
        inner=4 // groups,
        kind=str(generator.choice(["fixed", "ufixed"])),
        rows=(4 + pads[0] + pads[2] - 3) // stride + 1,
        columns=5 + pads[1] + pads[3] - 1,
        weights=weights,
        stride=stride,
        pads=", ".join(map(str, pads)),
        groups=groups,
    )
    return parse_module(text, "test")


@pytest.mark.parametrize("seed", range(30))
def test_corner_inputs_reach_the_ends_of_convolutions(
    seed: int, run_passes: Callable[[ModuleOp, str], ModuleOp], accumulators: Any
) -> None:
    (layer,) = accumulators.layers(run_passes(convolution(seed), "q-infer-ranges"))
    assert layer.reached
    assert layer.ours <= layer.by_a2q


def test_corner_inputs_reach_the_ends_of_products(
    typed: Callable[[int], ModuleOp], run_passes: Callable[[ModuleOp, str], ModuleOp], accumulators: Any
) -> None:
    tried = 0
    for seed in range(90):
        module = run_passes(typed(seed), "q-fold-constants,q-infer-ranges")
        inputs = {argument for op in module.ops if isinstance(op, FuncOp) for argument in op.args}
        for op in module.walk():
            if isinstance(op, MatMulOp) and op.lhs in inputs and constant_of(op.rhs) is not None:
                integer = is_integer_type(element_type(op.result))
                assert not integer or accumulators.measured(op, op.lhs, analyse(module)).reached
                tried += integer
    assert tried >= 10


@pytest.mark.parametrize("seed", range(10))
def test_one_bit_less_is_refused(seed: int, run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """By the verifier as it stands, by the range analysis if a proof is claimed."""
    module = run_passes(convolution(seed), "q-infer-ranges")
    op = next(op for op in module.walk() if isinstance(op, ConvOp))
    assert not fixed_by_interface(op.result)
    shorter = shortened(element_type(op.result))
    retype(op.result, shorter)
    op.properties.pop("range", None)
    with pytest.raises(QoptError, match="can give codes"):
        verify_module(module)
    held = integer_format(shorter).code_range
    op.properties["range"] = RangeAttr(held.lo, held.hi)
    with pytest.raises(QoptError, match="states codes"):
        check_ranges(module)


@pytest.mark.parametrize("seed", range(10))
def test_one_bit_less_overflows(seed: int, run_passes: Callable[[ModuleOp, str], ModuleOp], accumulators: Any) -> None:
    """A corner input gives another code where the accumulator wraps at one bit less."""
    module = run_passes(convolution(seed), "q-infer-ranges")
    op = next(op for op in module.walk() if isinstance(op, ConvOp))
    alone, shorter = accumulators.alone(op), shortened(element_type(op.result))
    frames: dict[str | int, Any] = {0: np.stack(accumulators.conv_corners(op, analyse(module)))}
    (right,) = compile_function(alone).run_codes(frames)
    function = next(op for op in alone.ops if isinstance(op, FuncOp))
    last = function.body.block.last_op
    assert isinstance(last, ReturnOp)
    wrapped = QuantizeOp(last.operands[0], shorter, Rounding.FLOOR, Overflow.WRAP)
    function.body.block.insert_op_before(wrapped, last)
    last.operands[0] = wrapped.result
    function.update_function_type()
    (wrong,) = compile_function(alone).run_codes(frames)
    assert not np.array_equal(np.asarray(right), np.asarray(wrong))


def shortened(type_: Any) -> FixedType | UFixedType:
    """The type with one bit less."""
    assert isinstance(type_, FixedType | UFixedType)
    return type(type_)(type_.bitwidth - 1, type_.fraction_bits.data)


@pytest.mark.parametrize("name", ["tfc_2w2a", "kwsmlp_w3a3", "nemo_residual1"])
def test_layers_of_trained_networks(name: str, accumulators: Any) -> None:
    found = [path for path in accumulators.models() if path.stem == name]
    if not found:
        pytest.skip(f"{name}.onnx is not beside the checkout")
    layers = list(accumulators.layers(accumulators.typed(found[0])))
    assert layers
    assert all(layer.reached for layer in layers)
    assert sum(layer.ours for layer in layers) < sum(layer.by_a2q for layer in layers)


def test_narrow_accumulators_of_chains_in_hardware(tmp_path: Path) -> None:
    """The second of two products with one orthogonal matrix needs 9 bits, its partial sums 12: these may wrap."""
    matrix = np.array([[1]])
    for _ in range(3):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    given = "tensor<1x8x!q.fixed<6, 0>>"
    text = f"""
!w = tensor<8x8x!q.fixed<2, 0>>
func.func @main(%x: {given} {{q.name = "x"}}) -> ({given} {{q.name = "y"}}) {{
  %w = q.constant #q.dense<{matrix.tolist()} : !w>
  %a = q.matmul %x, %w : {given}, !w -> tensor<1x8x!q.fixed<13, 0>>
  %b = q.matmul %a, %w : tensor<1x8x!q.fixed<13, 0>>, !w -> tensor<1x8x!q.fixed<19, 0>>
  %y = q.quantize %b floor saturate : tensor<1x8x!q.fixed<19, 0>> -> {given}
  func.return %y : {given}
}}"""
    module = parse_module(text, "chain")
    generator = np.random.default_rng(1)
    noise, corners = generator.integers(-32, 32, (10, 1, 8)), np.where(generator.random((10, 1, 8)) < 0.5, -32, 31)
    frames = np.concatenate([noise, corners])
    (expected,) = compile_function(module).run_codes({0: frames})
    build(new_context(), module, tmp_path / "chain", BuildOptions("chain", fps=1e3), lambda _: None)
    second = [op for op in module.walk() if isinstance(op, MatrixVectorOp)][1]
    assert second.result_type.format.word_length == 9
    execution = run_folder(BuildFolder.open(tmp_path / "chain"), Request({"x": frames}, "amaranth", 0.3))
    assert np.array_equal(np.asarray(execution.outputs[0]).reshape(frames.shape), np.asarray(expected))
