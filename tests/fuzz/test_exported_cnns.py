# SPDX-License-Identifier: Apache-2.0
"""Random networks of images as exporters write them: built, every bit is that of the reference; refused, it says why.

What is refused names the node, the cause and the mend. Scales of tensors that are put side by side, and activations
that neither rise nor fall behind wide sums, are the causes that remain.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qopt_mlir.backends.build import BuildOptions, build
from qopt_mlir.backends.execute import BuildFolder, Engine, Request, run_folder, run_module
from qopt_mlir.backends.simulators import missing_engine
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.verify_each import EquivalenceChecker
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import new_context

from .exported_cnn import Array, ExportedCnn

REFUSALS = (
    r"sums over tensors of different scales or zero points, which q\.concat of node '.+' puts side by side",
    r"is a function of .+ that neither rises nor falls throughout",
    r"is a function of \d+ codes, too many for a table",
    r"no integers give the same codes",
    r"an output follows from \d values that the hardware gives or that pass it by",
)


def typed_outputs(data: bytes, x: Array) -> list[Array]:
    """What the typed level gives; every pass on the way keeps every bit."""
    module = import_onnx(data)
    checker = EquivalenceChecker(module, {"": x})
    passes = [pass_ for pass_ in parse_passes(to_typed()) if pass_.name != "q-partition"]
    run_passes(new_context(), module, passes, checker.check)
    return run_module(module, {"": x}).outputs


def check(seed: int, folder: Path) -> bool:
    """Whether the network is accepted."""
    network = ExportedCnn(seed)
    data, x = network.model().SerializeToString(), network.frames()
    expected = typed_outputs(data, x)
    try:
        build(new_context(), import_onnx(data), folder, BuildOptions("net"), lambda _: None)
    except QoptError as error:
        check_refusal(error, seed)
        return False
    execution = run_folder(BuildFolder.open(folder), Request({"": x}, "dataflow"))
    assert all(comparison.passed for comparison in execution.comparisons), f"seed {seed}"
    for actual, wanted in zip(execution.outputs, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=1e-6, err_msg=f"seed {seed}")
    return True


def check_refusal(error: QoptError, seed: int) -> None:
    """Each cause is one of those known, with the node and the mend."""
    lines = error.what.split("\n    ")
    causes = lines[1:] if len(lines) > 1 else [f"{error.what}, {error.where}; {error.mend}"]
    for cause in causes:
        assert any(re.search(pattern, cause) for pattern in REFUSALS), f"seed {seed}: {cause}"
        assert re.search(r"node '.+'.*; \w", cause), f"seed {seed}: {cause}"


class FlattenedBranches(ExportedCnn):
    """A layer, and a dense one behind two branches of it."""

    def pick(self, *choices: Any) -> None:
        self.layer()

    def head(self) -> None:
        self.flattened_branches()


class SpatialAttention(ExportedCnn):
    """Layers whose results have a factor for each pixel."""

    def pick(self, *choices: Any) -> None:
        self.layer()

    def head(self) -> None:
        self.spatial_attention()
        self.dense()


class BareSum(ExportedCnn):
    """Two branches of scales of their own whose sum has no quantiser, in front of a convolution."""

    def pick(self, *choices: Any) -> None:
        """No other layers."""

    def head(self) -> None:
        before, shape = self.value, self.shape
        self.convolution(maps=2, stride=1)
        self.quantise(signed=True)
        left, self.value, self.shape = self.value, before, shape
        self.convolution(maps=2, stride=1)
        self.quantise(signed=True)
        self.value = self.node("Add", left, self.value)
        self.layer()
        self.dense()


def simulate(network: ExportedCnn, folder: Path, engine: Engine) -> str:
    """The typed level of a network that hardware computes as foretold, under stalls where it is simulated."""
    build(new_context(), import_onnx(network.model().SerializeToString()), folder, BuildOptions("net"), lambda _: None)
    stall = 0.3 if engine == "verilog" else 0.0
    execution = run_folder(BuildFolder.open(folder), Request({"": network.frames(3)}, engine, stall=stall, seed=1))
    assert all(comparison.passed for comparison in execution.comparisons)
    return (folder / "ir" / "typed.mlir").read_text()


@pytest.mark.skipif(missing_engine("verilator") is not None, reason="there is no Verilator")
@pytest.mark.parametrize("seed", [1, 2])  # channels first, channels last
def test_flattened_branches(seed: int, tmp_path: Path) -> None:
    """Each part of the concatenation is flattened by itself, in front of a product of its own."""
    assert simulate(FlattenedBranches(seed), tmp_path, "verilog").count("q.matmul") == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5, 7, 8, 9, 10, 11])
def test_more_flattened_branches(seed: int, tmp_path: Path) -> None:
    assert simulate(FlattenedBranches(seed), tmp_path, "dataflow").count("q.matmul") == 2


@pytest.mark.skipif(missing_engine("verilator") is not None, reason="there is no Verilator")
@pytest.mark.parametrize("seed", [1, 2])
def test_spatial_attention(seed: int, tmp_path: Path) -> None:
    text = simulate(SpatialAttention(seed), tmp_path, "verilog")
    assert {*re.findall(r"q\.reduce_(\w+) .* axes \[3\]", text)} == {"max", "sum"}


@pytest.mark.parametrize("seed", [2, 3])
def test_what_follows_from_a_cause_is_left_out(seed: int) -> None:
    """The flattened image cannot have its channels last, for the convolution in front of it has not: no cause."""
    module = import_onnx(BareSum(seed).model().SerializeToString())
    with pytest.raises(QoptError, match=r"q\.conv takes the sum of two branches") as caught:
        run_passes(new_context(), module, parse_passes(to_typed()))
    assert "ops cannot be hardware" not in caught.value.what


def test_a_few(tmp_path: Path) -> None:
    accepted = [check(seed, tmp_path / str(seed)) for seed in (1, 2, 10, 17, 29)]
    assert sum(accepted) == 4


@pytest.mark.slow
def test_many(tmp_path: Path) -> None:
    accepted = [check(seed, tmp_path / str(seed)) for seed in range(40, 60)]
    assert sum(accepted) > 14
