# SPDX-License-Identifier: Apache-2.0
"""Put a width converter wherever a unit takes other lanes than its stream has.

Before:
    %a = dataflow.matrix_vector %x, %w pe 2 simd 8 -> !q.fixed<12, 0>
    %b = dataflow.matrix_vector %a, %v pe 1 simd 4 -> !q.fixed<20, 0>
After:
    %a = dataflow.matrix_vector %x, %w pe 2 simd 8 -> !q.fixed<12, 0>
    %c = dataflow.width_converter %a lanes 4
    %b = dataflow.matrix_vector %c, %v pe 1 simd 4 -> !q.fixed<20, 0>

Exact: the same elements in the same order.   Needs: nothing.   Keeps: folding.   Leaves: streams that fit.
The input stream of @hardware is not converted but takes the lanes of the first unit: the host can send any lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..qdialect.dataflow import StreamType, UnitOp, WidthConverterOp, hardware_function, unit_graph
from .hardware_calls import update_signature
from .rewriting import at


def _convert_inputs(unit: UnitOp, argument: SSAValue) -> None:
    """Give `unit` the lanes that it takes; those of @hardware's argument change."""
    for number, operand in enumerate(unit.operands):
        if not isinstance(operand.type, StreamType) or operand.type.lanes == unit.lanes_taken(number):
            continue
        lanes = unit.lanes_taken(number)
        if operand is argument:
            Rewriter.replace_value_with_new_type(argument, operand.type.with_lanes(lanes))
            continue
        converter, block = at(WidthConverterOp(operand, lanes), unit), unit.parent_block()
        assert isinstance(block, Block)
        block.insert_op_before(converter, unit)
        unit.operands[number] = converter.result


@dataclass(frozen=True)
class InsertWidthConvertersPass(ModulePass):
    """Put a width converter wherever a unit takes other lanes than its stream has."""

    name = "q-insert-width-converters"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = hardware_function(op)
        for unit in unit_graph(function):
            _convert_inputs(unit, function.args[0])
        update_signature(op, function)
