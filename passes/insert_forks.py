# SPDX-License-Identifier: Apache-2.0
"""Put a fork behind each stream that several units take.

Before:
    %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0>
    %b = dataflow.matrix_vector %x, %v pe 1 simd 1 -> !q.fixed<4, 0>
After:
    %x_1, %x_2 = dataflow.fork %x copies 2
    %a = dataflow.matrix_vector %x_1, %w pe 1 simd 1 -> !q.fixed<4, 0>
    %b = dataflow.matrix_vector %x_2, %v pe 1 simd 1 -> !q.fixed<4, 0>

Exact: the same elements for each.   Needs: q-convert-to-dataflow.   Keeps: folding, locations.
Leaves: streams with one user, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.dataflow import ForkOp, StreamType, hardware_function
from .rewriting import at


def _fork(stream: SSAValue, place: dict[Operation, int]) -> None:
    """Give each use of `stream` a copy of its own."""
    uses = sorted(stream.uses, key=lambda use: (place[use.operation], use.index))
    if len(uses) < 2:
        return
    fork, maker = ForkOp(stream, len(uses)), stream.owner
    if isinstance(maker, Block):
        Rewriter.insert_op(fork, InsertPoint.at_start(maker))
    else:
        Rewriter.insert_op(at(fork, maker), InsertPoint.after(maker))
    for use, copy in zip(uses, fork.branches, strict=True):
        copy.name_hint = stream.name_hint
        use.operation.operands[use.index] = copy


@dataclass(frozen=True)
class InsertForksPass(ModulePass):
    """Put a fork behind each stream that several units take."""

    name = "q-insert-forks"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        block = hardware_function(op).body.block
        place = {op: number for number, op in enumerate(block.ops)}
        for value in (*block.args, *(result for op in place for result in op.results)):
            if isinstance(value.type, StreamType):
                _fork(value, place)
