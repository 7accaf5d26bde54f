# SPDX-License-Identifier: Apache-2.0
"""Networks whose tail, quantised again behind a softmax or a product of branches, is the host's: every bit of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import run_hardware, run_module
from qopt_mlir.backends.host import Host
from qopt_mlir.backends.interface import describe
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.q import QuantizeOp, TableOp, ThresholdOp
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

F32, CODES = "tensor<1x6xf32>", "tensor<1x6x!q.ufixed<8, 0>>"
HALF = "tensor<1x3x!q.ufixed<8, 0>>"
TAILS = {
    # 8 bits behind the softmax, fewer behind a scale that falls in some channels
    "softmax": f"""
  %soft = q.softmax %scores axis 1 : {F32}
  %big = q.constant #q.dense<255.0 : tensor<f32>>
  %0 = q.mul %soft, %big : {F32}, tensor<f32> -> {F32}
  %1 = q.quantize %0 half_even saturate : {F32} -> {CODES}
  %s = q.constant #q.dense<{{scales}} : tensor<6xf32>>
  %o = q.constant #q.dense<{{offsets}} : tensor<6xf32>>
  %2 = q.mul %1, %s : {CODES}, tensor<6xf32> -> {F32}
  %3 = q.add %2, %o : {F32}, tensor<6xf32> -> {F32}
  %y = q.quantize %3 {{rounding}} saturate : {F32} -> tensor<1x6x!q.fixed<4, 0>>""",
    # parts of one value, of which one is scaled and quantised again before they meet: as in the boxes of a detector
    "boxes": f"""
  %soft = q.softmax %scores axis 1 : {F32}
  %big = q.constant #q.dense<255.0 : tensor<f32>>
  %e = q.mul %soft, %big : {F32}, tensor<f32> -> {F32}
  %0 = q.quantize %e half_even saturate : {F32} -> {CODES}
  %a = q.slice %0 starts [0, 0] sizes [1, 3] steps [1, 1] : {CODES} -> {HALF}
  %b = q.slice %0 starts [0, 3] sizes [1, 3] steps [1, 1] : {CODES} -> {HALF}
  %s = q.constant #q.dense<{{scale}} : tensor<f32>>
  %1 = q.mul %b, %s : {HALF}, tensor<f32> -> tensor<1x3xf32>
  %2 = q.quantize %1 {{rounding}} saturate : tensor<1x3xf32> -> tensor<1x3x!q.ufixed<2, 0>>
  %3 = q.sub %a, %2 : {HALF}, tensor<1x3x!q.ufixed<2, 0>> -> tensor<1x3x!q.fixed<9, 0>>
  %4 = q.add %a, %2 : {HALF}, tensor<1x3x!q.ufixed<2, 0>> -> tensor<1x3x!q.ufixed<9, 0>>
  %y = q.concat %3, %4 axis 1 : tensor<1x3x!q.fixed<9, 0>>, tensor<1x3x!q.ufixed<9, 0>> -> tensor<1x6x!q.fixed<10, 0>>
""",
    # a function that neither rises nor falls throughout: a table
    "table": f"""
  %soft = q.softmax %scores axis 1 : {F32}
  %big = q.constant #q.dense<6.0 : tensor<f32>>
  %0 = q.mul %soft, %big : {F32}, tensor<f32> -> {F32}
  %1 = q.quantize %0 half_even saturate : {F32} -> tensor<1x6x!q.ufixed<8, 4>>
  %f = q.quantize %1 half_even saturate : tensor<1x6x!q.ufixed<8, 4>> -> {F32}
  %2 = q.sin %f : {F32}
  %y = q.quantize %2 {{rounding}} saturate : {F32} -> tensor<1x6x!q.fixed<6, 4>>""",
}
RESULTS = {"softmax": "!q.fixed<4, 0>", "boxes": "!q.fixed<10, 0>", "table": "!q.fixed<6, 4>"}


def network(tail: str, seed: int) -> ModuleOp:
    """Two layers, and two heads: the accumulators of the second scaled, and the tail."""
    rng = np.random.default_rng(seed)
    factors = (rng.integers(3, 60, 6) * rng.choice([-1, 1], 6) / 256).tolist()
    offsets = (rng.integers(-40, 40, 6) / 8).tolist()
    rounding = str(rng.choice(["half_even", "half_up", "floor", "ceil"]))
    body = TAILS[tail].format(scales=factors, offsets=offsets, scale=abs(factors[0]), rounding=rounding)
    weights = [rng.integers(-3, 4, shape).tolist() for shape in ((5, 8), (8, 6))]
    result = f"tensor<1x6x{RESULTS[tail]}>"
    text = f"""
