# SPDX-License-Identifier: Apache-2.0
"""`dataflow.send` and `dataflow.receive`: where the host's tensors meet the hardware's streams."""

from __future__ import annotations

from math import prod

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from ..q.base import IntegerTensor, QOp
from ..types import QTensor, element_type, shape_of
from .types import StreamType, stream_type
from .unit import AnyStream


@irdl_op_definition
class ToStreamOp(QOp):
    """The host sends a tensor, elements in row-major order, one frame.

    ```mlir
    %s = dataflow.send %x : tensor<1x784x!q.ufixed<8, 0>> -> !dataflow.stream<!q.ufixed<8, 0>, lanes = 28, beats = 28>
    ```
    """

    name = "dataflow.send"
    input = operand_def(IntegerTensor)
    result = result_def(AnyStream)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, lanes: int = 1):
        elements = prod(shape_of(input))
        super().__init__(
            operands=[input], result_types=[StreamType(element_type(input), lanes, max(elements // lanes, 1))]
        )

    def verify_(self) -> None:
        _verify_transfer(self, self.input, self.result)


@irdl_op_definition
class FromStreamOp(QOp):
    """The host receives one frame as a tensor, elements in row-major order.

    ```mlir
    %y = dataflow.receive %s : !dataflow.stream<!q.fixed<9, 0>, lanes = 2, beats = 5> -> tensor<1x10x!q.fixed<9, 0>>
    ```
    """

    name = "dataflow.receive"
    input = operand_def(AnyStream)
    result = result_def(IntegerTensor)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, result_type: QTensor):
        super().__init__(operands=[input], result_types=[result_type])

    def verify_(self) -> None:
        _verify_transfer(self, self.result, self.input)


def _verify_transfer(op: QOp, tensor: SSAValue, stream: SSAValue) -> None:
    type_, elements = stream_type(stream), prod(shape_of(tensor))
    if type_.elements != elements:
        raise op.fault(f"moves {elements} elements a frame, but the stream has {type_.lanes} x {type_.beats}")
    if type_.element_type != element_type(tensor):
        raise op.fault(f"keeps the element type {element_type(tensor)}, but the stream has {type_.element_type}")
