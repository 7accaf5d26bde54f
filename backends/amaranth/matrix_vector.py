# SPDX-License-Identifier: Apache-2.0
"""Matrix-vector unit: a constant integer matrix times a stream of vectors, folded over rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value, unsigned
from amaranth.lib.memory import Memory

from ...qdialect.cost.latency import matrix_vector_latency
from ...qdialect.formats import FixedFormat, IntegerFormat
from .shapes import lanes_of
from .stream_unit import Pipeline, require
from .weighted_sums import WeightedSumsUnit


class MatrixVectorUnit(WeightedSumsUnit):
    """out[r] = bias[r] + sum over c of weights[r, c] * x[c], exact in `accumulator_format`.

    A frame is one vector x of MW elements in (SIMD lanes a beat) and MH elements out (PE lanes a beat). It takes
    (MH / PE) * (MW / SIMD) steps: for each row group, for each column group. In a step PE p multiplies row
    `row group * PE + p` with columns `column group * SIMD + lane`. The steps of the first row group need an input beat
    each; the beats are kept for the other row groups. The step of the last column group makes an output beat.
    II = (MH / PE) * (MW / SIMD) cycles a frame; `latency` = `matrix_vector_latency(...)`. With PE = MH and SIMD = MW a
    step may take and make several vectors.

    Args: those of `WeightedSumsUnit`; pixels: vectors at once.
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
        shared: bool = False,
        pixels: int = 1,
        bias_runs: tuple[Sequence[int], Sequence[int]] = ((1,), (1,)),
    ) -> None:
        super().__init__(
            weights=weights,
            input_format=input_format,
            weight_format=weight_format,
            accumulator_format=accumulator_format,
            pe=pe,
            simd=simd,
            input_lanes=pixels * simd,
            memory=memory,
            bias=bias,
            shared=shared,
            output_lanes=pixels * pe,
            bias_runs=bias_runs,
        )
        mh, mw = self.weights.shape
        whole, where = (mh, mw) == (pe, simd), type(self).__name__
        message = f"{pixels} pixels at once with PE {pe} and SIMD {simd}"
        require(pixels == 1 or (pixels > 1 and whole), where, message, f"give PE {mh} and SIMD {mw}, or one pixel")
        self.latency = matrix_vector_latency(
            mh=mh,
            mw=mw,
            pe=pe,
            simd=simd,
            sum_stages=self._sum_stages,
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        inputs, address, present, column_last = self._steps(m, pipe)
        sums: list[Value] = []
        for first in range(0, len(inputs), self._simd):  # a pixel
            shared, row = self._prepare(pipe, inputs[first : first + self._simd], address)
            sums += self._sums(pipe, [shared] * self._pe, row)
        valid = pipe.flags("valid", present, self.latency - 1)
        last = pipe.flags("last", column_last, self.latency - 1)
        constants = self._row_constants(pipe, valid[-2] & last[-2]) * (len(sums) // self._pe)
        self._accumulate(pipe, sums, constants, valid[-1], last[-1])
        return m

    def _steps(self, m: Module, pipe: Pipeline) -> tuple[list[Value], Value, Value, Value]:
        """Counts steps: input lanes and address of the weights (see `_fetch_inputs`), a step, the last of its row."""
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
        return inputs, address, present, column_last

    def _fetch_inputs(
        self, m: Module, pipe: Pipeline, needs_input: Value, column: Value, step: Value
    ) -> tuple[list[Value], Value]:
        """Input lanes some steps later, and the row of the weight table to read one step before they come."""
        payload = Value.cast(self.i_stream.payload)
        width = self.input_format.word_length
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
