# SPDX-License-Identifier: Apache-2.0
"""Functions of one integer as thresholds and tables: the code of every input code is that of the ops, to Verilog."""

from __future__ import annotations

import numpy as np
import pytest
from qopt_mlir.backends.execute import run_hardware
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.q import QuantizeOp, TableOp, ThresholdOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

REAL = "tensor<1x3x4x!q.real>"
FLOAT = "tensor<1x3x4xf32>"
TO_REAL = """%s = q.constant #q.dense<"3/7" : tensor<!q.real>>
  %r = q.mul %x, %s : {x}, tensor<!q.real> -> tensor<1x3x4x!q.real>
"""
TO_FLOAT = "  %f = q.quantize %r half_even saturate : tensor<1x3x4x!q.real> -> tensor<1x3x4xf32>\n"
FUNCTIONS = {  # name -> (ops from %r, real, or %f, float32, to %v; type of %v)
    "leaky relu": (
        """%k = q.constant #q.dense<"13/128" : tensor<!q.real>>
  %v = q.prelu %r, %k : tensor<1x3x4x!q.real>, tensor<!q.real> -> tensor<1x3x4x!q.real>""",
        REAL,
    ),
    "prelu of channels, one falling": (
        """%k = q.constant #q.dense<[["1/3"], ["-2"], ["0"]] : tensor<3x1x!q.real>>
  %v = q.prelu %r, %k : tensor<1x3x4x!q.real>, tensor<3x1x!q.real> -> tensor<1x3x4x!q.real>""",
        REAL,
    ),
    "hard swish": (
        """%three = q.constant #q.dense<3 : tensor<!q.real>>
  %zero = q.constant #q.dense<0 : tensor<!q.real>>
  %six = q.constant #q.dense<6 : tensor<!q.real>>
  %a = q.add %r, %three : tensor<1x3x4x!q.real>, tensor<!q.real> -> tensor<1x3x4x!q.real>
  %b = q.clip %a, %zero, %six : tensor<1x3x4x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<1x3x4x!q.real>
  %c = q.mul %r, %b : tensor<1x3x4x!q.real>, tensor<1x3x4x!q.real> -> tensor<1x3x4x!q.real>
  %v = q.div %c, %six : tensor<1x3x4x!q.real>, tensor<!q.real> -> tensor<1x3x4x!q.real>""",
        REAL,
    ),
    "sigmoid": ("%v = q.sigmoid %f : tensor<1x3x4xf32>", FLOAT),
    "x * tanh(x)": (
        """%a = q.tanh %f : tensor<1x3x4xf32>
  %v = q.mul %f, %a : tensor<1x3x4xf32>, tensor<1x3x4xf32> -> tensor<1x3x4xf32>""",
        FLOAT,
    ),
    "select": (
        """%zero = q.constant #q.dense<0 : tensor<!q.real>>
  %t = q.compare less %r, %zero : tensor<1x3x4x!q.real>, tensor<!q.real> -> tensor<1x3x4x!q.ufixed<1, 0>>
  %n = q.mul %r, %r : tensor<1x3x4x!q.real>, tensor<1x3x4x!q.real> -> tensor<1x3x4x!q.real>
  %v = q.select %t, %n, %r
    : tensor<1x3x4x!q.ufixed<1, 0>>, tensor<1x3x4x!q.real>, tensor<1x3x4x!q.real> -> tensor<1x3x4x!q.real>""",
        REAL,
    ),
}


def network(name: str, source: str, target: str) -> ModuleOp:
    """A quantised function of numbers of type `source`."""
    text, type_ = FUNCTIONS[name]
    x, y = f"tensor<1x3x4x{source}>", f"tensor<1x3x4x{target}>"
    body = TO_REAL.format(x=x) + (TO_FLOAT if type_ == FLOAT else "") + f"  {text}\n"
    quantize = f"%y = q.quantize %v half_even saturate : {type_} -> {y}"
    return parse_module(f"func.func @main(%x: {x}) -> {y} {{\n  {body}  {quantize}\n  func.return %y : {y}\n}}", "net")


def lowered(module: ModuleOp, passes: str) -> ModuleOp:
    run_passes(new_context(), module, parse_passes(passes))
    verify_module(module)
    return module


@pytest.mark.parametrize("target", ["!q.fixed<6, 3>", "!q.ufixed<2, 1>", "!q.bipolar", "!q.fixed<3, 0>"])
@pytest.mark.parametrize("source", ["!q.fixed<6, 2>", "!q.ufixed<4, 0>", "!q.bipolar", "!q.fixed<11, 6>"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_code(name: str, source: str, target: str) -> None:
    """At the typed level, and as units; nothing of the function is left."""
    before, after = network(name, source, target), lowered(network(name, source, target), "q-lower-functions")
    ops = [op for op in after.walk() if op.name.startswith("q.") and op.name != "q.constant"]
    assert len(ops) == 1
    assert isinstance(ops[0], TableOp | ThresholdOp)
    width = {"!q.fixed<6, 2>": 6, "!q.ufixed<4, 0>": 4, "!q.bipolar": 1, "!q.fixed<11, 6>": 11}[source]
    codes = np.arange(1 << width) - (0 if "u" in source else 1 << (width - 1))
    codes = np.array([-1, 1]) if source == "!q.bipolar" else codes
    frames = np.broadcast_to(codes.reshape(-1, 1, 1, 1), (len(codes), 1, 3, 4))
    expected = compile_function(before).run_codes({0: frames})[0]
    np.testing.assert_array_equal(compile_function(after).run_codes({0: frames})[0], expected)
    units = lowered(after, "q-partition,q-convert-to-dataflow")
    np.testing.assert_array_equal(run_hardware(units, frames).reshape(expected.shape), expected)


def test_what_is_left() -> None:
    """Too many codes for a table, and no count of thresholds."""
    module = lowered(network("hard swish", "!q.fixed<17, 2>", "!q.fixed<6, 3>"), "q-lower-functions")
    assert any(isinstance(op, QuantizeOp) for op in module.walk())


def test_a_type_that_holds_less_than_intervals_find() -> None:
    """A stated range, which followed from more of the graph than is left, made the type narrow."""
    text = """func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.ufixed<3, 0>> {
      %w = q.constant #q.dense<[[1, -1], [-1, 1]] : tensor<2x2x!q.fixed<2, 0>>>
      %a = q.matmul %x, %w range <-3, 3>
        : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
      %p = q.mul %a, %a : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<6, 0>>
      %y = q.quantize %p half_even saturate : tensor<1x2x!q.fixed<6, 0>> -> tensor<1x2x!q.ufixed<3, 0>>
      func.return %y : tensor<1x2x!q.ufixed<3, 0>>
    }"""
    before, after = parse_module(text, "net"), lowered(parse_module(text, "net"), "q-lower-functions")
    assert any(isinstance(op, TableOp | ThresholdOp) for op in after.walk())
    frames = np.array([[[2, 1]], [[1, 3]], [[-4, -2]]])
    expected = compile_function(before).run_codes({0: frames})[0]
    np.testing.assert_array_equal(compile_function(after).run_codes({0: frames})[0], expected)
