# SPDX-License-Identifier: Apache-2.0
"""Matrix-vector unit that adds the inputs of each weight value first, and multiplies once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value

from ...qdialect.cost.latency import ceil_log2, regrouped_latency
from ...qdialect.cost.regrouped import multiplied, signed_digits
from ...qdialect.formats import FixedFormat, IntegerFormat, IntRange
from ...qdialect.sharing import index_width
from .matrix_vector import MatrixVectorUnit
from .shapes import code_of, lanes_of
from .stream_unit import Pipeline


class RegroupedUnit(MatrixVectorUnit):
    """out[r] = bias[r] + sum over values v of v * (sum of the x[c] with weights[r, c] == v), exact.

    Steps, streams and folding are those of `MatrixVectorUnit`. The weight memory holds indices into the rising weight
    values. Each PE has an accumulator for each value but 0; behind the last column they are multiplied by their
    constants, in shifts and adds, and summed. `latency` = `regrouped_latency(...)`.

    Args: those of `WeightedSumsUnit`.
    """

    def __init__(
        self,
        *,
        weights: object,
        input_format: IntegerFormat,
        weight_format: IntegerFormat,
        accumulator_format: FixedFormat,
        pe: int,
        simd: int,
        memory: str = "auto",
        bias: object = None,
    ) -> None:
        super().__init__(
            weights=weights,
            input_format=input_format,
            weight_format=weight_format,
            accumulator_format=accumulator_format,
            pe=pe,
            simd=simd,
            memory=memory,
            bias=bias,
        )
        self._values = np.unique(self.weights)
        self._factors = multiplied(self._values)
        mh, mw = self.weights.shape
        self.latency = regrouped_latency(mh=mh, mw=mw, pe=pe, simd=simd, factors=len(self._factors))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        inputs, address, present, column_last = self._steps(m, pipe)
        valid = pipe.flags("valid", present, self.latency - 1)
        last = pipe.flags("last", column_last, self.latency - 1)
        sums = self._value_sums(pipe, inputs, address)
        summed = self.latency - 4 - ceil_log2(len(self._factors))  # index of the flags that go with `sums`
        totals = self._accumulated(pipe, sums, valid[summed], last[summed])
        results = _tree(pipe, "products", [self._multiplied(row) for row in totals], self._width)
        constants = self._row_constants(pipe, valid[-2] & last[-2])
        pipe.load(self.o_stream.valid, valid[-1] & last[-1])
        for pe, (result, constant) in enumerate(zip(results, constants, strict=True)):
            pipe.load(self.o_stream.payload[pe], result + constant)
        return m

    def _corrections(self) -> list[int]:
        return [0] * len(self.weights)

    def _value_sums(self, pipe: Pipeline, inputs: list[Value], address: Value) -> list[list[Value]]:
        """For each PE and factor the sum of the lanes of a step whose weight it is."""
        width = index_width(len(self._values))
        shape = (self._row_groups, self._pe, self._column_groups, self._simd)
        indices = np.searchsorted(self._values, self.weights).reshape(shape).transpose(0, 2, 1, 3)
        rows = [
            sum(int(index) << (lane * width) for lane, index in enumerate(row))
            for row in indices.reshape(-1, self._pe * self._simd)
        ]
        word = pipe.read("weights", rows, width * self._pe * self._simd, address, self._memory)
        chosen = lanes_of(word, width) if width else [Const(0, 0)] * (self._pe * self._simd)
        codes = [code_of(self.input_format, lane) for lane in inputs]
        places = [int(np.searchsorted(self._values, factor)) for factor in self._factors]
        masked = [
            [Mux(index == place, code, 0) for index, code in zip(lanes, codes, strict=True)]
            for lanes in (chosen[first : first + self._simd] for first in range(0, len(chosen), self._simd))
            for place in places
        ]
        return _split(_tree(pipe, "sums", masked, None), len(places))

    def _accumulated(self, pipe: Pipeline, sums: list[list[Value]], valid: Value, last: Value) -> list[list[Value]]:
        """The sums over all columns, one step after those of the last."""
        first = Signal(init=1, name="first")
        pipe.load(first, last, valid)
        most, x = self._most_alike(), self.input_format.code_range
        reached = IntRange(min(most * x.lo, 0), max(most * x.hi, 0))
        shape = Shape(reached.word_length, signed=reached.signed)
        totals: list[list[Value]] = []
        for pe, row in enumerate(sums):
            totals.append([])
            for number, term in enumerate(row):
                total = Signal(shape, name=f"total_{pe}_{number}", reset_less=True)
                pipe.load(total, term if self._column_groups == 1 else Mux(first, 0, total) + term, valid)
                totals[-1].append(total)
        return totals

    def _most_alike(self) -> int:
        """The most weights of one row that have one factor."""
        return max(1, *(int((self.weights == factor).sum(axis=1).max()) for factor in self._factors))

    def _multiplied(self, totals: Sequence[Value]) -> list[Value]:
        return [_product(total, factor, self._width) for total, factor in zip(totals, self._factors, strict=True)]


def _product(number: Value, factor: int, width: int) -> Value:
    """The low bits of `number * factor`, in shifts and adds."""
    terms = [(sign, number << shift) for sign, shift in signed_digits(factor)]
    total: Value = Const(0, 1)
    for sign, term in sorted(terms, key=lambda pair: -pair[0]):  # the first is positive if one is
        total = total + term if sign > 0 else total - term if sign else total
    return total[:width] if len(total) > width else total


def _tree(pipe: Pipeline, name: str, rows: list[list[Value]], width: int | None) -> list[Value]:
    """The sum of each row, registered at the leaves and behind each level; `width` keeps low bits alone."""
    level = 0
    while True:
        rows = _split(pipe.registers(f"{name}_{level}", [value for row in rows for value in row]), len(rows[0]))
        if len(rows[0]) == 1:
            return [row[0] for row in rows]
        rows = [[*(_cut(a + b, width) for a, b in zip(row[0::2], row[1::2], strict=False)), *_odd(row)] for row in rows]
        level += 1


def _cut(value: Value, width: int | None) -> Value:
    return value if width is None or len(value) <= width else value[:width]


def _odd(row: list[Value]) -> list[Value]:
    return row[-1:] if len(row) % 2 else []


def _split(values: list[Value], size: int) -> list[list[Value]]:
    return [values[first : first + size] for first in range(0, len(values), size)]
