# SPDX-License-Identifier: Apache-2.0
"""Whole small networks in Amaranth's simulator: several outputs in one stream; borders of binary images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Request, run_folder, run_module
from qopt_mlir.backends.host import Host
from qopt_mlir.qdialect.text import new_context, parse_module

NETWORK = """
func.func @main(%x: tensor<1x6x!q.fixed<4, 1>> {q.name = "x"}) -> (
    tensor<1x4x!q.fixed<8, 1>> {q.name = "sums"},
    tensor<2x2xf32> {q.name = "numbers"},
    tensor<1x4x!q.ufixed<2, 0>> {q.name = "codes"},
    tensor<1x!q.ufixed<2, 0>> {q.name = "class"}) {
  %w = q.constant #q.dense<[[1, -2, 3, 1], [2, 1, -1, 0], [-3, 1, 1, 1], [1, 1, 1, -1], [0, 2, 1, 1], [1, 0, 0, 2]]
      : tensor<6x4x!q.fixed<3, 0>>>
  %sums = q.matmul %x, %w : tensor<1x6x!q.fixed<4, 1>>, tensor<6x4x!q.fixed<3, 0>> -> tensor<1x4x!q.fixed<8, 1>>
  %t = q.constant #q.dense<[[-9, 0, 11]] : tensor<1x3x!q.fixed<8, 1>>>
  %codes = q.threshold %sums, %t base 0
      : tensor<1x4x!q.fixed<8, 1>>, tensor<1x3x!q.fixed<8, 1>> -> tensor<1x4x!q.ufixed<2, 0>>
  %v = q.constant #q.dense<[[1, -1, 1, 0], [1, 2, 1, 1], [-1, 1, 0, 1], [1, 1, 1, 1]] : tensor<4x4x!q.fixed<3, 0>>>
  %head = q.matmul %codes, %v : tensor<1x4x!q.ufixed<2, 0>>, tensor<4x4x!q.fixed<3, 0>> -> tensor<1x4x!q.fixed<6, 0>>
  %s = q.constant #q.dense<0.375 : tensor<f32>>
  %f = q.quantize %head half_even saturate : tensor<1x4x!q.fixed<6, 0>> -> tensor<1x4xf32>
  %m = q.mul %f, %s : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %numbers = q.reshape %m : tensor<1x4xf32> -> tensor<2x2xf32>
  %class = q.arg_max %head axis 1 : tensor<1x4x!q.fixed<6, 0>> -> tensor<1x!q.ufixed<2, 0>>
  func.return %sums, %numbers, %codes, %class
      : tensor<1x4x!q.fixed<8, 1>>, tensor<2x2xf32>, tensor<1x4x!q.ufixed<2, 0>>, tensor<1x!q.ufixed<2, 0>>
}
"""


def test_outputs_of_several_layers(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(-8, 8, (5, 1, 6))
    expected = run_module(parse_module(NETWORK, "net"), {"x": frames}).outputs
    folder = tmp_path / "build"
    build(new_context(), parse_module(NETWORK, "net"), folder, BuildOptions("net"), lambda _: None)
    host = Host(folder / "interface.json")
    assert [result.name for result in host.results] == ["sums", "numbers", "codes", "class"]
    for stall in (0.0, 0.4):
        execution = run_folder(BuildFolder.open(folder), Request({"x": frames}, "amaranth", stall))
        assert all(comparison.passed for comparison in execution.comparisons), execution.comparisons
        assert len(execution.outputs) == len(expected)
        for actual, wanted in zip(execution.outputs, expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)


BINARY = """
func.func @main(%x: tensor<1x3x4x2x!q.bipolar> {q.name = "x"}) -> tensor<1x3x4x2x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[
      [[[1, -1, 1], [1, -1, 1], [1, 1, -1]], [[1, -1, 1], [1, 1, 1], [1, 1, -1]]],
      [[[1, 1, 1], [1, -1, 1], [1, 1, -1]], [[1, -1, -1], [1, 1, 1], [-1, 1, -1]]]] : tensor<2x2x3x3x!q.bipolar>>
  %y = q.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last
      : tensor<1x3x4x2x!q.bipolar>, tensor<2x2x3x3x!q.bipolar> -> tensor<1x3x4x2x!q.fixed<6, 0>>
  func.return %y : tensor<1x3x4x2x!q.fixed<6, 0>>
}
"""


def test_zeros_around_a_binary_image(tmp_path: Path) -> None:
    frames = np.random.default_rng(4).choice([-1, 1], (3, 1, 3, 4, 2))
    (expected,) = run_module(parse_module(BINARY, "net"), {"x": frames}).outputs
    folder = tmp_path / "build"
    build(new_context(), parse_module(BINARY, "net"), folder, BuildOptions("net"), lambda _: None)
    execution = run_folder(BuildFolder.open(folder), Request({"x": frames}, "amaranth", 0.3))
    assert all(comparison.passed for comparison in execution.comparisons), execution.comparisons
    np.testing.assert_array_equal(execution.outputs[0], expected)
