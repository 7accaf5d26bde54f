# SPDX-License-Identifier: Apache-2.0
"""Shared weights in hardware: indices and codebooks give every bit that the reference gives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.amaranth import weighted_sums
from qopt_mlir.backends.amaranth.regrouped import RegroupedUnit
from qopt_mlir.backends.amaranth.shared_products import SharedProducts
from qopt_mlir.backends.hardware import component
from qopt_mlir.backends.verilog import verilog_files
from qopt_mlir.passes.pipelines import PIPELINES
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.cost import matrix_vector, unit_cost
from qopt_mlir.qdialect.dataflow import MatrixVectorOp, hardware_function, unit_graph
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, SharedType, UFixedType
from xdsl.dialects.builtin import ModuleOp, TensorType, UnitAttr
from xdsl.ir import SSAValue

sys.path.insert(0, str(Path(__file__).parents[1] / "dataflow"))
from hardware_check import check_hardware, check_verilog
from units import check_ladder, module_of

MLP = """
func.func @main(%x: tensor<1x6x!q.fixed<4, 0>>) -> tensor<1x3x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 1, 1], [2, 2, 3, 3], [1, 3, 0, 2], [0, 2, 0, 2]]
      codebook [-90, -7, 33, 101] : tensor<6x4x!q.shared<4, !q.fixed<8, 0>>>>
  %a = q.matmul %x, %w
      : tensor<1x6x!q.fixed<4, 0>>, tensor<6x4x!q.shared<4, !q.fixed<8, 0>>> -> tensor<1x4x!q.fixed<13, 0>>
  %t = q.constant #q.dense<[[-300, 0, 300]] : tensor<1x3x!q.fixed<13, 0>>>
  %h = q.threshold %a, %t base 0
      : tensor<1x4x!q.fixed<13, 0>>, tensor<1x3x!q.fixed<13, 0>> -> tensor<1x4x!q.ufixed<2, 0>>
  %v = q.constant #q.dense<[[0, 1, 2], [2, 1, 0], [1, 1, 0], [2, 0, 1]] codebook [-4, 1, 3]
      : tensor<4x3x!q.shared<3, !q.fixed<3, 0>>>>
  %y = q.matmul %h, %v
      : tensor<1x4x!q.ufixed<2, 0>>, tensor<4x3x!q.shared<3, !q.fixed<3, 0>>> -> tensor<1x3x!q.fixed<6, 0>>
  func.return %y : tensor<1x3x!q.fixed<6, 0>>
}
"""


def lowered(text: str) -> ModuleOp:
    module = parse_module(text, "text")
    passes = ",".join(["q-infer-ranges", "q-partition", *PIPELINES["q-to-dataflow"]])
    run_passes(new_context(), module, parse_passes(passes))
    return module


@pytest.fixture
def always_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    def two_or_more(entries: int, *_: object) -> bool:
        return entries > 1

    monkeypatch.setattr(weighted_sums, "kept_as_indices", two_or_more)
    monkeypatch.setattr(matrix_vector, "kept_as_indices", two_or_more)


def test_mlp_equals_the_reference(always_indices: None, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (20, 1, 6))
    expected = np.asarray(compile_function(parse_module(MLP, "text")).run_codes({0: x})[0])
    module = lowered(MLP)
    assert np.array_equal(compile_function(module).run_codes({0: x})[0], expected)
    check_hardware(module, x.reshape(20, -1), expected)
    check_verilog(module, x.reshape(20, -1), expected, tmp_path)


def test_an_edited_codebook_reaches_the_verilog(always_indices: None) -> None:
    text = module_text(lowered(MLP))
    edited = text.replace("codebook [-90, -7, 33, 101]", "codebook [-90, -7, 34, 101]")
    assert edited != text
    x = np.random.default_rng(1).integers(-8, 8, (20, 1, 6))
    module = parse_module(edited, "text")
    weights = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 1, 1], [2, 2, 3, 3], [1, 3, 0, 2], [0, 2, 0, 2]])
    hidden = (x @ np.array([-90, -7, 34, 101])[weights])[..., None] >= np.array([-300, 0, 300])
    last = np.array([[0, 1, 2], [2, 1, 0], [1, 1, 0], [2, 0, 1]])
    expected = hidden.sum(axis=-1) @ np.array([-4, 1, 3])[last]
    check_hardware(module, x.reshape(20, -1), expected)
    assert verilog_files(module, "net") != verilog_files(parse_module(text, "text"), "net")


FOLDINGS = [(1, 1), (1, 3), (4, 1), (2, 3)]


@pytest.mark.parametrize(("pe", "simd"), FOLDINGS)
@pytest.mark.parametrize("element", [UFixedType(8, 0), FixedType(3, 0)], ids=str)
@pytest.mark.parametrize("codes", [[-128, -3, 0, 5, 127], [-8, 1, 7], [-2, 1]], ids=str)
def test_every_folding_and_data_path(
    always_indices: None, element: FixedType | UFixedType, codes: list[int], pe: int, simd: int
) -> None:
    rng = np.random.default_rng(pe * 8 + simd)
    module = product_of(rng.choice(codes, (4, 6)), element, FixedType(8), pe, simd, bias=rng.integers(-9, 9, 4))
    (unit,) = (op for op in unit_graph(hardware_function(module)) if isinstance(op, MatrixVectorOp))
    products = component(unit)._products  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(products, SharedProducts)
    weights, bias = unit.weight_codes, unit.bias_codes
    check_ladder(module, lambda x: weights @ x + bias, rng)


@pytest.mark.parametrize("codes", [[-4, -1, 2, 5], [-5, -2, 1, 4]], ids=str)
def test_look_ups_of_one_index_are_right_in_verilator(always_indices: None, codes: list[int], tmp_path: Path) -> None:
    """Bits of a digit are `(a >> index) ^ (b >> index)`; with constants of several widths, Verilator cuts one short."""
    rng = np.random.default_rng(2)
    weights = rng.choice(codes, (3, 6))
    module = product_of(weights, UFixedType(8, 0), FixedType(4), 1, 1, None)
    x = rng.integers(0, 256, (6, 6))
    check_verilog(module, x, x @ weights.T, tmp_path)


def product_of(
    weights: np.ndarray, element: FixedType | UFixedType, value: FixedType, pe: int, simd: int, bias: np.ndarray | None
) -> ModuleOp:
    rows, columns = weights.shape
    type_ = TensorType(SharedType(len(np.unique(weights)), value), weights.shape)

    def body(x: SSAValue) -> SSAValue:
        matrix = ConstantOp(DenseAttr(weights, type_)).result
        addend = None if bias is None else ConstantOp(DenseAttr(bias, TensorType(FixedType(9), (rows,)))).result
        return MatrixVectorOp(x, matrix, FixedType(32), bias=addend, pe=pe, simd=simd).result

    return module_of(element, (columns,), body, simd)


def test_indices_where_they_take_less() -> None:
    rng = np.random.default_rng(3)
    for size, pe, indices in ((96, 1, True), (4, 4, False)):
        module = product_of(rng.choice([-77, 3, 40, 99], (size, size)), UFixedType(8, 0), FixedType(8), pe, pe, None)
        (unit,) = unit_graph(hardware_function(module))
        products = component(unit)._products  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(products, SharedProducts) == indices
        stored = unit_cost(unit).memory_bits
        assert stored == (size * size * 2 + 4 * 8 + size * 8 if indices else 0)  # rows without a bias add nothing


def test_channels_with_codebooks_of_their_own_keep_their_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    weights = np.stack([rng.choice(rng.integers(-128, 128, 3), 12) for _ in range(8)])
    text = TensorType(SharedType(3, FixedType(8)), weights.shape)

    def body(x: SSAValue) -> SSAValue:
        return MatrixVectorOp(x, ConstantOp(DenseAttr(weights, text)).result, FixedType(32), pe=2, simd=3).result

    check_ladder(module_of(FixedType(5), (12,), body, 3), lambda x: weights @ x, rng)


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (1, 3), (4, 1), (2, 6), (4, 6)])
@pytest.mark.parametrize(
    ("element", "codes"),
    [
        (UFixedType(8, 0), [-128, -3, 0, 5, 127]),
        (FixedType(3, 0), [-8, 1, 7]),
        (BipolarType(), [0, 11]),
        (UFixedType(2, 0), [0]),
        (UFixedType(4, 0), [-5]),
    ],
    ids=str,
)
def test_regrouped_sums(element: FixedType | UFixedType, codes: list[int], pe: int, simd: int) -> None:
    rng = np.random.default_rng(pe * 8 + simd)
    bias = rng.integers(-9, 9, 4) if simd > 1 else None
    module = product_of(rng.choice(codes, (4, 6)), element, FixedType(8), pe, simd, bias)
    (unit,) = (op for op in unit_graph(hardware_function(module)) if isinstance(op, MatrixVectorOp))
    unit.regrouped_attr = UnitAttr()
    assert isinstance(component(unit), RegroupedUnit)
    weights, addend = unit.weight_codes, 0 if bias is None else bias
    check_ladder(module, lambda x: weights @ x + addend, rng)
