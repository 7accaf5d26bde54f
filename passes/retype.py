# SPDX-License-Identifier: Apache-2.0
"""Give values another element type without changing what they are."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Attribute, SSAValue
from xdsl.rewriter import Rewriter

from ..qdialect.q import ReshapeOp, TopKOp, TransposeOp
from ..qdialect.q.base import tensor
from ..qdialect.types import shape_of


def fixed_by_interface(module: ModuleOp) -> set[SSAValue]:
    """Values whose type a function's signature states, directly or behind ops that keep the type."""
    fixed = set[SSAValue]()
    for op in reversed(list(module.walk())):
        if isinstance(op, ReturnOp | CallOp):
            fixed.update(op.operands)
        elif isinstance(op, ReshapeOp | TransposeOp | TopKOp) and op.results[0] in fixed:
            fixed.add(op.operands[0])
    return fixed


def retype(value: SSAValue, type_: Attribute) -> dict[SSAValue, SSAValue]:
    """Give a value another element type, and the same to its views. Returns the new value for each old one."""
    new = Rewriter.replace_value_with_new_type(value, tensor(type_, shape_of(value)))
    renewed = {value: new}
    for use in list(new.uses):
        if isinstance(use.operation, ReshapeOp | TransposeOp | TopKOp):
            renewed |= retype(use.operation.results[0], type_)
    return renewed
