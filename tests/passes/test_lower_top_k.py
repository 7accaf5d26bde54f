# SPDX-License-Identifier: Apache-2.0
"""q-lower-top-k: the index stays the same, ties too."""

from __future__ import annotations

import numpy as np
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module

TEXT = """
func.func @main(%x: tensor<1x6x!q.fixed<3, 0>>) -> tensor<1x1x!q.ufixed<3, 0>> {
  %v, %i = q.top_k %x k 1 axis 1 : tensor<1x6x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<3, 0>>, tensor<1x1x!q.ufixed<3, 0>>
  func.return %i : tensor<1x1x!q.ufixed<3, 0>>
}
"""


def test_index_stays_the_same() -> None:
    codes = np.random.default_rng(1).integers(-4, 4, (2000, 1, 6))
    before = parse_module(TEXT, "before")
    after = before.clone()
    run_passes(new_context(), after, parse_passes("q-lower-top-k"))
    assert not any(op.name == "q.top_k" for op in after.walk())
    expected = compile_function(before).run_codes({0: codes})[0]
    assert np.array_equal(compile_function(after).run_codes({0: codes})[0], expected)
    assert np.array_equal(np.ravel(expected), codes.argmax(axis=2).ravel())
    twice = after.clone()
    run_passes(new_context(), twice, parse_passes("q-lower-top-k"))
    assert str(twice) == str(after)
