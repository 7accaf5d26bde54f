# SPDX-License-Identifier: Apache-2.0
"""Depthwise matrix-vector unit: each channel's window times the channel's own weights."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

from ...qdialect.cost.latency import depthwise_latency
from ...qdialect.formats import FixedFormat, IntegerFormat
from .shapes import lanes_of
from .stream_unit import Pipeline
from .weighted_sums import WeightedSumsUnit


class DepthwiseUnit(WeightedSumsUnit):
    """out[c] = bias[c] + sum over k of weights[c, k] * x[c, k], exact in `accumulator_format`.

    Windows come and sums go PE channels a beat: for each channel group, for each of the K taps a beat of x. Every step
    needs an input beat; the step of the last tap makes an output beat. II = 1 cycle an input beat; `latency` =
    `depthwise_latency()`.

    Args: those of `WeightedSumsUnit`; weights are [C, K].
    """

    def __init__(
        self,
        *,
        weights: object,
        input_format: IntegerFormat,
        weight_format: IntegerFormat,
        accumulator_format: FixedFormat,
        pe: int,
        memory: str = "auto",
        bias: object = None,
        shared: bool = False,
    ) -> None:
        super().__init__(
            weights=weights,
            input_format=input_format,
            weight_format=weight_format,
            accumulator_format=accumulator_format,
            pe=pe,
            simd=1,
            input_lanes=pe,
            memory=memory,
            bias=bias,
            shared=shared,
        )
        self.latency = depthwise_latency()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        tap, tap_last = pipe.counter("tap", self._column_groups, present)
        step = tap
        if self._row_groups > 1:
            step, _ = pipe.counter("step", self._row_groups * self._column_groups, present)
        payload = Value.cast(self.i_stream.payload)
        kept = Signal(len(payload), name="kept", reset_less=True)
        pipe.load(kept, payload)
        lanes = lanes_of(kept, self.input_format.word_length)
        sums = self._sums(pipe, [[lane] for lane in lanes], step)
        valid = pipe.flags("valid", present, self.latency - 1)
        last = pipe.flags("last", tap_last, self.latency - 1)
        constants = self._row_constants(pipe, valid[-2] & last[-2])
        self._accumulate(pipe, sums, constants, valid[-1], last[-1])
        return m
