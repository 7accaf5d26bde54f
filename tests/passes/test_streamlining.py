# SPDX-License-Identifier: Apache-2.0
"""The passes of the typed level keep every output bit of random networks."""

from collections.abc import Callable

import pytest
from qopt_mlir.passes import PASSES
from qopt_mlir.passes.runner import load_pass
from xdsl.dialects.builtin import ModuleOp

SEEDS = range(60)
TYPED = ["q-lower-batch-norm", "q-lower-sub-div", "q-collapse-affine", "q-move-affine-past-linear", "q-streamline"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TYPED)
def test_exact_passes_keep_every_bit(
    name: str, seed: int, typed: Callable[[int], ModuleOp], exact_pass: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    exact_pass(typed(seed), name)


@pytest.mark.parametrize("seed", SEEDS)
def test_folding_keeps_every_bit(
    seed: int, graph: Callable[[int], ModuleOp], exact_pass: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    exact_pass(graph(seed), "q-fold-constants")


def test_passes_say_whether_they_are_exact() -> None:
    for name in PASSES:
        assert isinstance(load_pass(name).exact, bool), name  # pyright: ignore[reportAttributeAccessIssue]
