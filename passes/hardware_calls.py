# SPDX-License-Identifier: Apache-2.0
"""Keep the callers of @hardware in step with the streams that it takes and gives."""

from __future__ import annotations

from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import SSAValue

from ..qdialect.dataflow import HARDWARE, FromStreamOp, ToStreamOp, stream_type
from ..qdialect.types import QTensor, tensor_type
from .rewriting import at


def update_signature(module: ModuleOp, function: FuncOp) -> None:
    """Take the type of @hardware from its body, and put send and receive for it around each call."""
    returned = function.body.block.last_op
    assert returned is not None
    function.function_type = FunctionType.from_lists(
        [argument.type for argument in function.args], [value.type for value in returned.operands]
    )
    for call in [op for op in module.walk() if isinstance(op, CallOp) and op.callee.root_reference.data == HARDWARE]:
        _rebuild(call, function)


def _rebuild(call: CallOp, function: FuncOp) -> None:
    block = call.parent_block()
    assert block is not None
    old_send = call.arguments[0].owner
    tensor = old_send.input if isinstance(old_send, ToStreamOp) else call.arguments[0]
    send = at(ToStreamOp(tensor, stream_type(function.args[0]).lanes), call)
    new = at(CallOp(HARDWARE, [send.result], list(function.function_type.outputs)), call)
    block.insert_ops_before([send, new], call)
    for received in _received(call.res[0]):
        receive = at(FromStreamOp(new.res[0], _tensor_type_of(received)), call)
        receive.result.name_hint = received.name_hint
        block.insert_op_before(receive, call)
        received.replace_all_uses_with(receive.result)
        if received is not call.res[0]:
            received.owner.detach()  # pyright: ignore[reportAttributeAccessIssue]
            received.owner.erase()
    call.detach()
    call.erase()
    if isinstance(old_send, ToStreamOp) and not list(old_send.result.uses):
        old_send.detach()
        old_send.erase()


def _received(result: SSAValue) -> list[SSAValue]:
    """The tensors that a call gives: its result, or what receives it."""
    if isinstance(result.type, TensorType):
        return [result]
    return [use.operation.result for use in result.uses if isinstance(use.operation, FromStreamOp)]


def _tensor_type_of(value: SSAValue) -> QTensor:
    return tensor_type(value)
