# SPDX-License-Identifier: Apache-2.0
"""Which ops of @main are hardware and which are left to the host; what stands in the way, all at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ..qdialect.errors import QoptError
from ..qdialect.q import ConstantOp, GatherOp, ReshapeOp, SliceOp, TransposeOp
from .causes import explained
from .hardware_support import LINEAR, SUPPORTED, lasting_refusal, number_refusal, refusal, repeats
from .refusals import Refusal, refuse

VIEWS = (ReshapeOp, TransposeOp)  # move no number, or the host moves them


@dataclass(frozen=True)
class Division:
    """The ops of @main (without constants), each part in order."""

    before: list[Operation]
    hardware: list[Operation]
    after: list[Operation]


def obstacles(main: FuncOp) -> list[Refusal]:
    """Everything that keeps the layers of `main`, of any level, and what is between them out of the hardware."""
    ops = _computed(main)
    layers = _anchors(ops)
    exact = [op for op in layers if number_refusal(op) is None]
    among_layers, among_exact = _between(layers, ops), _between(exact, ops)
    found = list[Refusal | None]()
    stuck = set[Operation]()  # no layer, never a unit; with all that works on real numbers behind it
    for op in ops:
        if op in layers:
            found += [number_refusal(op), lasting_refusal(op)]
            continue
        lasting = lasting_refusal(op) if op in among_layers else None
        found.append(lasting)
        behind = any(operand.owner in stuck for operand in op.operands) and number_refusal(op) is not None
        if lasting is not None or behind:
            stuck.add(op)
        elif op in among_exact:
            found.append(refusal(op))
    return explained(why for why in found if why is not None)


def _computed(main: FuncOp) -> list[Operation]:
    return [op for op in main.body.block.ops if not isinstance(op, ConstantOp | ReturnOp)]


def _anchors(ops: Sequence[Operation]) -> list[Operation]:
    """The ops that have to be hardware: all layers; where there are none, whatever has a unit."""
    layers = [op for op in ops if op.name in LINEAR]
    return layers or [op for op in ops if refusal(op) is None and not isinstance(op, (ReshapeOp, SliceOp, GatherOp))]


def _between(layers: Collection[Operation], ops: Sequence[Operation]) -> set[Operation]:
    """The ops on a way from one of `layers` to another."""
    return ancestors(layers, ops) & descendants(layers, ops)


def divide(main: FuncOp) -> Division:
    """The division with the most ops in hardware. QoptError names every op that cannot be where it would have to be."""
    refuse(obstacles(main), "cannot be hardware")
    ops = _computed(main)
    anchors = _anchors(ops)
    if not anchors:
        mend = f"quantise weights and activations before export; hardware has {SUPPORTED}"
        raise QoptError(f"nothing in @{main.sym_name.data} can be hardware", main, mend)
    refused = {op for op in ops if refusal(op) is not None}
    before = refused & ancestors(anchors, ops)
    before |= ancestors(before, ops)
    after = refused - before
    after |= descendants(after, ops)
    _leave_views_to_host(ops, before, after)
    hardware = [op for op in ops if op not in before and op not in after]
    return Division([op for op in ops if op in before], hardware, [op for op in ops if op in after])


def ancestors(of: Collection[Operation], ops: Sequence[Operation]) -> set[Operation]:
    """Ops on whose results one of `of` depends."""
    found, wanted = set[Operation](), {operand for op in of for operand in op.operands}
    for op in reversed(ops):
        if any(result in wanted for result in op.results):
            found.add(op)
            wanted.update(op.operands)
    return found


def descendants(of: Collection[Operation], ops: Sequence[Operation]) -> set[Operation]:
    """Ops that depend on a result of one of `of`."""
    found, made = set[Operation](), {result for op in of for result in op.results}
    for op in ops:
        if any(operand in made for operand in op.operands):
            found.add(op)
            made.update(op.results)
    return found


def _leave_views_to_host(ops: Sequence[Operation], before: set[Operation], after: set[Operation]) -> None:
    """Shape ops at the ends of the hardware cost it nothing to lose."""
    outside = before | after
    for op in ops:
        if isinstance(op, VIEWS) and op not in outside and _owner(op.operands[0]) in (None, *before):
            before.add(op)
    outside = before | after
    for op in reversed(ops):
        users = {use.operation for result in op.results for use in result.uses}
        if _only_moves(op) and op not in outside and users <= {*after, *_returns(users)}:
            after.add(op)


def _only_moves(op: Operation) -> bool:
    """Whether `op` behind the last layer is a view, or picks elements, which the host does as well."""
    return isinstance(op, (*VIEWS, SliceOp)) or (isinstance(op, GatherOp) and repeats(op) is None)


def _returns(users: Iterable[Operation]) -> list[Operation]:
    return [user for user in users if isinstance(user, ReturnOp)]


def _owner(value: SSAValue) -> Operation | None:
    return value.owner if isinstance(value.owner, Operation) else None
