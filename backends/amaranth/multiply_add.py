# SPDX-License-Identifier: Apache-2.0
"""Data paths of a matrix-vector unit: how lanes of inputs and weights become a few terms to add up.

All data paths keep one contract. With `terms` the unsigned numbers that the data path makes from the lanes of one step,

    sum over lanes of weight * input  ==  2**shift * sum(terms) + sum over lanes of correction(weight, lane)

so negative products cost nothing: they are biased to be unsigned, or inverted instead of negated, and what that adds
is a constant of each matrix row, which the unit adds once, with the bias.

| data path            | used for                                 | a term is                                     |
|----------------------|------------------------------------------|-----------------------------------------------|
| `SignProducts`       | weights -1, 0 and +1                     | a sum of several products, from counters      |
| `TableProducts`      | others, with the input at most 6 bits    | a look-up table of one or more whole products |
| `GatedProducts`      | other bipolar inputs                     | the weight or zero                            |
| `DigitProducts`      | other weights of at most 4 bits          | input times one or two digits of -2 .. 2      |
| `MultiplierProducts` | the rest                                 | a product, left to the synthesis tool         |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from math import gcd
from typing import Protocol, TypeAlias

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Value
from numpy.typing import NDArray

from ...qdialect.cost.latency import TABLE_INPUTS, lanes_per_table
from ...qdialect.cost.sign_sums import SignSums
from ...qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat, IntRange, smallest_fixed
from .adder_tree import LateTerm, Term, add_shifted, table_lookup
from .shapes import code_of, codes_by_wire, extended, lanes_of
from .sign_products import SignProducts
from .stream_unit import Pipeline

Codes: TypeAlias = NDArray[np.int64] | NDArray[np.object_]

# Weights of up to this word length are multiplied digit by digit, without a multiplier.
DIGIT_WEIGHT_WIDTH = 4


class Products(Protocol):
    """A data path; the module's docstring has its contract."""

    shift: int
    preparation: int  # steps that `prepare` takes

    def word_bits(self, codes: Codes) -> NDArray[np.bool_]:
        """The bits [words, bits] of the words that hold weights [words, SIMD], least significant first."""
        ...

    def prepare(self, pipe: Pipeline, inputs: Sequence[Value]) -> list[Value]:
        """What all PEs make of inputs that they share."""
        ...

    def rows(
        self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]
    ) -> list[list[Term | LateTerm]]:
        """Terms of each PE; arguments are the prepared inputs and the word of weights of each."""
        ...

    def correction(self, weight: int, lane: int) -> int:
        """What a lane with this weight code adds beyond the terms; of the lane, only its parity matters."""
        ...


def choose_products(
    input_format: IntegerFormat, weight_format: IntegerFormat, weights: Codes, signs: SignSums | None
) -> Products:
    """The cheapest data path for these formats and actual weight codes; `signs`: how weights of -1, 0, 1 are added."""
    if signs is not None:
        return SignProducts(input_format, signs)
    group = lanes_per_table(input_format.word_length, weight_format.word_length)
    if isinstance(weight_format, FixedFormat):
        weight_format = smallest_fixed(IntRange(int(weights.min()), int(weights.max())))
    codes = sorted({int(code) for code in np.unique(weights)})
    if input_format.word_length + weight_format.word_length <= TABLE_INPUTS:
        return TableProducts(input_format, weight_format, codes, group)
    if isinstance(input_format, BipolarFormat):
        return GatedProducts(weight_format)
    if weight_format.word_length <= DIGIT_WEIGHT_WIDTH:
        return DigitProducts(input_format, weight_format, codes)
    return MultiplierProducts(input_format, weight_format, codes)


