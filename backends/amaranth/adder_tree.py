# SPDX-License-Identifier: Apache-2.0
"""Terms of a sum and the tree of adders that adds them up, every level registered.

A term is registered and then added to another one. A `LateTerm` is registered before its product is made; the product
is made in the adder that adds it to its neighbour, where it fits into the look-up tables of the carry chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Value

from .shapes import extended
from .stream_unit import Pipeline


@dataclass(frozen=True)
class Term:
    """An unsigned number on wires and the largest value it takes."""

    value: Value
    maximum: int

    def add_to(self, other: Term) -> Term:
        """The sum, in exact width."""
        maximum = other.maximum + self.maximum
        return Term((other.value + self.value)[: maximum.bit_length()], maximum)


@dataclass(frozen=True)
class LateTerm:
    """Wires of a lane whose product is made when it is added."""

    value: Value
    accumulate: Callable[[Term, Value], Term]

    def add_to(self, other: Term) -> Term:
        return self.accumulate(other, self.value)


def table_lookup(table: Sequence[int], index: Value) -> Value:
    """`table[index]`, combinational; written so that each output bit is one function of the bits of `index`.

    In Verilog that is a constant shifted by the index. A leading one that no index reaches gives all constants one
    width, since Verilator (5.048) takes `(a >> i) ^ (b >> i)` for `(a ^ b) >> i` in the width of one of them.
    """
    bits: list[Value] = []
    reach = 1 << len(index)
    for bit in range(max(table).bit_length()):
        truth = sum(((entry >> bit) & 1) << position for position, entry in enumerate(table))
        bits.append(Const(truth | 1 << reach, reach + 1).bit_select(index, 1) if truth else Const(0, 1))
    return Cat(*bits)


def add_shifted(total: Term, digit: Term, shift: int) -> Term:
    """`total + (digit + 1) * 2**shift` as `total - ~digit`.

    Written as a difference, because yosys keeps the order of its operands: the first one feeds the carry chain, the
    second one, a function of input and weight, disappears in its look-up tables. It orders the operands of a sum.
    """
    maximum = total.maximum + ((digit.maximum + 1) << shift)
    width = maximum.bit_length() - shift
    upper = total.value[shift:] - ~extended(digit.value, width)
    return Term(Cat(extended(total.value, shift), upper[:width]), maximum)


def add_up(pipe: Pipeline, terms: list[list[Term | LateTerm]]) -> list[Value]:
    """The sum of the terms of each PE, all PEs with as many terms."""
    level = 0
    while True:
        terms = register_terms(pipe, f"terms_{level}", terms)
        if len(terms[0]) == 1:
            return [row[0].value for row in terms]
        terms = [add_pairs(row) for row in terms]
        level += 1


def register_terms(pipe: Pipeline, name: str, terms: list[list[Term | LateTerm]]) -> list[list[Term | LateTerm]]:
    found: list[list[Term | LateTerm]] = []
    for pe, row in enumerate(terms):
        values = pipe.registers(f"{name}_{pe}", [term.value for term in row])
        found.append([replace(term, value=value) for term, value in zip(row, values, strict=True)])
    return found


def add_pairs(terms: list[Term | LateTerm]) -> list[Term | LateTerm]:
    """One level of an adder tree; an odd term goes through."""
    sums = [late.add_to(term) for term, late in zip(terms[0::2], terms[1::2], strict=False)]
    return [*sums, *terms[len(sums) * 2 :]]
