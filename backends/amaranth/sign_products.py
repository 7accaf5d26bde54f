# SPDX-License-Identifier: Apache-2.0
"""Products with weights of -1, 0 and +1, and counters that add up their bits, as `cost.sign_sums` lays them out.

With x' the input as an unsigned number (a sign bit inverted), the term of a lane is x' for weight +1, its complement
for -1, and 0 for 0; a `correction` of each weight makes the product of it.

The bits of all PEs are worked on together in wide words, of a lane or place the bits of all PEs side by side, so that a
unit is a few long expressions and not thousands of short ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Const, Value
from numpy.typing import NDArray

from ...qdialect.cost.latency import TABLE_INPUTS
from ...qdialect.cost.sign_sums import GROUP, ROUNDS_A_STAGE, SignSums, Triples, parity_rounds
from ...qdialect.formats import BipolarFormat, IntegerFormat
from .adder_tree import LateTerm, Term, add_shifted
from .shapes import lanes_of
from .stream_unit import Pipeline

Terms = list[Term | LateTerm]


class SignProducts:
    """Products with weights -1, 0 and +1; the contract is that of `multiply_add`."""

    def __init__(self, input_format: IntegerFormat, way: SignSums) -> None:
        self._way = way
        self._bipolar = isinstance(input_format, BipolarFormat)
        self._inverted = not self._bipolar and input_format.signed  # the sign bit
        self.shift = int(self._bipolar)
        self.preparation = way.preparation
        self._rounds, self._left = parity_rounds(way.simd)

    def word_bits(self, codes: NDArray[np.int64] | NDArray[np.object_]) -> NDArray[np.bool_]:
        """The bits of the words [words, word_width] that hold weights [words, SIMD]: signs, gates or parities."""
        kinds = [codes < 0] * self._way.signed + [codes != 0] * self._way.gated
        bits = np.concatenate(kinds, axis=1).astype(bool)
        for triples in self._rounds if self._way.parities else ():
            a, b, c = (bits[:, start : start + triples.number] for start in _starts(triples))
            bits = np.concatenate([bits, a ^ b ^ c], axis=1)
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
                a, b, c = (lanes[start : start + triples.number] for start in _starts(triples))
                lanes += [x ^ y ^ z for x, y, z in zip(a, b, c, strict=True)]
            lanes = pipe.registers(f"parities_{first}", lanes)
        return lanes

    def rows(self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]) -> list[Terms]:
        """The terms of each PE, few of them, some steps after inputs and weights."""
        if not self._way.paired:
            return _compressed(pipe, self._grouped(pipe, inputs, words), len(words))
        named = [
            pipe.named(f"pairs_{pe}", Cat(*self._pair_sums(pipe, pe, lanes, word)))
            for pe, (lanes, word) in enumerate(zip(inputs, words, strict=True))
        ]
        width = self._way.planes + 1  # of all sums but that of a lane left over
        columns = [Cat(row[n] for n in range(bit, len(named[0]), width) for row in named) for bit in range(width)]
        return _compressed(pipe, columns, len(words))

    def _unsigned(self, lane: Value) -> Value:
        """x'."""
        return Cat(lane[:-1], ~lane[-1]) if self._inverted else lane

    def _pair_sums(self, pipe: Pipeline, pe: int, lanes: Sequence[Value], word: Value) -> list[Value]:
        """The sums of pairs of lanes of one PE: the first product in a register, the second made as it is added."""
        width, simd = self._way.planes, self._way.simd
        first, second = (
            [
                [self._unsigned(x) for x in lanes[parity::2]],
                [word[lane] for lane in range(parity, simd, 2)],
                [word[simd + lane] for lane in range(parity, simd, 2)],
            ]
            for parity in (0, 1)
        )
        products = pipe.register(f"products_{pe}", self._products(*first))
        late = iter(pipe.registers(f"late_{pe}", [bits for part in second for bits in part]))
        seconds = pipe.named(f"seconds_{pe}", self._products(*([next(late) for _ in part] for part in second)))
        totals, digits = (
            [Term(part, (1 << width) - 1) for part in lanes_of(numbers, width)] for numbers in (products, seconds)
        )
        sums = [add_shifted(total, digit, 0).value for total, digit in zip(totals, digits, strict=False)]
        return [*sums, *(term.value for term in totals[len(sums) :])]

    def _products(self, inputs: Sequence[Value], signs: Sequence[Value], gates: Sequence[Value]) -> Value:
        """The terms of lanes side by side, with a sign and a gate for each."""
        width = self._way.planes
        spread_signs, spread_gates = (Cat(bit.replicate(width) for bit in bits) for bits in (signs, gates))
        return (Cat(*inputs) ^ spread_signs) & spread_gates

    def _grouped(self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]) -> list[Value]:
        """Columns of the products of groups of three lanes."""
        way, lanes = self._way, len(inputs[0])
        kinds = [Cat(word[low + n] for n in range(lanes) for word in words) for low in range(0, len(words[0]), lanes)]
        weights = [pipe.named(f"weights_{kind}", bits) for kind, bits in enumerate(kinds)]
        columns: list[list[Value]] = [[] for _ in way.heights]
        for plane in range(way.planes):
            bits: Value = Cat(self._unsigned(x[n])[plane] for n in range(lanes) for x in inputs)
            bits = bits ^ weights[0] if way.signed else bits
            bits = pipe.named(f"products_{plane}", bits & weights[-1] if way.gated else bits)
            sums, carries = self._counted_groups(bits, len(words))
            columns[plane] += sums
            if carries:
                columns[plane + 1] += carries
        return [Cat(*column) for column in columns]

    def _counted_groups(self, bits: Value, pes: int) -> tuple[list[Value], list[Value]]:
        """Sums and carries of the groups of lanes of one plane."""
        rounds, left = (self._rounds, self._left) if self._way.parities else _one_round(self._way.simd)
        sums, carries = list[Value](), list[Value]()
        for triples in rounds:
            a, b, c = (bits[start * pes : (start + triples.number) * pes] for start in _starts(triples))
            carries.append(_majority(a, b, c))
            if not self._way.parities:
                sums.append(a ^ b ^ c)
        rest = [bits[lane * pes : (lane + 1) * pes] for lane in left]
        if rest:
            sums.append(rest[0] ^ rest[1] if len(rest) == 2 else rest[0])
        if len(rest) == 2:
            carries.append(rest[0] & rest[1])
        return sums, carries


