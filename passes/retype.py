# SPDX-License-Identifier: Apache-2.0
"""Give values another element type without changing what they are."""

from __future__ import annotations

from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Attribute, SSAValue
from xdsl.rewriter import Rewriter

from ..qdialect.q import ReshapeOp, TopKOp, TransposeOp
from ..qdialect.q.base import tensor
from ..qdialect.types import shape_of


def fixed_by_interface(value: SSAValue) -> bool:
    """True if a function's signature states the type of the value, directly or behind ops that keep the type."""
    users = [use.operation for use in value.uses]
    return any(
        isinstance(user, ReturnOp | CallOp)
        or (isinstance(user, ReshapeOp | TransposeOp | TopKOp) and fixed_by_interface(user.results[0]))
        for user in users
    )


def retype(value: SSAValue, type_: Attribute) -> None:
    """Give a value another element type, and the same to its views."""
    value = Rewriter.replace_value_with_new_type(value, tensor(type_, shape_of(value)))
    for use in list(value.uses):
        if isinstance(use.operation, ReshapeOp | TransposeOp | TopKOp):
            retype(use.operation.results[0], type_)
