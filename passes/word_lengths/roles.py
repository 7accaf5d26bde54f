# SPDX-License-Identifier: Apache-2.0
"""What a quantiser is for, and the names of its layer, as a specification knows it."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...frontends.precision.specification import Role
from ...qdialect.q import QuantizeOp
from ...qdialect.types import FixedType, UFixedType, element_type, is_f32
from ..calibration.layers import layer_kind, node_names
from ..hardware_support import argument_name
from .fitting import PRODUCTS


def constant_values(main: FuncOp) -> set[SSAValue]:
    """Values that no input reaches."""
    found = set[SSAValue]()
    for op in main.body.block.ops:
        if all(operand in found for operand in op.operands):
            found.update(op.results)
    return found


def layer_names(op: QuantizeOp, constants: set[SSAValue]) -> tuple[tuple[str, ...], str]:
    """Names and kind of the layer whose result is quantised; its last node first."""
    value, ops = op.input, [cast(Operation, op)]
    while isinstance(value.owner, Operation):
        ops.append(value.owner)
        dynamic = [operand for operand in value.owner.operands if operand not in constants]
        kind = layer_kind(value.owner)
        if len(dynamic) != 1 or kind != "other":
            return node_names(ops), "add" if kind == "other" and len(dynamic) > 1 else kind
        value = dynamic[0]
    assert isinstance(value, BlockArgument)
    return (argument_name(value), *node_names(ops)), "input"


def weights_layer_names(op: QuantizeOp) -> tuple[tuple[str, ...], str]:
    """Names and kind of the layer whose weights are quantised."""
    work, seen = list(op.result.uses), list[Operation]([op])
    while work:
        user = work.pop().operation
        seen.append(user)
        if isinstance(user, PRODUCTS):
            return node_names(seen), layer_kind(user)
        work += [use for result in user.results for use in result.uses]
    return node_names([op]), "other"


def role_of(op: QuantizeOp, constants: set[SSAValue]) -> Role | None:
    """What the quantiser is for; None: its word length is no choice of ours (a bias, another format)."""
    if not isinstance(element_type(op.result), FixedType | UFixedType):
        return None
    if op.result not in constants:
        return Role.ACTIVATION
    if not is_f32(element_type(op.input)):
        return None
    return Role.WEIGHT if _reaches_product(op.result, constants) else None


def _reaches_product(value: SSAValue, constants: set[SSAValue]) -> bool:
    for use in value.uses:
        user = use.operation
        if isinstance(user, PRODUCTS) and use.index < 2:
            return True
        if all(result in constants for result in user.results) and user.results:
            if any(_reaches_product(result, constants) for result in user.results):
                return True
    return False
