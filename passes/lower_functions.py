# SPDX-License-Identifier: Apache-2.0
"""Turn functions of one integer, with the quantiser behind them, into thresholds or tables.

Before:
    %0 = q.prelu %a, %slope : tensor<1x2x!q.fixed<4, 1>>, tensor<!q.real> -> tensor<1x2x!q.real>
    %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<3, 0>>
    %1 = q.quantize %b half_even saturate : tensor<1x2x!q.fixed<4, 1>> -> tensor<1x2xf32>
    %2 = q.sin %1 : tensor<1x2xf32>
    %z = q.quantize %2 half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<6, 4>>
After:
    %y = q.threshold %a, %thresholds base -1 : ... -> tensor<1x2x!q.fixed<3, 0>>
    %z = q.table %b, %table base -8 : ... -> tensor<1x2x!q.fixed<6, 4>>

Exact: the reference computes the result of every code that the range analysis lets come, for every channel.
Needs: elementwise ops, of float32 too, that all follow from one integer value; constants that differ along one axis.
Keeps: type and every output bit.
Leaves: what q-lower-quantizers does in closed form; more than a million codes times channels (remark), unless the
function is a leaky ReLU or PReLU, whose thresholds have a closed form.
Integer ops that have no unit of their own, such as q.max, become tables without a quantiser, and so do products
of branches that follow from one integer of up to ten bits.
A function that rises or falls throughout becomes thresholds where they are estimated to be smaller than a table. Tables
take words of up to 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeGuard

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..qdialect.cost.unit import BRAM18_AREA, table_cost
from ..qdialect.dataflow.table import MAX_TABLE_WIDTH
from ..qdialect.q import AddOp, DivOp, MulOp, QOp, QuantizeOp, SubOp, TableOp
from ..qdialect.types import BipolarType, element_type, integer_format, is_integer_type
from .function_table import FEWER_CODES, FunctionTable, is_short_product, tabulate
from .hardware_support import is_pointwise, unit_refusal
from .input_table import table_thresholds
from .lower_tails import replace_tail
from .quantizer_cost import thresholds_area
from .range_analysis import Ranges, RangesOnDemand
from .remarks import remark
from .rewriting import constant, is_constant
from .tail import NoTail
from .threshold_math import Thresholds
from .threshold_tails import one_row, threshold_ops
from .two_sided_tails import two_sided_thresholds


def _thresholds(op: QOp, function: FunctionTable, max_levels: int) -> Thresholds | None:
    """The thresholds of a function that rises or falls throughout in each channel; None if there are none or many."""
    changes = np.diff(function.table, axis=0)
    both = (changes > 0).any(axis=0) & (changes < 0).any(axis=0)
    if bool(both.any()) or int(np.ptp(function.table)) > max_levels:
        return None
    bipolar = isinstance(element_type(op.results[0]), BipolarType)
    found = table_thresholds(function.table, function.codes, bipolar, op)
    return one_row(Thresholds(found.thresholds.astype(object), found.descending, found.base))


def _table_area(function: FunctionTable, input_width: int, result_width: int) -> int:
    cost = table_cost(function.table.shape[1] << input_width, result_width)
    return cost.lut + BRAM18_AREA * cost.bram18 + result_width


def function_ops(op: QOp, function: FunctionTable, max_levels: int) -> list[Operation]:
    """The ops that replace `op`; the last gives its result. NoTail if it fits no unit."""
    source = element_type(function.source)
    widths = [integer_format(type_).word_length for type_ in (source, element_type(op.results[0]))]
    thresholds = _thresholds(op, function, max_levels)
    fits_table = widths[0] <= MAX_TABLE_WIDTH and not isinstance(source, BipolarType)
    if thresholds is not None and not (
        fits_table and _table_area(function, *widths) < thresholds_area(thresholds, *widths)
    ):
        return threshold_ops(op, function, thresholds)
    if not fits_table:
        why = f"it is a function of {source} that neither rises nor falls throughout, or has too many levels"
        raise NoTail(why, FEWER_CODES)
    table = constant(np.ascontiguousarray(function.table.T), element_type(op.results[0]))
    table.result.name_hint = "table"
    return [table, TableOp(function.source, table.result, int(function.codes[0]), function.axis)]


def lowered_ops(op: QOp, ranges: Ranges, max_levels: int) -> list[Operation]:
    """The ops that replace a function of one integer; NoTail if there are none."""
    try:
        return function_ops(op, tabulate(op, ranges), max_levels)
    except NoTail as reason:
        if not isinstance(op, QuantizeOp):
            raise
        try:
            source, thresholds = two_sided_thresholds(op, ranges, max_levels)
        except NoTail:
            raise reason from None
        return threshold_ops(op, source, one_row(thresholds))


def _wants_table(op: Operation) -> TypeGuard[QOp]:
    """Whether an op gives integers in a way that no unit does, as far as it is not affine."""
    if not is_pointwise(op) or not is_integer_type(element_type(op.results[0])):
        return False
    if isinstance(op, QuantizeOp):
        return not is_integer_type(element_type(op.input))
    affine = isinstance(op, AddOp | SubOp | MulOp | DivOp) and any(map(is_constant, op.operands))
    return is_short_product(op) or (not affine and unit_refusal(op) is not None)


@dataclass(frozen=True)
class LowerFunctionsPass(ModulePass):
    """Turn functions of one integer, with the quantiser behind them, into thresholds or tables."""

    name = "q-lower-functions"
    exact: ClassVar[bool] = True
    max_levels: int = 255  # no more thresholds than this

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        ranges = RangesOnDemand(op)
        for item in reversed([item for item in op.walk() if is_pointwise(item)]):
            if item.parent is None or not _wants_table(item):
                continue
            try:
                replace_tail(item, lowered_ops(item, ranges, self.max_levels))
            except NoTail as reason:
                remark(item, f"{item.name} is left as it is: {reason}")