class LaneProducts(ABC):
    """A data path in which each lane, or a few, is a term."""

    weight_format: IntegerFormat  # how weights are stored: the narrowest format for their actual values
    preparation = 0

    def word_bits(self, codes: Codes) -> NDArray[np.bool_]:
        bits = range(self.weight_format.word_length)
        wires = (codes + 1) // 2 if isinstance(self.weight_format, BipolarFormat) else codes
        return np.stack([(wires >> bit & 1).astype(bool) for bit in bits], axis=2).reshape(len(codes), -1)

    def prepare(self, pipe: Pipeline, inputs: Sequence[Value]) -> list[Value]:
        return list(inputs)

    def rows(
        self, pipe: Pipeline, inputs: Sequence[Sequence[Value]], words: Sequence[Value]
    ) -> list[list[Term | LateTerm]]:
        width = self.weight_format.word_length
        return [[*self.terms(lanes, lanes_of(word, width))] for lanes, word in zip(inputs, words, strict=True)]

    @abstractmethod
    def terms(self, inputs: Sequence[Value], weights: Sequence[Value]) -> Sequence[Term | LateTerm]:
        """Combinational terms of one processing element; arguments are the wires of each lane.

        Those at odd places alone may be late.
        """


class TableProducts(LaneProducts):
    """Products of `group` lanes at once as a truth table."""

    def __init__(
        self, input_format: IntegerFormat, weight_format: IntegerFormat, codes: Sequence[int], group: int
    ) -> None:
        self.weight_format = weight_format
        self._group = group
        self._late = group == 1 and input_format.word_length + weight_format.word_length < TABLE_INPUTS
        input_codes = codes_by_wire(input_format)
        weight_codes = [code if code in codes else None for code in codes_by_wire(weight_format)]
        products = [[w * x for x in input_codes] if w is not None else None for w in weight_codes]
        reachable = [value for row in products if row is not None for value in row]
        self._least = min(reachable)
        step = gcd(*(value - self._least for value in reachable)) or 1
        self.shift = (step & -step).bit_length() - 1
        self._lane = [
            (value - self._least) >> self.shift
            for row in products
            for value in (row if row is not None else [self._least] * len(input_codes))
        ]

    def terms(self, inputs: Sequence[Value], weights: Sequence[Value]) -> list[Term | LateTerm]:
        lanes = [Cat(x, w) for x, w in zip(inputs, weights, strict=True)]
        groups = [lanes[start : start + self._group] for start in range(0, len(lanes), self._group)]
        return [
            LateTerm(Cat(*group), self._accumulate) if self._late and index % 2 else self._group_term(group)
            for index, group in enumerate(groups)
        ]

    def _accumulate(self, total: Term, lane: Value) -> Term:
        return add_shifted(total, self._group_term([lane]), 0)

    def _group_term(self, lanes: Sequence[Value]) -> Term:
        table = [sum(entries) for entries in product(self._lane, repeat=len(lanes))]
        return Term(table_lookup(table, Cat(*reversed(lanes))), max(table))

    def correction(self, weight: int, lane: int) -> int:
        return self._least - (int(self._late and lane % 2 == 1) << self.shift)


class GatedProducts(LaneProducts):
    """Input -1 or +1: weight * input = 2 * (weight if the input bit is set else 0) - weight."""

    shift = 1

    def __init__(self, weight_format: IntegerFormat) -> None:
        self.weight_format = weight_format
        self._encoding = UnsignedEncoding(weight_format.code_range.hull(IntRange(0, 0)))

    def terms(self, inputs: Sequence[Value], weights: Sequence[Value]) -> list[Term]:
        return [
            self._encoding.term(Mux(x, code_of(self.weight_format, w), 0)) for x, w in zip(inputs, weights, strict=True)
        ]

    def correction(self, weight: int, lane: int) -> int:
        return -2 * self._encoding.bias - weight


