# SPDX-License-Identifier: Apache-2.0
"""Matrix-vector unit: a constant integer matrix times a stream of vectors, folded over rows and columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib.memory import Memory
from numpy.typing import NDArray

from ...qdialect.cost.latency import matrix_vector_latency
from ...qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat
from .multiply_add import LateTerm, Term, choose_products
from .shapes import lanes_of, wire_of
from .stream_unit import MEMORY_ATTRIBUTES, Pipeline, StreamUnit, integer_array, require

_WHERE = "MatrixVectorUnit"


class MatrixVectorUnit(StreamUnit):
    """out[r] = bias[r] + sum over c of weights[r, c] * x[c], exact in `accumulator_format`.

    A frame is one vector x of MW elements in (SIMD lanes a beat) and MH elements out (PE lanes a beat). It takes
    (MH / PE) * (MW / SIMD) steps: for each row group, for each column group. In a step PE p multiplies row
    `row group * PE + p` with columns `column group * SIMD + lane`. The steps of the first row group need an input beat
    each; the beats are kept for the other row groups. The step of the last column group makes an output beat.
    II = (MH / PE) * (MW / SIMD) cycles a frame; `latency` = `matrix_vector_latency(...)`.

    Args:
        weights: integer codes [MH, MW] within `weight_format`.
        input_format, weight_format: formats of the operands.
        accumulator_format: format of the result, which holds every possible result; its fraction bits are the sum of
            those of the operands. Partial sums wrap, which the exact result does not show.
        pe: rows at a time, divides MH. simd: columns at a time, divides MW.
        memory: where the weights are kept: "auto" leaves it to synthesis, "block" or "distributed" ask for that.
        bias: integer codes [MH] in `accumulator_format`, or None.
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
        self.weights = integer_array(weights, 2, _WHERE, "weights")
        mh, mw = self.weights.shape
        self.bias = [0] * mh if bias is None else [int(b) for b in integer_array(bias, 1, _WHERE, "bias")]
        require(len(self.bias) == mh, _WHERE, f"bias has {len(self.bias)} elements for {mh} rows", "give one a row")
        require(pe >= 1 and mh % pe == 0, _WHERE, f"PE {pe} does not divide {mh} rows", "choose a divisor")
        require(simd >= 1 and mw % simd == 0, _WHERE, f"SIMD {simd} does not divide {mw} columns", "choose a divisor")
        known = ", ".join(MEMORY_ATTRIBUTES)
        require(memory in MEMORY_ATTRIBUTES, _WHERE, f"unknown memory '{memory}'", f"use one of {known}")
        _check_codes(self.weights, weight_format)
        self._pe, self._simd, self._memory = pe, simd, memory
        self._row_groups, self._column_groups = mh // pe, mw // simd
        self._width = accumulator_format.word_length
        self._products = choose_products(input_format, weight_format, self.weights)
        self.latency = matrix_vector_latency(
            mh=mh,
            mw=mw,
            pe=pe,
            simd=simd,
            input_width=input_format.word_length,
            weight_width=weight_format.word_length,
        )
        super().__init__(input_format, simd, accumulator_format, pe)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        needs_input, present = Signal(name="needs_input", init=1), Signal()
        column, column_last = pipe.counter("column", self._column_groups, present)
        step, step_last = column, column_last
        if self._row_groups > 1:
            step, step_last = pipe.counter("step", self._row_groups * self._column_groups, present)
        pipe.load(needs_input, step_last, present & column_last)
        m.d.comb += [
            present.eq(~needs_input | self.i_stream.valid),
            self.i_stream.ready.eq(pipe.advance & needs_input),
        ]
        inputs, address = self._fetch_inputs(m, pipe, needs_input, column, step)
        sums = self._sums(pipe, inputs, address)
        valid = pipe.flags("valid", present, self.latency - 1)
        last = pipe.flags("last", column_last, self.latency - 1)
        constants = self._row_constants(pipe, valid[-2] & last[-2])
        self._accumulate(m, pipe, sums, constants, valid[-1], last[-1])
        return m

    def _fetch_inputs(
        self, m: Module, pipe: Pipeline, needs_input: Value, column: Value, step: Value
    ) -> tuple[list[Value], Value]:
        """Input lanes some steps later, and the row of the weight table to read one step before they come."""
        payload = Value.cast(self.i_stream.payload)
        width = len(payload) // self._simd
        if self._row_groups == 1 or self._column_groups == 1:
            kept = Signal(len(payload), name="kept", reset_less=True)
            pipe.load(kept, payload, needs_input)
            return lanes_of(kept, width), step
        m.submodules.inputs = inputs = Memory(shape=unsigned(len(payload)), depth=self._column_groups, init=[])
        write, read = inputs.write_port(), inputs.read_port()
        m.d.comb += [
            write.addr.eq(column),
            write.data.eq(payload),
            write.en.eq(pipe.advance & needs_input & self.i_stream.valid),
            read.addr.eq(pipe.register("column_read", column)),
            read.en.eq(pipe.advance),
        ]
        return lanes_of(read.data, width), pipe.register("step_read", step)

    def _sums(self, pipe: Pipeline, inputs: list[Value], address: Value) -> list[Value]:
        """Sum of the terms of each PE: weights read, products and each level of the adder trees registered."""
        rows, width = self._weight_rows()
        words = lanes_of(pipe.read("weights", rows, width * self._pe, address, self._memory), width)
        terms = [self._products.terms(inputs, lanes_of(word, width // self._simd)) for word in words]
        level = 0
        while True:
            terms = _register_terms(pipe, f"terms_{level}", terms)
            if len(terms[0]) == 1:
                return [row[0].value for row in terms]
            terms = [_add_pairs(row) for row in terms]
            level += 1

    def _weight_rows(self) -> tuple[list[int], int]:
        """Words of the weight table, one a step, PE 0 and lane 0 lowest, and the bits that one PE has in a word."""
        width = self._products.weight_format.word_length
        shape = (self._row_groups, self._pe, self._column_groups, self._simd)
        steps = self.weights.reshape(shape).transpose(0, 2, 1, 3).reshape(-1, self._pe * self._simd)
        format = self._products.weight_format
        rows = [sum(wire_of(format, int(code)) << (lane * width) for lane, code in enumerate(row)) for row in steps]
        return rows, width * self._simd

    def _row_constants(self, pipe: Pipeline, next_row: Value) -> list[Value]:
        """What each PE adds once a row: its bias and the corrections of its products; read one step before use."""
        codes = np.unique(self.weights)
        tables = [{int(code): self._products.correction(int(code), lane) for code in codes} for lane in (0, 1)]
        lanes = [tables[column % self._simd % 2] for column in range(self.weights.shape[1])]
        constants = [
            bias + sum(lane[code] for lane, code in zip(lanes, row, strict=True))
            for bias, row in zip(self.bias, self.weights.tolist(), strict=True)
        ]
        mask = (1 << self._width) - 1
        groups = [constants[first : first + self._pe] for first in range(0, len(constants), self._pe)]
        words = [sum((c & mask) << (pe * self._width) for pe, c in enumerate(group)) for group in groups]
        row, _ = pipe.counter("row", len(words) if len(set(words)) > 1 else 1, next_row)
        return lanes_of(pipe.read("row_constants", words, self._width * self._pe, row), self._width)

    def _accumulate(
        self, m: Module, pipe: Pipeline, sums: list[Value], constants: list[Value], valid: Value, last: Value
    ) -> None:
        """Adds the sums of a row up in the output register, from the row's constant."""
        pipe.load(self.o_stream.valid, valid & last)
        first = Signal(init=1)
        pipe.load(first, last, valid)
        for pe, (total, constant) in enumerate(zip(sums, constants, strict=True)):
            accumulator = self.o_stream.payload[pe]
            start = constant if self._column_groups == 1 else Mux(first, constant, accumulator.as_unsigned())
            pipe.load(accumulator, start + (total << self._products.shift), valid)


def _check_codes(weights: NDArray[np.int64] | NDArray[np.object_], format: IntegerFormat) -> None:
    range_ = format.code_range
    for code in (int(weights.min()), int(weights.max())):
        message = f"weight {code} is outside the weight format [{range_.lo}, {range_.hi}]"
        require(code in range_, _WHERE, message, "choose a wider weight format")
    if isinstance(format, BipolarFormat):
        require(bool((weights != 0).all()), _WHERE, "weight 0 is not bipolar", "use -1 and +1, or a fixed format")


def _register_terms(pipe: Pipeline, name: str, terms: list[list[Term | LateTerm]]) -> list[list[Term | LateTerm]]:
    values = iter(pipe.registers(name, [term.value for row in terms for term in row]))
    return [[replace(term, value=next(values)) for term in row] for row in terms]


def _add_pairs(terms: list[Term | LateTerm]) -> list[Term | LateTerm]:
    """One level of an adder tree; an odd term goes through."""
    sums = [late.add_to(term) for term, late in zip(terms[0::2], terms[1::2], strict=False)]
    return [*sums, *terms[len(sums) * 2 :]]