func.func @main(%x: tensor<1x5xf32> {{q.name = "x"}}) -> ({F32} {{q.name = "scores"}}, {result} {{q.name = "tail"}}) {{
  %q = q.quantize %x half_even saturate : tensor<1x5xf32> -> tensor<1x5x!q.fixed<5, 2>>
  %v = q.constant #q.dense<{weights[0]} : tensor<5x8x!q.fixed<3, 0>>>
  %w = q.constant #q.dense<{weights[1]} : tensor<8x6x!q.fixed<3, 0>>>
  %h = q.matmul %q, %v : tensor<1x5x!q.fixed<5, 2>>, tensor<5x8x!q.fixed<3, 0>> -> tensor<1x8x!q.fixed<10, 2>>
  %r = q.quantize %h floor saturate : tensor<1x8x!q.fixed<10, 2>> -> tensor<1x8x!q.ufixed<3, 0>>
  %p = q.matmul %r, %w : tensor<1x8x!q.ufixed<3, 0>>, tensor<8x6x!q.fixed<3, 0>> -> tensor<1x6x!q.fixed<9, 0>>
  %c = q.constant #q.dense<0.0625 : tensor<f32>>
  %scores = q.mul %p, %c : tensor<1x6x!q.fixed<9, 0>>, tensor<f32> -> {F32}
{body}
  func.return %scores, %y : {F32}, {result}
}}"""
    module = parse_module(text, f"{tail}{seed}.mlir")
    verify_module(module)
    return module


def ops_of_host(module: ModuleOp) -> set[type]:
    (after,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "host_after")
    return {type(op) for op in after.walk()}


@pytest.mark.parametrize("tail", TAILS)
def test_levels_and_host_agree(tail: str) -> None:
    """Graph, typed and dataflow level, and host.py around @hardware; the host has thresholds or a table to look up."""
    found = set[type]()
    for seed in range(8):
        module = network(tail, seed)
        x = np.random.default_rng(seed).normal(0, 2, (40, 1, 5)).astype(np.float32)
        wanted = run_module(module, {"": x}).outputs
        for step in ("q-to-typed", "q-to-dataflow"):
            run_passes(new_context(), module, parse_passes(step))
            for a, b in zip(run_module(module, {"": x}).outputs, wanted, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"seed {seed}, {step}")
        host = Host(json.loads(json.dumps(describe(module, "net", "net"))))
        codes = run_hardware(module, host.before(x)).reshape(-1, *host.output.shape)
        for a, b in zip(host.after(codes), wanted, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"seed {seed}, host.py")
        found |= ops_of_host(module)
    assert found & {ThresholdOp, TableOp}
    assert QuantizeOp in found


def test_what_the_host_cannot_do_is_refused_before_folding(tmp_path: Path) -> None:
    """No unit has its cycles counted for a model that ends in an op without a place on the host."""
    ops = f"%odd = q.sinh %soft : {F32}\n%0 = q.mul %odd"
    text = str(network("softmax", 0)).replace("%0 = q.mul %soft", ops)
    module, said = parse_module(text, "net.mlir"), list[str]()
    with pytest.raises(QoptError, match=r"q\.sinh has no place on the host side of a build"):
        build(new_context(), module, tmp_path / "net", BuildOptions("net"), said.append)
    assert said == ["streamlining"]
