# SPDX-License-Identifier: Apache-2.0
"""Comparison, truths and choice: Equal, Less, Greater, And, Or, Not, Where, IsNaN, ..."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.q import BinaryOp, CompareOp, MaxOp, MinOp, Predicate, SelectOp, SubOp
from ....qdialect.q.logic import TRUTH
from ..node import Node
from ..registry import importer
from .arithmetic import aligned

# op type: (predicate, whether the operands change places)
COMPARISONS: dict[str, tuple[Predicate, bool]] = {
    "Equal": (Predicate.EQUAL, False),
    "Less": (Predicate.LESS, False),
    "LessOrEqual": (Predicate.LESS_EQUAL, False),
    "Greater": (Predicate.LESS, True),
    "GreaterOrEqual": (Predicate.LESS_EQUAL, True),
}
CONNECTIVES: dict[str, type[BinaryOp]] = {"And": MinOp, "Or": MaxOp}


@importer(*COMPARISONS)
def import_comparison(node: Node) -> SSAValue:
    (lhs, rhs), _ = node.exact_operands(0, 1)
    rhs = aligned(node, lhs, rhs)
    predicate, swapped = COMPARISONS[node.definition.op_type]
    return _truth(node, CompareOp(predicate, *((rhs, lhs) if swapped else (lhs, rhs))))


def _truth(node: Node, op: CompareOp | BinaryOp) -> SSAValue:
    return node.emit_integer(op, TRUTH)


def _truth_operand(node: Node, index: int) -> SSAValue:
    if node.integer_type(index) != TRUTH:
        raise node.error(f"'{node.input_name(index)}' is no truth value", "cast it to bool in the model")
    return node.operand(index)


@importer(*CONNECTIVES)
def import_connective(node: Node) -> SSAValue:
    lhs, rhs = _truth_operand(node, 0), _truth_operand(node, 1)
    return _truth(node, CONNECTIVES[node.definition.op_type](lhs, aligned(node, lhs, rhs)))


@importer("Xor")
def import_xor(node: Node) -> SSAValue:
    lhs, rhs = _truth_operand(node, 0), _truth_operand(node, 1)
    return negated(node, _truth(node, CompareOp(Predicate.EQUAL, lhs, aligned(node, lhs, rhs))))


@importer("Not")
def import_not(node: Node) -> SSAValue:
    return negated(node, _truth_operand(node, 0))


def negated(node: Node, truth: SSAValue) -> SSAValue:
    return _truth(node, SubOp(node.add_constant(np.ones((), np.bool_)), truth))


@importer("IsNaN")
def import_is_nan(node: Node) -> SSAValue:
    """NaN alone differs from itself."""
    x = node.float_operand(0)
    return negated(node, _truth(node, CompareOp(Predicate.EQUAL, x, x)))


@importer("IsInf")
def import_is_inf(node: Node) -> SSAValue:
    signs = [sign for sign, name in ((1, "detect_positive"), (-1, "detect_negative")) if node.integer(name, 1)]
    x = node.float_operand(0)
    ends = [node.add_constant(np.asarray(sign * np.inf, np.float32)) for sign in signs]
    found = [_truth(node, CompareOp(Predicate.EQUAL, x, end)) for end in ends]
    if not found:
        raise node.error("no infinity is asked for", "set detect_positive or detect_negative")
    return found[0] if len(found) == 1 else _truth(node, MaxOp(found[0], found[1]))


@importer("Where")
def import_where(node: Node) -> SSAValue:
    (on_true, on_false), type_ = node.exact_operands(1, 2)
    return node.emit_exact(SelectOp(node.operand(0), on_true, on_false), type_)
