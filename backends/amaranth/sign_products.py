# SPDX-License-Identifier: Apache-2.0
"""Products with weights of -1, 0 and +1, and counters that add up their bits, as `cost.sign_sums` lays them out.

With x' the input as an unsigned number (a sign bit inverted), the term of a lane is x' for weight +1, its complement
for -1, and 0 for 0; a `correction` of each weight makes the product of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from amaranth.hdl import Cat, Const, Value
from numpy.typing import NDArray

from ...qdialect.cost.latency import TABLE_INPUTS
from ...qdialect.cost.sign_sums import GROUP, ROUNDS_A_STAGE, SignSums, after_counters, parity_rounds
from ...qdialect.formats import BipolarFormat, IntegerFormat
from .adder_tree import LateTerm, Term, add_pairs, add_shifted, register_terms, table_lookup
from .stream_unit import Pipeline

Columns = list[list[Value]]  # bits to add up, by weight
Terms = list[Term | LateTerm]


class SignProducts:
    """Products with weights -1, 0 and +1; the contract is that of `multiply_add`."""

    def __init__(self, input_format: IntegerFormat, way: SignSums) -> None:
        self._way = way
        self._bipolar = isinstance(input_format, BipolarFormat)
        self._inverted = not self._bipolar and input_format.signed  # the sign bit
        self.shift = int(self._bipolar)
        self.word_width = way.word_width
        self.preparation = way.preparation
        self._rounds, self._left = parity_rounds(way.simd)

    def word_bits(self, codes: NDArray[np.int64] | NDArray[np.object_]) -> NDArray[np.bool_]:
        """The bits of the words [words, word_width] that hold weights [words, SIMD]."""
        negative = codes < 0
        kinds = [negative] * self._way.signed + [codes != 0] * self._way.gated
        bits = np.stack(kinds, axis=2).reshape(len(codes), -1).astype(bool)
        if self._way.parities:
            for triple in (triple for triples in self._rounds for triple in triples):
                bits = np.concatenate([bits, np.logical_xor.reduce(bits[:, triple], axis=1)[:, None]], axis=1)
        return bits

    def correction(self, weight: int, lane: int) -> int:
        late = int(self._way.paired and lane % 2 == 1) << self.shift
        if weight == 0:
            return -late
        if self._bipolar:
            return -1 - late
        width = self._way.planes
        bias = 1 << (width - 1) if self._inverted else 0
        return (-bias if weight > 0 else bias + 1 - (1 << width)) - late

    def prepare(self, pipe: Pipeline, inputs: Sequence[Value]) -> list[Value]:
        """Inputs with the parities behind them, `preparation` steps later."""
        lanes = list(inputs)
        if not self._way.parities:
            return lanes
        for first in range(0, len(self._rounds), ROUNDS_A_STAGE):
            for triples in self._rounds[first : first + ROUNDS_A_STAGE]:
                lanes += [lanes[a] ^ lanes[b] ^ lanes[c] for a, b, c in triples]
            lanes = pipe.registers(f"parities_{first}", lanes)
        return lanes

    def rows(self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]) -> list[Terms]:
        """The terms of each PE, few of them, some steps after inputs and weights."""
        both = list(zip(inputs, words, strict=True))
        if not self._way.paired:
            return _compressed(pipe, [self._grouped(lanes, word) for lanes, word in both])
        pairs = [self._pairs(lanes, word) for lanes, word in both]
        sums = [add_pairs(terms) for terms in register_terms(pipe, "products", pairs)]
        return _compressed(pipe, [_columns([term.value for term in terms]) for terms in sums])

    def _weights(self, word: Value) -> list[Value]:
        """The bits of each lane's weight; of the parities one bit each."""
        bits, split = self._way.weight_bits, self._way.simd * self._way.weight_bits
        return [word[low : low + bits] for low in range(0, split, bits)] + [word[n] for n in range(split, len(word))]

    def _unsigned(self, lane: Value) -> Value:
        """x'."""
        return Cat(lane[:-1], ~lane[-1]) if self._inverted else lane

    def _pairs(self, lanes: Sequence[Value], word: Value) -> Terms:
        both = [Cat(self._unsigned(x), w) for x, w in zip(lanes, self._weights(word), strict=True)]
        return [LateTerm(lane, self._add) if n % 2 else self._term(lane) for n, lane in enumerate(both)]

    def _term(self, lane: Value) -> Term:
        """The term of an input and a weight of two bits."""
        width = self._way.planes
        sign, gate = lane[width], lane[width + 1]
        return Term((lane[:width] ^ sign.replicate(width)) & gate.replicate(width), (1 << width) - 1)

    def _add(self, total: Term, lane: Value) -> Term:
        return add_shifted(total, self._term(lane), 0)

    def _grouped(self, lanes: Sequence[Value], word: Value) -> Columns:
        """Columns of the products of one PE."""
        weights, columns = self._weights(word), Columns([] for _ in self._way.heights)
        for plane in range(self._way.planes):
            bits = [Cat(self._unsigned(x)[plane], weight) for x, weight in zip(lanes, weights, strict=True)]
            for group, is_sum, is_carry in self._groups():
                count = self._count([bits[lane] for lane in group])
                if is_sum:
                    columns[plane].append(count[0])
                if is_carry:
                    columns[plane + 1].append(count[1])
        return columns

    def _groups(self) -> list[tuple[Sequence[int], bool, bool]]:
        """Lanes that a table takes, and whether it makes their sum and their carry."""
        if self._way.parities:
            carries = [(triple, False, True) for triples in self._rounds for triple in triples]
            return [*carries, (self._left, True, len(self._left) > 1)]
        starts = range(0, self._way.simd, GROUP)
        groups = [range(start, min(start + GROUP, self._way.simd)) for start in starts]
        return [(group, True, len(group) > 1) for group in groups]

    def _count(self, lanes: Sequence[Value]) -> Value:
        """How many of up to three products of one bit are 1; a lane is the input's bit and the weight's."""
        signed, gated = self._way.signed, self._way.gated
        ones: list[int] = []
        for entry in range(2 << self._way.weight_bits):
            x, sign, gate = entry & 1, entry >> 1 & int(signed), entry >> (1 + signed) & 1 if gated else 1
            ones.append((x ^ sign) & gate)
        table = [sum(entries) for entries in product(ones, repeat=len(lanes))]
        return table_lookup(table, Cat(*reversed(lanes)))


