# SPDX-License-Identifier: Apache-2.0
"""The float network that a quantised one comes from, and which of its values is which."""

from __future__ import annotations

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...frontends.precision.specification import Specification
from ...passes.calibration.equalization import equalize
from ...passes.calibration.folding import fold_batch_norms
from ...passes.calibration.given_formats import free_weights
from ...passes.fold_constants import FoldConstantsPass
from ...passes.rewriting import function_named, is_constant
from .structure import Activation, Layer

Key = tuple[object, ...]


def prepared(context: Context, original: ModuleOp, specification: Specification) -> ModuleOp:
    """A copy of the float network after exact changes of q-quantize: batch normalisations folded, channels scaled."""
    module = original.clone()
    FoldConstantsPass().apply(context, module)
    main = function_named(module, "main")
    assert main is not None
    free_weights(main, specification)
    fold_batch_norms(main)
    if specification.equalize:
        equalize(main)
    return module


def match(before: FuncOp, after: FuncOp, layers: list[Layer]) -> dict[SSAValue, SSAValue]:
    """For values of the quantised network `after` the value of the float network that it stands for.

    Both have the same ops in the same order but for quantisers; what has no counterpart is left out.
    """
    left: dict[Key, list[Operation]] = {}
    for op in before.body.block.ops:
        if dynamic := _dynamic(op):
            left.setdefault(_key(op, dynamic), []).append(op)
    found: dict[SSAValue, SSAValue] = dict(zip(after.args, before.args, strict=True))
    quantizers = [activation for layer in layers for activation in layer.quantizers]
    behind = {activation.result: activation.source for activation in quantizers}
    scalings = {op for activation in quantizers for op in _scaling(activation)}
    for op in after.body.block.ops:
        dynamic = [] if op in scalings else _dynamic(op)
        if any(result in behind for result in op.results):
            found.update((result, found[behind[result]]) for result in op.results if behind[result] in found)
        elif dynamic and all(value in found for value in dynamic):
            same = left.get(_key(op, [found[value] for value in dynamic]))
            found.update(zip(op.results, same.pop(0).results, strict=True) if same else ())
    return found


def _scaling(activation: Activation) -> list[Operation]:
    """The ops between a value and its quantiser."""
    ops, value = list[Operation](), activation.op.input
    while value is not activation.source and isinstance(value.owner, Operation):
        ops.append(value.owner)
        value = value.owner.operands[0]
    return ops


def _dynamic(op: Operation) -> list[SSAValue]:
    return [operand for operand in op.operands if not is_constant(operand)]


def _key(op: Operation, operands: list[SSAValue]) -> Key:
    """What is the same in both networks: the node, the op, and what it computes with."""
    attributes = sorted((name, str(value)) for name, value in op.properties.items() if name != "range")
    return (op.name, str(op.location), tuple(operands), tuple(attributes))
