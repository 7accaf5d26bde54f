# SPDX-License-Identifier: Apache-2.0
"""Pooling: the largest, or the sum, of many elements of each channel."""

from __future__ import annotations

from typing import Literal

from amaranth.hdl import Cat, Module, Mux, Value

from ...qdialect.cost.latency import pool_latency
from ...qdialect.formats import BipolarFormat, IntegerFormat
from .delay import delayed
from .shapes import code_of, extended, lanes_of
from .stream_unit import Pipeline, StreamUnit, require

_WHERE = "PoolUnit"


class PoolUnit(StreamUnit):
    """Reduces `taps` elements of each of `channels` channels to one; channels vary fastest.

    Every step needs an input beat; the steps of the last tap make an output beat each. II = 1 cycle a beat; `latency` =
    `pool_latency()`.

    Args:
        kind: "max" or "sum". output_format: holds every result; of "max" the input's.
    """

    def __init__(
        self,
        *,
        kind: Literal["max", "sum"],
        taps: int,
        channels: int,
        input_format: IntegerFormat,
        output_format: IntegerFormat,
        lanes: int,
    ) -> None:
        require(taps >= 1, _WHERE, f"{taps} taps", "give at least one tap")
        divides = lanes >= 1 and channels >= 1 and channels % lanes == 0
        require(divides, _WHERE, f"{lanes} lanes do not divide {channels} channels", "use a divisor")
        if kind == "max":
            require(input_format == output_format, _WHERE, "max keeps the format", "give the input's output format")
        else:
            fits = not isinstance(output_format, BipolarFormat)
            require(fits, _WHERE, "a bipolar output holds no sums", "give a fixed output format")
        super().__init__(input_format, lanes, output_format, lanes)
        self._kind, self._taps, self._groups = kind, taps, channels // lanes
        self.latency = pool_latency()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pipe = Pipeline(m, self.o_stream)
        present = self.i_stream.valid
        m.d.comb += self.i_stream.ready.eq(pipe.advance)
        _, group_last = pipe.counter("group", self._groups, present)
        tap, last = pipe.counter("tap", self._taps, present & group_last)
        output = Value.cast(self.o_stream.payload)
        kept = delayed(pipe, "kept", output, self._groups - 1, present)
        width = self.output_format.word_length
        lanes = zip(
            lanes_of(Value.cast(self.i_stream.payload), self.input_format.word_length),
            lanes_of(kept, width),
            strict=True,
        )
        results = [extended(self._joined(tap == 0, bits, old), width) for bits, old in lanes]
        pipe.load(output, Cat(*results), present)
        pipe.load(self.o_stream.valid, present & last)
        return m

    def _joined(self, first: Value, bits: Value, old: Value) -> Value:
        """What a lane holds after an element."""
        x, before = code_of(self.input_format, bits), code_of(self.output_format, old)
        if self._kind == "sum":
            return x + Mux(first, 0, before)
        return Mux(first | (x > before), bits, old)