def _columns(numbers: Sequence[Value]) -> Columns:
    """The bits of numbers by weight."""
    return [[number[bit] for number in numbers if bit < len(number)] for bit in range(max(map(len, numbers)))]


def _compressed(pipe: Pipeline, heaps: list[Columns]) -> list[Terms]:
    """Rows of the bits of each PE, behind as many levels of counters as there are columns of six bits."""
    level = 0
    while max(map(len, heaps[0])) >= TABLE_INPUTS:
        heaps = [_counted(_registered(pipe, f"bits_{level}_{pe}", heap)) for pe, heap in enumerate(heaps)]
        level += 1
    return [_rows(heap) for heap in heaps]


def _registered(pipe: Pipeline, name: str, heap: Columns) -> Columns:
    bits = iter(pipe.registers(name, [bit for column in heap for bit in column]))
    return [[next(bits) for _ in column] for column in heap]


def _counted(heap: Columns) -> Columns:
    """One level of counters of six bits."""
    heights = after_counters([len(column) for column in heap])
    made = Columns([] for _ in heights)
    for number, column in enumerate(heap):
        whole = len(column) // TABLE_INPUTS * TABLE_INPUTS
        made[number] += column[whole:]
        for start in range(0, whole, TABLE_INPUTS):
            count = table_lookup(_ONES, Cat(*column[start : start + TABLE_INPUTS]))
            for bit in range(len(count)):
                made[number + bit].append(count[bit])
    return made


_ONES = [number.bit_count() for number in range(1 << TABLE_INPUTS)]


def _rows(heap: Columns) -> Terms:
    """Bits of columns as numbers."""
    found: Terms = []
    for row in range(max(map(len, heap))):
        bits = [column[row] if row < len(column) else Const(0, 1) for column in heap]
        maximum = sum(1 << number for number, column in enumerate(heap) if row < len(column))
        found.append(Term(Cat(*bits)[: maximum.bit_length()], maximum))
    return found
