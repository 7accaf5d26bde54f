# SPDX-License-Identifier: Apache-2.0
"""What all hardware units share: streams, one rigid pipeline, tables of constants, checked arguments."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, ValueLike, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from ...qdialect.errors import QoptError
from ...qdialect.formats import IntegerFormat
from .shapes import stream_signature

# What a caller may ask of the memory of a unit, and the attributes that say so to Vivado, yosys and Lattice tools.
MEMORY_ATTRIBUTES: dict[str, dict[str, str]] = {
    "auto": {},
    "block": {"ram_style": "block", "rom_style": "block", "syn_romstyle": "EBR"},
    "distributed": {"ram_style": "distributed", "rom_style": "distributed", "syn_romstyle": "distributed"},
}
# The same of a constant table. Yosys has no distributed memory without a write port and takes "registers" for logic.
TABLE_ATTRIBUTES = MEMORY_ATTRIBUTES | {
    "distributed": MEMORY_ATTRIBUTES["distributed"] | {"ram_style": "registers"},
}


def require(condition: bool, where: str, what: str, mend: str) -> None:
    """Refuses arguments of a unit (`where` names it) with a `QoptError`."""
    if not condition:
        raise QoptError(what, where, mend)


def integer_array(values: object, ndim: int, where: str, name: str) -> NDArray[np.int64] | NDArray[np.object_]:
    """`values` as an array of integers with `ndim` axes, none of them empty; refuses anything else."""
    array = np.asarray(values)
    require(array.ndim == ndim, where, f"{name} has {array.ndim} axes, not {ndim}", f"give {name} with {ndim} axes")
    require(array.size > 0, where, f"{name} is empty", f"give at least one number in {name}")
    integral = array.dtype.kind in "iub" or all(isinstance(value, (int, np.integer)) for value in array.flat)
    require(integral, where, f"{name} has elements of type {array.dtype}, not integers", "give integer codes")
    return array if array.dtype == object else array.astype(object if array.dtype == np.uint64 else np.int64)


Beat = tuple[IntegerFormat, int]  # format of an element, lanes


class Unit(wiring.Component):
    """A component with input and output streams.

    Attributes:
        inputs, outputs: format and lanes of each stream.
        i_streams, o_streams: the streams, each with `payload` (lanes x element), `valid`, `ready`, as
            `amaranth.lib.stream` defines them: `i_stream`, or `i_stream_0`, `i_stream_1`, ... if there are several.
        latency: cycles from the step that makes an output beat to the beat offered if nothing stalls.
    """

    latency: int
    # A unit may be made only to learn its latency, or to be converted; Amaranth would warn that it is not elaborated.
    _MustUse__silence = True

    def __init__(self, inputs: Sequence[Beat], outputs: Sequence[Beat]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.input_names, self.output_names = _stream_names("i", len(inputs)), _stream_names("o", len(outputs))
        members: dict[str, wiring.Member] = {}
        for side, flow, names, beats in (
            ("input", In, self.input_names, inputs),
            ("output", Out, self.output_names, outputs),
        ):
            for name, (format, lanes) in zip(names, beats, strict=True):
                where, what = type(self).__name__, f"{side} stream has {lanes} lanes"
                require(lanes >= 1, where, what, "give at least one lane")
                members[name] = flow(stream_signature(format, lanes))
        super().__init__(members)

    @property
    def i_streams(self) -> list[stream.Interface]:
        return [getattr(self, name) for name in self.input_names]

    @property
    def o_streams(self) -> list[stream.Interface]:
        return [getattr(self, name) for name in self.output_names]


def _stream_names(side: str, number: int) -> list[str]:
    return [f"{side}_stream"] if number == 1 else [f"{side}_stream_{index}" for index in range(number)]


class StreamUnit(Unit):
    """A unit with one input stream and one output stream."""

    i_stream: stream.Interface
    o_stream: stream.Interface

    def __init__(
        self, input_format: IntegerFormat, input_lanes: int, output_format: IntegerFormat, output_lanes: int
    ) -> None:
        self.input_format = input_format
        self.input_lanes = input_lanes
        self.output_format = output_format
        self.output_lanes = output_lanes
        super().__init__([(input_format, input_lanes)], [(output_format, output_lanes)])


class Pipeline:
    """The registers of a unit: all load in a cycle with `advance` and hold otherwise.

    `advance` is high unless an output beat waits to be taken, so a unit steps as a whole and bubbles travel through.
    """

    def __init__(self, m: Module, o_stream: stream.Interface) -> None:
        self.m = m
        self.advance = Signal()
        m.d.comb += self.advance.eq(~o_stream.valid | o_stream.ready)

    def load(self, register: Signal, value: ValueLike, enable: ValueLike = 1) -> None:
        """Loads a register when the pipeline advances and `enable` is high."""
        with self.m.If(self.advance & enable):
            self.m.d.sync += register.eq(value)

    def flag(self, name: str, value: ValueLike) -> Signal:
        """`value` one step later; low after reset."""
        register = Signal(name=name)
        self.load(register, value)
        return register

    def flags(self, name: str, value: ValueLike, stages: int) -> list[Signal]:
        """`value` 1, 2, ... `stages` steps later."""
        result: list[Signal] = []
        for stage in range(1, stages + 1):
            result.append(self.flag(f"{name}_{stage}", result[-1] if result else value))
        return result

    def registers(self, name: str, values: Sequence[Value]) -> list[Value]:
        """`values` one step later, without reset; kept in one register word so that large units stay short to read."""
        widths = [len(value) for value in values]
        word = Signal(unsigned(sum(widths)), name=name, reset_less=True)
        self.load(word, Cat(*values))
        ends = list(accumulate(widths))
        slices = [word[end - width : end] for end, width in zip(ends, widths, strict=True)]
        return [part.as_signed() if value.shape().signed else part for part, value in zip(slices, values, strict=True)]

    def register(self, name: str, value: Value) -> Value:
        """`value` one step later, without reset."""
        return self.registers(name, [value])[0]

    def named(self, name: str, value: Value) -> Signal:
        """Wires of their own for a value: the time to convert each of its slices grows with what it is cut from."""
        wires = Signal(value.shape(), name=name)
        self.m.d.comb += wires.eq(value)
        return wires

    def counter(self, name: str, bound: int, enable: ValueLike) -> tuple[Value, Value]:
        """Counts 0 .. bound - 1 round and round at each advance with `enable`; returns it and whether it ends."""
        if bound == 1:
            return Const(0, 0), Const(1, 1)
        count, last = Signal(range(bound), name=name), Signal(name=f"{name}_last")
        self.m.d.comb += last.eq(count == bound - 1)
        self.load(count, count + 1, enable)
        with self.m.If(self.advance & enable & last):
            self.m.d.sync += count.eq(0)
        return count, last

    def read(self, name: str, rows: Sequence[int], width: int, address: Value, memory: str = "auto") -> Value:
        """Row `address` of a constant table, one step later; if all rows are equal it is a constant.

        Args:
            rows: the words of the table as unsigned numbers below `2**width`.
            memory: a key of `MEMORY_ATTRIBUTES`.
        """
        if len(set(rows)) == 1:
            return Const(rows[0], width)
        table = Memory(shape=unsigned(width), depth=len(rows), init=rows, attrs=TABLE_ATTRIBUTES[memory])
        self.m.submodules[name] = table
        port = table.read_port()
        self.m.d.comb += [port.addr.eq(address), port.en.eq(self.advance)]
        return port.data