class DigitProducts(LaneProducts):
    """Radix-4 Booth digits of the weight times the input; a negative digit inverts, and the correction adds 1."""

    shift = 0

    def __init__(self, input_format: IntegerFormat, weight_format: IntegerFormat, codes: Sequence[int]) -> None:
        self.weight_format = weight_format
        self._input_format = input_format
        code_range = weight_format.code_range
        self._num_digits = (IntRange(min(code_range.lo, -1), code_range.hi).word_length + 1) // 2
        x = input_format.code_range
        self._encodings: list[UnsignedEncoding] = []
        for position in range(self._num_digits):
            digits = {self._digits(code)[position] for code in codes}
            values = [digit * end - int(inverted) for digit, inverted in digits for end in (x.lo, x.hi)]
            self._encodings.append(UnsignedEncoding(IntRange(min(values), max(values))))

    def _digits(self, code: int) -> list[tuple[int, bool]]:
        """(digit, whether it inverts) of each position of a weight code, least significant first."""
        bits = [0, *((code >> index) & 1 for index in range(2 * self._num_digits))]
        return [
            (low + mid - 2 * high, bool(high))
            for low, mid, high in zip(bits[:-1:2], bits[1::2], bits[2::2], strict=True)
        ]

    def terms(self, inputs: Sequence[Value], weights: Sequence[Value]) -> list[Term | LateTerm]:
        lanes = [Cat(x, weight) for x, weight in zip(inputs, weights, strict=True)]
        return [
            LateTerm(lane, self._accumulate) if index % 2 else self._accumulate(None, lane)
            for index, lane in enumerate(lanes)
        ]

    def _accumulate(self, total: Term | None, lane: Value) -> Term:
        """Adds the digits of a lane one after the other to `total`, or to the first digit if there is none."""
        width = self._input_format.word_length
        code = code_of(self._input_format, lane[:width])
        bits = [Const(0, 1), *extended(code_of(self.weight_format, lane[width:]), 2 * self._num_digits)]
        for position, encoding in enumerate(self._encodings):
            low, mid, high = bits[2 * position : 2 * position + 3]
            magnitude = Mux(low ^ mid, code, Mux(mid ^ high, code << 1, 0))
            digit = encoding.term(magnitude ^ high.replicate(len(magnitude)).as_signed())
            total = digit if total is None else add_shifted(total, digit, 2 * position)
        assert total is not None  # a weight has at least one digit
        return total

    def correction(self, weight: int, lane: int) -> int:
        pairs = zip(self._digits(weight), self._encodings, strict=True)
        return sum(
            (int(inverted) - encoding.bias - int(lane % 2 or position > 0)) << (2 * position)
            for position, ((_, inverted), encoding) in enumerate(pairs)
        )


class MultiplierProducts(LaneProducts):
    """Whole products, as the synthesis tool makes them best (DSP blocks)."""

    shift = 0

    def __init__(self, input_format: IntegerFormat, weight_format: IntegerFormat, codes: Sequence[int]) -> None:
        self.weight_format = weight_format
        self._input_format = input_format
        x = input_format.code_range
        corners = [code * end for code in (codes[0], codes[-1]) for end in (x.lo, x.hi)]
        self._encoding = UnsignedEncoding(IntRange(min(corners), max(corners)))

    def terms(self, inputs: Sequence[Value], weights: Sequence[Value]) -> list[Term]:
        lanes = zip(inputs, weights, strict=True)
        return [self._encoding.term(code_of(self._input_format, x) * code_of(self.weight_format, w)) for x, w in lanes]

    def correction(self, weight: int, lane: int) -> int:
        return -self._encoding.bias


class UnsignedEncoding:
    """Numbers of a range as unsigned numbers `number + bias`, by inverting the sign bit if there is one."""

    def __init__(self, range_: IntRange) -> None:
        self._width = range_.word_length
        self.bias = 1 << (self._width - 1) if range_.signed else 0
        self._maximum = range_.hi + self.bias

    def term(self, number: Value) -> Term:
        bits = extended(number, self._width)
        return Term(bits ^ Const(self.bias, self._width) if self.bias else bits, self._maximum)
