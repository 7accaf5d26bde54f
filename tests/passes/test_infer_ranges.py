# SPDX-License-Identifier: Apache-2.0
"""Narrowed accumulators keep every bit; a stated range that does not follow is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from qopt_mlir.passes.check_ranges import check_ranges
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import BinaryOp, MatMulOp, ReluOp
from qopt_mlir.qdialect.text import parse_module, verify_module
from qopt_mlir.qdialect.types import element_type, integer_format, is_integer_type
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp

Check = Callable[[ModuleOp, str], ModuleOp]


@pytest.mark.parametrize("seed", range(80))
def test_narrowing_keeps_every_bit(seed: int, typed: Callable[[int], ModuleOp], exact_pass: Check) -> None:
    after = exact_pass(typed(seed), "q-infer-ranges")
    check_ranges(after)
    ranges = analyse(after)
    returned = {operand for op in after.walk() if isinstance(op, ReturnOp) for operand in op.operands}
    for op in after.walk():
        if not isinstance(op, BinaryOp | MatMulOp | ReluOp) or not is_integer_type(element_type(op.result)):
            continue
        format_ = integer_format(element_type(op.result))
        if all(value not in returned for value in op.results) and not _reaches_return(op):
            assert format_.word_length == ranges[op.result].hull.word_length


def _reaches_return(op: BinaryOp | MatMulOp | ReluOp) -> bool:
    """Through shape ops only."""
    todo = [use.operation for use in op.result.uses]
    while todo:
        user = todo.pop()
        if isinstance(user, ReturnOp):
            return True
        if user.name in ("q.reshape", "q.transpose"):
            todo += [use.operation for use in user.results[0].uses]
    return False


@pytest.mark.parametrize("seed", range(40))
def test_a_range_too_tight_is_refused(seed: int, typed: Callable[[int], ModuleOp], exact_pass: Check) -> None:
    after = exact_pass(typed(seed), "q-infer-ranges")
    for op in after.walk():
        stated = op.properties.get("range")
        if not isinstance(stated, RangeAttr) or stated.range.lo == stated.range.hi:
            continue
        for wrong in (
            IntRange(stated.range.lo + 1, stated.range.hi),
            IntRange(stated.range.lo, stated.range.hi - 1),
        ):
            op.properties["range"] = RangeAttr(wrong.lo, wrong.hi)
            with pytest.raises(QoptError, match=f"states codes from {wrong.lo} to {wrong.hi}"):
                check_ranges(after)
        op.properties["range"] = stated


def test_ranges_of_the_typed_level_follow_at_the_dataflow_level(
    graph: Callable[[int], ModuleOp], run_passes: Callable[[ModuleOp, str], ModuleOp]
) -> None:
    stated = 0
    for seed in range(120):
        try:
            module = run_passes(graph(seed), "q-to-typed,q-to-dataflow")
        except QoptError:
            continue
        stated += sum("range" in op.properties for op in module.walk())
        check_ranges(module)
    assert stated >= 10


@pytest.mark.parametrize(
    "move", ["q.reshape %t : {0} -> {1}", "q.transpose %t perm [1, 0] : {0} -> {1}"], ids=["reshape", "transpose"]
)
def test_moved_codes_keep_their_range(move: str) -> None:
    """What a pass puts between a threshold and a product takes nothing from the proof of the product's type."""
    given, moved = "tensor<4x1x!q.fixed<9, 0>>", "tensor<1x4x!q.fixed<9, 0>>"
    text = f"""
func.func @main(%x: tensor<4x1x!q.fixed<5, 0>>) -> tensor<1x1x!q.fixed<8, 0>> {{
  %thresholds = q.constant #q.dense<[[-3, 0, 3]] : tensor<1x3x!q.fixed<5, 0>>>
  %t = q.threshold %x, %thresholds base -2 : tensor<4x1x!q.fixed<5, 0>>, tensor<1x3x!q.fixed<5, 0>> -> {given}
  %m = {move.format(given, moved)}
  %w = q.constant #q.dense<[[7], [-7], [7], [7]] : tensor<4x1x!q.fixed<4, 0>>>
  %y = q.matmul %m, %w : {moved}, tensor<4x1x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<8, 0>>
  func.return %y : tensor<1x1x!q.fixed<8, 0>>
}}
"""
    verify_module(parse_module(text, "moved"))
