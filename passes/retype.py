# SPDX-License-Identifier: Apache-2.0
"""Give values another element type without changing what they are."""

from __future__ import annotations

from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Attribute, SSAValue
from xdsl.rewriter import Rewriter

from ..qdialect.q import QOp
from ..qdialect.q.base import tensor
from ..qdialect.types import element_type, shape_of


def fixed_by_interface(value: SSAValue) -> bool:
    """True if a function's signature states the type of the value, directly or behind ops that keep the type."""
    users = [use.operation for use in value.uses]
    return any(
        isinstance(user, ReturnOp | CallOp)
        or (isinstance(user, QOp) and user.FOLLOWS_OPERANDS and fixed_by_interface(user.results[0]))
        for user in users
    )


def retype(value: SSAValue, type_: Attribute) -> None:
    """Give a value another element type, and what follows from it to results that take their type from it."""
    value = Rewriter.replace_value_with_new_type(value, tensor(type_, shape_of(value)))
    for use in list(value.uses):
        user = use.operation
        if isinstance(user, QOp) and user.FOLLOWS_OPERANDS:
            followed = user.infer_types()[0].element_type
            if followed != element_type(user.results[0]):
                retype(user.results[0], followed)
