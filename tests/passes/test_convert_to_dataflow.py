# SPDX-License-Identifier: Apache-2.0
"""Units compute what the typed ops compute."""

import numpy as np
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module

CHANNELS_IN_THE_MIDDLE = """\
!x = tensor<1x2x3x!q.fixed<4, 0>>
!y = tensor<1x2x3x!q.ufixed<2, 0>>
func.func @main(%x: !x) -> !y {
  %t = q.constant #q.dense<[[-5, 0, 3], [-2, 1, 6]] : tensor<2x3x!q.fixed<4, 0>>>
  %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
  %y = q.threshold %x, %t descending %d : tensor<2x!q.ufixed<1, 0>> base 0 axis 1 : !x, tensor<2x3x!q.fixed<4, 0>> -> !y
  func.return %y : !y
}
"""


def test_thresholds_of_channels_that_are_not_the_last_axis() -> None:
    frames = np.random.default_rng(4).integers(-8, 8, (50, 1, 2, 3))
    typed, dataflow = (parse_module(CHANNELS_IN_THE_MIDDLE, "test") for _ in range(2))
    run_passes(new_context(), dataflow, parse_passes("q-partition,q-convert-to-dataflow"))
    expected, actual = (compile_function(module).run({0: frames})[0] for module in (typed, dataflow))
    np.testing.assert_array_equal(actual, expected)
    assert len(np.unique(expected)) == 4
