# SPDX-License-Identifier: Apache-2.0
"""What fuzzing has found once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.passes.rewriting import moved_through
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import ExpandOp
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module
from xdsl.dialects.builtin import Float32Type, ModuleOp, TensorType
from xdsl.ir import Block


def module(text: str) -> ModuleOp:
    result = parse_module(text, "fault.mlir")
    verify_module(result)
    return result


def passed(text: str, passes: str) -> ModuleOp:
    result = module(text)
    run_passes(new_context(), result, parse_passes(passes))
    return result


def test_long_names_do_not_fill_screens() -> None:
    fault = QoptError("w" * 5000, "p" * 5000, "m" * 5000)
    assert len(str(fault)) < 4000
    assert " ... " in fault.what
    assert QoptError("what", None, "mend").where is None


def test_streams_are_no_float32_numbers() -> None:
    text = """
func.func @main(%x: tensor<8x!q.fixed<2, 0>>) -> tensor<8x!q.fixed<2, 0>> {
  %0 = dataflow.send %x lanes 1
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>
  %2 = dataflow.receive %1 -> tensor<8x!q.fixed<2, 0>>
  func.return %2 : tensor<8x!q.fixed<2, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8> {
  func.return %x : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>
}
"""  # noqa: E501
    assert module_text(passed(text, "q-convert-to-typed")) == module_text(module(text))


@pytest.mark.parametrize("shape", [(3, 1000, 1000)])
def test_constants_of_large_views(shape: tuple[int, ...]) -> None:
    """Takes minutes if each of the numbers is compared as a Fraction."""
    source = Block(arg_types=[TensorType(Float32Type(), (3, 1, 1))]).args[0]
    array = np.array([Fraction(1), Fraction(2), Fraction(1)], object).reshape(3, 1, 1)
    moved = moved_through(ExpandOp(source, shape), array)
    assert moved.shape == (3, 1, 1)
    assert moved.reshape(-1).tolist() == [1, 2, 1]
