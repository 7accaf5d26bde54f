# SPDX-License-Identifier: Apache-2.0
"""Turn @hardware into hardware units.

Before:
    func.func private @hardware(%x: tensor<1x4x!q.fixed<8, 0>>) -> tensor<1x2x!q.fixed<2, 0>> {
      %a = q.matmul %x, %w : ...
      %y = q.threshold %a, %t base -1 : ...
After:
    func.func private @hardware(%x: !dataflow.stream<...>) -> !dataflow.stream<...> {
      %a = dataflow.matrix_vector %x, %w_transposed pe 1 simd 1 -> ...
      %y = dataflow.threshold %a, %t base -1 lanes 1 -> ...
    @main: the call stands between dataflow.send and dataflow.receive

| typed ops                                                           | units                                      |
|---------------------------------------------------------------------|--------------------------------------------|
| q.matmul by a constant matrix, and the q.add of a constant behind it | dataflow.matrix_vector                     |
| q.conv with constant weights, and such a q.add                      | dataflow.sliding_window, .matrix_vector    |
| q.max_pool, q.sum_pool                                              | dataflow.sliding_window, .max_pool, .sum_pool |
| q.reduce_max, q.reduce_sum of rows, columns or channels             | the same; images, channels without windows |
| q.pad                                                               | dataflow.sliding_window, that behind it    |
| q.gather that repeats each row or column equally often              | dataflow.upsample                          |
| q.slice, q.gather of some elements, or of channels in another order | dataflow.slice                             |
| q.interleave, q.depth_to_space                                      | dataflow.interleave, dataflow.depth_to_space |
| q.threshold                                                         | dataflow.threshold                         |
| q.table                                                             | dataflow.table                             |
| q.mul, q.add with constants, up to and including q.quantize         | dataflow.requantize                        |
| q.add, q.sub, q.mul of two computed tensors                         | dataflow.add, dataflow.sub, dataflow.mul   |
| q.concat                                                            | dataflow.concat                            |
| q.arg_max of the whole frame                                        | dataflow.arg_max                           |
| q.reshape, q.transpose that keeps the order of elements             | nothing                                    |

Exact: the same integers.   Needs: q-partition.   Keeps: element types, ranges, locations.
Leaves: nothing; ops without a unit are reported all at once. All units get PE, SIMD and lanes of 1. Images have their
channels last (q-make-channels-last).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ..qdialect.dataflow import (
    HARDWARE,
    StreamType,
    hardware_function,
)
from ..qdialect.errors import QoptError
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    ClipOp,
    ConcatOp,
    ConvOp,
    DepthToSpaceOp,
    GatherOp,
    InterleaveOp,
    MatMulOp,
    MaxPoolOp,
    MulOp,
    PadOp,
    QuantizeOp,
    ReduceMaxOp,
    ReduceSumOp,
    ReshapeOp,
    SliceOp,
    SubOp,
    SumPoolOp,
    TableOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.types import element_type, is_integer_type, shape_of, tensor_type
from .grid_units import depth_to_space, interleave
from .hardware_calls import update_signature
from .hardware_units import Blocked, NotHardware, Rule, UnitBuilder
from .image_units import concat, conv, pad, pool, reduction
from .lookup_units import table, threshold
from .refusals import Refusal, refuse
from .slice_units import gather, part

RULES: dict[type[Operation], Rule] = {
    MatMulOp: UnitBuilder.matmul,
    ConvOp: conv,
    MaxPoolOp: pool,
    SumPoolOp: pool,
    ReduceSumOp: reduction,
    ReduceMaxOp: reduction,
    PadOp: pad,
    GatherOp: gather,
    SliceOp: part,
    InterleaveOp: interleave,
    DepthToSpaceOp: depth_to_space,
    ThresholdOp: threshold,
    TableOp: table,
    QuantizeOp: UnitBuilder.tail,
    ClipOp: UnitBuilder.tail,
    AddOp: UnitBuilder.join,
    SubOp: UnitBuilder.join,
    MulOp: UnitBuilder.join,
    ConcatOp: concat,
    ArgMaxOp: UnitBuilder.arg_max,
    ReshapeOp: UnitBuilder.view,
    TransposeOp: UnitBuilder.transpose,
}


def _convert(function: FuncOp) -> None:
    """Give @hardware a body of units; QoptError lists every op that has no unit."""
    if len(function.args) != 1 or len(function.function_type.outputs) != 1:
        raise QoptError(
            f"@{HARDWARE} has {len(function.args)} inputs and {len(function.function_type.outputs)} outputs; "
            "hardware has one each",
            function,
            "join the inputs, or leave all but one input and output to the host",
        )
    block = Block(arg_types=[_stream_of(function.args[0], function)])
    block.args[0].name_hint = function.args[0].name_hint
    builder = UnitBuilder(block, RULES)
    builder.streams[function.args[0]] = block.args[0]
    refused: list[Refusal] = []
    for op in function.body.block.ops:
        if isinstance(op, ReturnOp):
            continue
        try:
            builder.convert(op)
        except NotHardware as reason:
            refused.append(Refusal(op, reason.what, reason.mend))
        except Blocked:
            pass
    refuse(refused, "have no hardware unit")
    returned = function.body.block.last_op
    assert isinstance(returned, ReturnOp)
    block.add_op(ReturnOp(builder.streams[returned.operands[0]]))
    function.body.detach_block(function.body.block).erase()
    function.body.add_block(block)


def _stream_of(value: SSAValue, function: FuncOp) -> StreamType:
    type_ = element_type(value)
    if not is_integer_type(type_):
        raise QoptError(
            f"@{HARDWARE} takes {tensor_type(value)}, hardware integer codes", function, "quantise the input of the net"
        )
    return StreamType(type_, 1, prod(shape_of(value)))


@dataclass(frozen=True)
class ConvertToDataflowPass(ModulePass):
    """Turn @hardware into hardware units."""

    name = "q-convert-to-dataflow"
    exact: ClassVar[bool] = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = hardware_function(op)
        if any(isinstance(argument.type, StreamType) for argument in function.args):
            return
        _convert(function)
        update_signature(op, function)
