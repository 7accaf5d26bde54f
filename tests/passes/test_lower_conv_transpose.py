# SPDX-License-Identifier: Apache-2.0
"""Transposed convolutions of random geometry: dense convolutions that are interleaved keep every bit."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.passes.lower_conv_transpose import phases
from qopt_mlir.qdialect.q import ConvOp, ConvTransposeOp, DepthToSpaceOp, InterleaveOp, TransposeOp
from qopt_mlir.qdialect.text import parse_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

sys.path.insert(0, str(Path(__file__).parent))
from transposed_convolutions import Geometry, module_of, non_inserted_products

SEEDS = range(120)
PASS = "q-lower-conv-transpose"


def network(seed: int) -> tuple[Geometry, ModuleOp]:
    geometry = Geometry.random(random.Random(seed))
    return geometry, module_of(geometry, np.random.default_rng(seed))


def found(module: ModuleOp, *kinds: type[Operation]) -> list[str]:
    return [op.name for op in module.walk() if isinstance(op, kinds)]


@pytest.mark.parametrize("seed", SEEDS)
def test_same_numbers_from_no_inserted_zero(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    geometry, module = network(seed)
    (op,) = (op for op in module.walk() if isinstance(op, ConvTransposeOp))
    after = exact_pass(module, PASS)
    assert not found(after, ConvTransposeOp)
    convs = [op for op in after.walk() if isinstance(op, ConvOp)]
    products = sum(op.num_terms * prod(op.infer_shape()) for op in convs)
    if _reached(op):
        assert products == non_inserted_products(geometry), geometry


def _reached(op: ConvTransposeOp) -> bool:
    """Whether each position of the result has a tap that reaches the image."""
    kernel = op.window.kernel
    return not any(tap == size for axis, size in zip(phases(op), kernel, strict=True) for w in axis for tap in w.taps)


def test_seeds_reach_all_forms(run_passes: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """Else the test above would say little."""
    kinds = [set(found(run_passes(network(seed)[1], PASS), Operation)) for seed in SEEDS]
    assert sum("q.conv" in kind for kind in kinds) > 75
    assert sum(InterleaveOp.name in kind for kind in kinds) > 35
    assert sum(DepthToSpaceOp.name in kind for kind in kinds) > 5
    assert sum("q.slice" in kind for kind in kinds) > 3


@pytest.mark.parametrize(("kernel", "pad"), [(2, 0), (4, 0), (4, 2), (6, 2)])
def test_one_convolution_where_all_phases_have_the_same_windows(
    kernel: int, pad: int, run_passes: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    """Kernels of a multiple of the stride, without padding or with as much as a window more: generators, U-Nets."""
    geometry = Geometry((3, 4, 4), 2, (kernel, kernel), (2, 2), (pad,) * 4)
    after = run_passes(module_of(geometry, np.random.default_rng(0)), PASS)
    assert found(after, ConvOp, DepthToSpaceOp, InterleaveOp) == ["q.conv", "q.depth_to_space"]


@pytest.mark.parametrize(
    ("type_", "values"), [("!q.bipolar", ""), ("!q.shared<2, !q.fixed<3, 0>>", "codebook [-3, 2] ")]
)
def test_zeros_join_weights_that_have_none(
    type_: str, values: str, exact_pass: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    """Behind a kernel shorter than its stride."""
    text = f"""
func.func @main(%x: tensor<1x1x3x!q.fixed<4, 0>>) -> tensor<1x2x5x!q.fixed<6, 0>> {{
  %w = q.constant #q.dense<[[[{"0], [1" if values else "-1], [1"}]]] {values}: tensor<1x2x1x{type_}>>
  %y = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [0] dilations [1] groups 1
    : tensor<1x1x3x!q.fixed<4, 0>>, tensor<1x2x1x{type_}> -> tensor<1x2x5x!q.fixed<6, 0>>
  func.return %y : tensor<1x2x5x!q.fixed<6, 0>>
}}"""
    after = exact_pass(parse_module(text, "sparse"), PASS)
    assert found(after, ConvTransposeOp, InterleaveOp) == ["q.interleave"]


@pytest.mark.parametrize("seed", range(30))
def test_channels_last(seed: int, exact_pass: Callable[[ModuleOp, str], ModuleOp]) -> None:
    """What is behind the convolutions follows them: one transposition in front and one at the end."""
    after = exact_pass(network(seed)[1], f"{PASS},q-make-channels-last")
    assert len(found(after, TransposeOp)) <= 2
