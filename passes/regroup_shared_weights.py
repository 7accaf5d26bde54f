# SPDX-License-Identifier: Apache-2.0
"""Add up the inputs of equal weights before they are multiplied, where that takes less hardware.

Before:
    %a = dataflow.matrix_vector %x, %w pe 1 simd 8 -> !q.fixed<18, 0>
After:
    %a = dataflow.matrix_vector %x, %w pe 1 simd 8 regrouped -> !q.fixed<18, 0>

Exact: the sum is the same in another order.
Needs: weights of a shared type, and units that are folded: the more columns a cycle, the more products are saved.
Keeps: lanes and cycles a frame; a row takes some more cycles from its last column to its result.
Leaves: units where the form costs more by the cost model (look-up tables; DSP blocks and memories weigh 100 of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.passes import ModulePass

from ..qdialect.cost import unit_cost
from ..qdialect.dataflow import MatrixVectorOp
from .remarks import remark


def _area(unit: MatrixVectorOp, regrouped: bool) -> int:
    unit.regrouped_attr = UnitAttr() if regrouped else None
    return unit_cost(unit).area


@dataclass(frozen=True)
class RegroupSharedWeightsPass(ModulePass):
    """Multiply sums of inputs that share a weight, where that is smaller."""

    name = "q-regroup-shared-weights"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for unit in op.walk():
            if not isinstance(unit, MatrixVectorOp) or not unit.shares_values:
                continue
            plain, regrouped = (_area(unit, form) for form in (False, True))
            unit.regrouped_attr = UnitAttr() if regrouped < plain else None
            if regrouped >= plain:
                remark(unit, f"shared weights are not regrouped: area {regrouped} against {plain}")
