# SPDX-License-Identifier: Apache-2.0
"""Division of random networks into host and hardware."""

from collections.abc import Callable

import pytest
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.types import element_type, is_integer_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

TO_STREAMLINED = "q-fold-constants,q-convert-to-typed,q-streamline"


def test_the_divided_network_computes_the_same(
    graph: Callable[[int], ModuleOp],
    run_passes: Callable[[ModuleOp, str], ModuleOp],
    exact_pass: Callable[[ModuleOp, str], ModuleOp],
) -> None:
    divided = 0
    for seed in range(80):
        module = run_passes(graph(seed), TO_STREAMLINED)
        try:
            run_passes(module, "q-partition")
        except QoptError:
            continue
        divided += 1
        after = exact_pass(module, "q-partition")
        functions = {op.sym_name.data: op for op in after.ops if isinstance(op, FuncOp)}
        assert set(functions) == {"main", "host_before", "hardware", "host_after"}
        for op in functions["hardware"].body.block.ops:
            assert all(is_integer_type(element_type(value)) for value in (*op.operands, *op.results))
    assert divided >= 20


@pytest.mark.parametrize("part", ["host_before", "hardware", "host_after"])
def test_functions_are_private(
    part: str, graph: Callable[[int], ModuleOp], run_passes: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    for seed in range(80):
        try:
            module = run_passes(graph(seed), f"{TO_STREAMLINED},q-partition")
        except QoptError:
            continue
        (function,) = [op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == part]
        assert function.sym_visibility is not None
        assert function.sym_visibility.data == "private"
        return
    raise AssertionError("no network could be divided")
