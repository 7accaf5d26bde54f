# SPDX-License-Identifier: Apache-2.0
"""A unit edited in the text of the dataflow level, the last one too, is a change in one place."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module, verify_module

NETWORK = """
func.func @main(%x: tensor<1x4x!q.fixed<4, 0>>) -> tensor<1x6x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<[[1, 0, -1, 2, 1, 1], [1, 1, 0, 0, -2, 1], [0, 1, 1, 1, 1, 0], [2, 1, 0, 1, 0, -1]]
    : tensor<4x6x!q.fixed<3, 0>>>
  %y = q.matmul %x, %w : tensor<1x4x!q.fixed<4, 0>>, tensor<4x6x!q.fixed<3, 0>> -> tensor<1x6x!q.fixed<8, 0>>
  func.return %y : tensor<1x6x!q.fixed<8, 0>>
}
"""


def dataflow_text() -> str:
    module = parse_module(NETWORK, "net")
    run_passes(new_context(), module, parse_passes("q-to-typed,q-to-dataflow"))
    return module_text(module)


@pytest.mark.parametrize("pe", [1, 2, 3, 6])
def test_the_last_unit(pe: int) -> None:
    """The stream that leaves the hardware has as many lanes, for @main too; the outputs are the same."""
    text, count = re.subn(r"pe \d+ simd", f"pe {pe} simd", dataflow_text())
    assert count == 1
    module = parse_module(text, "edited")
    run_passes(new_context(), module, parse_passes("q-insert-forks,q-insert-width-converters,q-insert-fifos"))
    verify_module(module)
    assert f"lanes = {pe}, beats = {6 // pe}>" in module_text(module)
    codes = np.arange(-8, 8).reshape(4, 1, 4)
    expected = compile_function(parse_module(NETWORK, "net")).run_codes({0: codes})[0]
    np.testing.assert_array_equal(compile_function(module).run_codes({0: codes})[0], expected)


def test_another_format_is_no_change_of_lanes() -> None:
    text = dataflow_text().replace(
        "func.return %y : !dataflow.stream<!q.fixed<", "func.return %y : !dataflow.stream<!q.fixed<1"
    )
    with pytest.raises(QoptError, match="previously used or defined with type"):
        parse_module(text, "edited")
