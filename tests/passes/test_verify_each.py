# SPDX-License-Identifier: Apache-2.0
"""`--verify-each`: several ops of one node are told apart."""

import numpy as np
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.verify_each import EquivalenceChecker
from qopt_mlir.qdialect.text import new_context, parse_module

TWO_OPS_OF_ONE_NODE = """
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2x!q.fixed<9, 0>> {
  %q = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<4, 0>>
  %a = q.reshape %q : tensor<1x4x!q.fixed<4, 0>> -> tensor<2x2x!q.fixed<4, 0>> loc("views")
  %b = q.reshape %a : tensor<2x2x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>> loc("views")
  %w = q.constant #q.dense<[[1], [2]] : tensor<2x1x!q.fixed<4, 0>>>
  %m = q.matmul %b, %w : tensor<1x2x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x2x1x!q.fixed<9, 0>>
  %y = q.reshape %m : tensor<1x2x1x!q.fixed<9, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  func.return %y : tensor<1x2x!q.fixed<9, 0>>
}
"""


def test_ops_of_one_node() -> None:
    module = parse_module(TWO_OPS_OF_ONE_NODE, "net.mlir")
    checker = EquivalenceChecker(module, {"": np.zeros((3, 4), np.float32)})
    run_passes(new_context(), module, parse_passes("q-fold-constants"), checker.check)
