# SPDX-License-Identifier: Apache-2.0
"""Einsum: sums, transpositions and matrix products of operands whose axes have letters."""

from __future__ import annotations

import re
from math import prod

from xdsl.ir import SSAValue

from ....qdialect.q import MatMulOp, ReduceSumOp, ReshapeOp
from ....qdialect.types import shape_of
from ..node import Node
from ..registry import importer

_DOTS = "0123456789"  # letters of the axes that an ellipsis stands for


@importer("Einsum")
def import_einsum(node: Node) -> SSAValue:
    """From left to right, two operands at a time; what no later operand and not the result has is summed up."""
    count = len(node.definition.inputs)
    operands = node.matching_operands(*range(count))
    terms, result = _letters(node, operands)
    value, letters = operands[0], terms[0]
    for index in range(1, count):
        wanted = {*result}.union(*terms[index + 1 :])
        value, letters = _product(node, (value, letters), (operands[index], terms[index]), wanted)
    return _transposed(node, *_summed(node, value, letters, {*result}), result)


def _letters(node: Node, operands: list[SSAValue]) -> tuple[list[str], str]:
    """Letters of the axes of each operand and of the result."""
    left, arrow, result = node.text("equation").replace(" ", "").partition("->")
    terms = left.split(",")
    dots = max((len(shape_of(x)) - len(t.replace("...", "")) for x, t in zip(operands, terms, strict=False)), default=0)
    if not arrow:  # letters that appear once, in order
        plain = left.replace(",", "").replace("...", "")
        result = ("..." if "..." in left else "") + "".join(sorted(c for c in set(plain) if plain.count(c) == 1))
    terms = [
        term.replace("...", _DOTS[dots - len(shape_of(x)) + len(term) - 3 : dots] if "..." in term else "")
        for x, term in zip(operands, terms, strict=False)
    ]
    result = result.replace("...", _DOTS[:dots])
    fits = len(terms) == len(operands) == len(left.split(","))
    fits = fits and all(len(term) == len(shape_of(x)) for x, term in zip(operands, terms, strict=True))
    if not fits or not re.fullmatch(r"\w*", result) or not {*result} <= {*"".join(terms)}:
        raise node.error(f"equation '{node.text('equation')}' does not fit the operands", "correct the equation")
    if any(len(set(term)) != len(term) for term in [*terms, result]):
        raise node.error("a diagonal (one letter twice in an operand) is not supported", "take it before the Einsum")
    return terms, result


def _summed(node: Node, value: SSAValue, letters: str, kept: set[str]) -> tuple[SSAValue, str]:
    """The sum along the axes whose letters are not kept."""
    axes = [axis for axis, letter in enumerate(letters) if letter not in kept]
    if not axes:
        return value, letters
    return node.emit(ReduceSumOp(value, axes)), "".join(letter for letter in letters if letter in kept)


def _transposed(node: Node, value: SSAValue, letters: str, wanted: str) -> SSAValue:
    order = [letters.index(letter) for letter in wanted]
    return value if order == sorted(order) else node.transposed(value, order)


def _product(
    node: Node, first: tuple[SSAValue, str], second: tuple[SSAValue, str], wanted: set[str]
) -> tuple[SSAValue, str]:
    """One matrix product: letters in both operands are the batch if wanted, else summed up."""
    a, a_letters = _summed(node, *first, wanted | {*second[1]})
    b, b_letters = _summed(node, *second, wanted | {*a_letters})
    batch = "".join(letter for letter in a_letters if letter in b_letters and letter in wanted)
    inner = "".join(letter for letter in a_letters if letter in b_letters and letter not in wanted)
    rows = "".join(letter for letter in a_letters if letter not in b_letters)
    columns = "".join(letter for letter in b_letters if letter not in a_letters)
    sizes = dict(zip(a_letters, shape_of(a), strict=True)) | dict(zip(b_letters, shape_of(b), strict=True))

    def size(letters: str) -> int:
        return prod(sizes[letter] for letter in letters)

    outer = [sizes[letter] for letter in batch]
    lhs = _shaped(node, _transposed(node, a, a_letters, batch + rows + inner), [*outer, size(rows), size(inner)])
    rhs = _shaped(node, _transposed(node, b, b_letters, batch + inner + columns), [*outer, size(inner), size(columns)])
    product = node.emit(MatMulOp(lhs, rhs))
    letters = batch + rows + columns
    return _shaped(node, product, [sizes[letter] for letter in letters]), letters


def _shaped(node: Node, value: SSAValue, shape: list[int]) -> SSAValue:
    return value if list(shape_of(value)) == shape else node.emit(ReshapeOp(value, shape))
