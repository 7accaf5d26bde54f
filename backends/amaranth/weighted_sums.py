# SPDX-License-Identifier: Apache-2.0
"""What units share that multiply with constant weights and add up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from amaranth.hdl import Const, Mux, Signal, Value
from numpy.typing import NDArray

from ...qdialect.cost.matrix_vector import summing_stages
from ...qdialect.cost.sharing import kept_as_indices
from ...qdialect.cost.sign_sums import sign_sums
from ...qdialect.formats import BipolarFormat, FixedFormat, IntegerFormat, IntRange
from .adder_tree import add_up
from .multiply_add import LaneProducts, Products, choose_products
from .shapes import lanes_of
from .shared_products import SharedProducts
from .stream_unit import MEMORY_ATTRIBUTES, Pipeline, StreamUnit, integer_array, require

MEMORY_BLOCKS = {"auto": None, "block": True, "distributed": False}


class WeightedSumsUnit(StreamUnit):
    """out[r] = bias[r] + sum over c of weights[r, c] * x[c], PE rows by SIMD columns in a step; base of such units.

    Steps: for each row group, for each column group. A subclass says where the x of each row come from.

    Args:
        weights: integer codes [MH, MW] within `weight_format`.
        input_format, weight_format: formats of the operands.
        accumulator_format: format of the result, which holds every possible result; its fraction bits are the sum of
            those of the operands. Partial sums wrap, which the exact result does not show.
        pe: rows at a time, divides MH. simd: columns at a time, divides MW.
        input_lanes, output_lanes: elements of a beat; of the output PE unless given.
        memory: where the weights are kept: "auto" leaves it to synthesis, "block" or "distributed" ask for that.
        bias: integer codes [MH] in `accumulator_format`, or None; or [runs of rows, runs of columns, MH].
        bias_runs: lengths of the runs of rows and columns of an image that have a bias of their own.
        shared: the weights share values: they may be kept as indices into a codebook.
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
        input_lanes: int,
        memory: str,
        bias: object,
        shared: bool,
        output_lanes: int | None = None,
        bias_runs: tuple[Sequence[int], Sequence[int]] = ((1,), (1,)),
    ) -> None:
        where = type(self).__name__
        self.weights = integer_array(weights, 2, where, "weights")
        mh, mw = self.weights.shape
        self._bias_runs, places = bias_runs, len(bias_runs[0]) * len(bias_runs[1])
        codes = integer_array(
            np.zeros(places * mh, int) if bias is None else np.asarray(bias).reshape(-1), 1, where, "bias"
        )
        require(len(codes) == places * mh, where, f"bias has {len(codes)} elements for {mh} rows", "give one a row")
        self.bias: list[list[int]] = codes.reshape(places, mh).tolist()
        require(pe >= 1 and mh % pe == 0, where, f"PE {pe} does not divide {mh} rows", "choose a divisor")
        require(simd >= 1 and mw % simd == 0, where, f"SIMD {simd} does not divide {mw} columns", "choose a divisor")
        known = ", ".join(MEMORY_ATTRIBUTES)
        require(memory in MEMORY_ATTRIBUTES, where, f"unknown memory '{memory}'", f"use one of {known}")
        _check_codes(self.weights, weight_format, where)
        self._pe, self._simd, self._memory = pe, simd, memory
        self._row_groups, self._column_groups = mh // pe, mw // simd
        self._width = accumulator_format.word_length
        signs = sign_sums(
            IntRange(int(self.weights.min()), int(self.weights.max())),
            bool((self.weights == 0).any()),
            simd=simd,
            planes=input_format.word_length,
            pe=pe,
            steps=self._row_groups * self._column_groups,
            block=MEMORY_BLOCKS[memory],
        )
        products = choose_products(input_format, weight_format, self.weights, signs)
        self._products = self._shared(products) if shared and isinstance(products, LaneProducts) else products
        self._sum_stages = summing_stages(signs, simd, input_format.word_length, weight_format.word_length)
        super().__init__(input_format, input_lanes, accumulator_format, output_lanes or pe)

    def _shared(self, products: LaneProducts) -> Products:
        """The data path behind a codebook, where indices take less memory than weights."""
        codebook = np.unique(self.weights)
        lanes, steps = self._pe * self._simd, self._row_groups * self._column_groups
        stored, block = products.weight_format.word_length, MEMORY_BLOCKS[self._memory]
        cheaper = kept_as_indices(len(codebook), stored, lanes, steps, block)
        return SharedProducts(products, codebook) if cheaper else products

    def _sums(self, pipe: Pipeline, inputs: Sequence[list[Value]], address: Value) -> list[Value]:
        """Sum of the terms of each PE: weights read, products and each level of the adder trees registered.

        Args:
            inputs: lanes of each PE. address: row of the weight table, one step before them.
        """
        rows, width = self._weight_rows()
        table = pipe.read("weights", rows, width * self._pe, address, self._memory)
        words = [pipe.named(f"weights_{pe}", word) for pe, word in enumerate(lanes_of(table, width))]
        return add_up(pipe, self._products.rows(pipe, inputs, words))

    def _prepare(self, pipe: Pipeline, inputs: Sequence[Value], address: Value) -> tuple[list[Value], Value]:
        """Inputs that all PEs share as the products take them, and the address of their weights, as much later."""
        for stage in range(self._products.preparation):
            address = pipe.register(f"address_{stage}", address)
        return self._products.prepare(pipe, inputs), address

    def _weight_rows(self) -> tuple[list[int], int]:
        """Words of the weight table, one a step, PE 0 and lane 0 lowest, and the bits that one PE has in a word."""
        shape = (self._row_groups, self._pe, self._column_groups, self._simd)
        codes = self.weights.reshape(shape).transpose(0, 2, 1, 3).reshape(-1, self._simd)
        bits = self._products.word_bits(codes)
        steps = np.packbits(bits.reshape(-1, bits.shape[1] * self._pe), axis=1, bitorder="little")
        return [int.from_bytes(step.tobytes(), "little") for step in steps], bits.shape[1]

    def _row_constants(self, pipe: Pipeline, next_row: Value) -> list[Value]:
        """What each PE adds once a row; read one step before use."""
        corrections, mask = self._corrections(), (1 << self._width) - 1
        constants = [bias + more for place in self.bias for bias, more in zip(place, corrections, strict=True)]
        groups = [constants[first : first + self._pe] for first in range(0, len(constants), self._pe)]
        words = [sum((c & mask) << (pe * self._width) for pe, c in enumerate(group)) for group in groups]
        row, last = pipe.counter("row", self._row_groups if len(set(words)) > 1 else 1, next_row)
        place = self._place(pipe, next_row & last) if len(set(words)) > 1 else Const(0)
        address = row + place * self._row_groups
        return lanes_of(pipe.read("row_constants", words, self._width * self._pe, address), self._width)

    def _place(self, pipe: Pipeline, vector_ends: Value) -> Value:
        """Which bias the vector has: counts the pixels of an image, and the runs of its rows and columns."""
        rows, columns = self._bias_runs
        column, last = pipe.counter("bias_column", sum(columns), vector_ends)
        row, _ = pipe.counter("bias_row", sum(rows), vector_ends & last)
        return _run(row, rows) * len(columns) + _run(column, columns)

    def _corrections(self) -> list[int]:
        """For each row the corrections of its products."""
        codes = np.unique(self.weights)
        tables = [{int(code): self._products.correction(int(code), lane) for code in codes} for lane in (0, 1)]
        lanes = [tables[column % self._simd % 2] for column in range(self.weights.shape[1])]
        return [sum(lane[code] for lane, code in zip(lanes, row, strict=True)) for row in self.weights.tolist()]

    def _accumulate(self, pipe: Pipeline, sums: list[Value], constants: list[Value], valid: Value, last: Value) -> None:
        """Adds the sums of a row up in the output register, from the row's constant."""
        pipe.load(self.o_stream.valid, valid & last)
        first = Signal(init=1)
        pipe.load(first, last, valid)
        for pe, (total, constant) in enumerate(zip(sums, constants, strict=True)):
            accumulator = self.o_stream.payload[pe]
            start = constant if self._column_groups == 1 else Mux(first, constant, accumulator.as_unsigned())
            pipe.load(accumulator, start + (total << self._products.shift), valid)


def _run(index: Value, runs: Sequence[int]) -> Value:
    """Which of the runs an index is in."""
    ends = list(accumulate(runs))[:-1]
    return sum((index >= end for end in ends), Const(0))


def _check_codes(weights: NDArray[np.int64] | NDArray[np.object_], format: IntegerFormat, where: str) -> None:
    range_ = format.code_range
    for code in (int(weights.min()), int(weights.max())):
        message = f"weight {code} is outside the weight format [{range_.lo}, {range_.hi}]"
        require(code in range_, where, message, "choose a wider weight format")
    if isinstance(format, BipolarFormat):
        require(bool((weights != 0).all()), where, "weight 0 is not bipolar", "use -1 and +1, or a fixed format")