def _starts(triples: Triples) -> range:
    """First of the first, second and third lanes."""
    return range(triples.start, triples.start + GROUP * triples.number, triples.number)


def _one_round(lanes: int) -> tuple[tuple[Triples, ...], range]:
    number = lanes // GROUP
    return (Triples(0, number),) if number else (), range(GROUP * number, lanes)


def _majority(a: Value, b: Value, c: Value) -> Value:
    return (a & b) | (c & (a | b))


def _compressed(pipe: Pipeline, columns: list[Value], pes: int) -> list[Terms]:
    """Rows of the bits of each PE, behind as many levels of counters as there are columns of six bits."""
    level = 0
    while max(map(len, columns)) >= TABLE_INPUTS * pes:
        kept = [pipe.register(f"bits_{level}_{number}", column) for number, column in enumerate(columns)]
        columns = _counted(kept, pes)
        level += 1
    named = [pipe.named(f"column_{number}", column) for number, column in enumerate(columns)]
    return [_rows(named, pe, pes) for pe in range(pes)]


def _counted(columns: list[Value], pes: int) -> list[Value]:
    """One level of counters of six bits."""
    made: list[list[Value]] = [[] for _ in range(len(columns) + 2)]
    for number, column in enumerate(columns):
        size = len(column) // (TABLE_INPUTS * pes) * pes
        made[number].append(column[TABLE_INPUTS * size :])
        if size:
            six = [column[start : start + size] for start in range(0, TABLE_INPUTS * size, size)]
            for bit, count in enumerate(_count(six)):
                made[number + bit].append(count)
    words = [Cat(*pieces) for pieces in made]
    while not len(words[-1]):
        words.pop()
    return words


def _count(bits: Sequence[Value]) -> tuple[Value, Value, Value]:
    """How many of six bits are 1, in each place of their words."""
    a, b, c, d, e, f = bits
    left, right = a ^ b ^ c, d ^ e ^ f
    carries = _majority(a, b, c), _majority(d, e, f), left & right
    return left ^ right, carries[0] ^ carries[1] ^ carries[2], _majority(*carries)


def _rows(columns: Sequence[Value], pe: int, pes: int) -> Terms:
    """The columns of a PE as numbers."""
    heights = [len(column) // pes for column in columns]
    found: Terms = []
    for row in range(max(heights)):
        bits = [
            column[row * pes + pe] if row < height else Const(0, 1)
            for column, height in zip(columns, heights, strict=True)
        ]
        maximum = sum(1 << number for number, height in enumerate(heights) if row < height)
        found.append(Term(Cat(*bits)[: maximum.bit_length()], maximum))
    return found
