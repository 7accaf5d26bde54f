# SPDX-License-Identifier: Apache-2.0
"""What the range analysis proves at the typed level, by ONNX node."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation

from ...passes.range_analysis import analyse
from ...passes.rewriting import is_constant
from ...qdialect.errors import node_name
from ...qdialect.formats import IntRange
from ...qdialect.q import ConstantOp, Convolution, MatMulOp
from ...qdialect.types import element_type, integer_format, is_integer_type


@dataclass(frozen=True)
class Proof:
    """The type of a value and the codes that it can be; None where nothing is known.

    `input_bits`: of what a product multiplies its weights with.
    """

    type: Attribute | None = None
    hull: IntRange | None = None
    input_bits: int | None = None


class Proofs:
    """Proofs of products, and of values of a type, of the ops of a module that come from a node.

    Where several ops of a node qualify, the proof is that of the widest codes.
    """

    def __init__(self, typed: ModuleOp | None):
        self._products: dict[str, Proof] = {}
        self._values: dict[tuple[str, str], Proof] = {}
        ranges = {} if typed is None else analyse(typed)
        for value, interval in ranges.items():
            owner = value.owner
            if (
                isinstance(owner, Operation)
                and not isinstance(owner, ConstantOp)
                and is_integer_type(element_type(value))
            ):
                self._add(owner, Proof(element_type(value), interval.hull))

    def _add(self, op: Operation, proof: Proof) -> None:
        name = node_name(op)
        if name is None:
            return
        if isinstance(op, MatMulOp | Convolution):
            inputs = [element_type(operand) for operand in op.operands[:2] if not is_constant(operand)]
            widths = [integer_format(type_).word_length for type_ in inputs if is_integer_type(type_)]
            proof = replace(proof, input_bits=widths[0] if len(widths) == 1 else None)
            self._products[name] = _wider(proof, self._products.get(name))
        else:
            key = (name, str(proof.type))
            self._values[key] = _wider(proof, self._values.get(key))

    def product(self, op: Operation) -> Proof:
        return self._products.get(node_name(op) or "", Proof())

    def value(self, op: Operation, type_: Attribute) -> Proof:
        return self._values.get((node_name(op) or "", str(type_)), Proof())


def _wider(proof: Proof, other: Proof | None) -> Proof:
    if other is None or proof.hull is None or other.hull is None:
        return proof
    return max(proof, other, key=lambda one: one.hull.hi - one.hull.lo if one.hull else 0)
