# SPDX-License-Identifier: Apache-2.0
"""Conversion to exact numbers: no difference where float32 was exact, a small one elsewhere."""

from collections.abc import Callable

import numpy as np
import pytest
from qopt_mlir.qdialect.q import QuantizeOp
from qopt_mlir.qdialect.types import element_type, is_f32, is_integer_type
from xdsl.dialects.builtin import ModuleOp

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_changes_where_float32_is_exact(
    seed: int, graph: Callable[..., ModuleOp], exact_pass: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    exact_pass(graph(seed, dyadic=True), "q-fold-constants,q-convert-to-typed")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_float32_arithmetic_is_left_behind_the_quantiser(
    seed: int, graph: Callable[..., ModuleOp], run_passes: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    module = run_passes(graph(seed), "q-fold-constants,q-convert-to-typed")
    ops = list(module.walk())
    first = next(index for index, op in enumerate(ops) if isinstance(op, QuantizeOp))
    for op in ops[first + 1 :]:
        made_float = any(is_f32(element_type(result)) for result in op.results)
        assert not made_float or op.name == "q.constant" or isinstance(op, QuantizeOp), op.name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_difference_is_that_of_rounding(
    seed: int,
    graph: Callable[..., ModuleOp],
    run_passes: Callable[[ModuleOp, str], ModuleOp],
    values: Callable[[ModuleOp], np.ndarray],
) -> None:
    module = graph(seed)
    quantizers = [op for op in module.walk() if isinstance(op, QuantizeOp) and is_f32(element_type(op.input))]
    if len(quantizers) > 1 or any(is_integer_type(element_type(v)) for v in list(module.walk())[-2].operands):
        pytest.skip("a second quantiser, or an arg-max, may jump where float32 rounds across a boundary")
    expected = values(module)
    actual = values(run_passes(module, "q-fold-constants,q-convert-to-typed"))
    scale = max(float(np.abs(expected).max()), 1.0)
    assert float(np.abs(expected - actual).max()) <= 1e-4 * scale
