# SPDX-License-Identifier: Apache-2.0
"""The top level: a graph of units as an AXI4-Stream IP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal, Value
from amaranth.hdl._ast import Assign
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...qdialect.formats import BipolarFormat, IntegerFormat
from .shapes import code_of, extended, lanes_of
from .stream_unit import Beat, Unit, require

_WHERE = "AxiStreamTop"
Source = tuple[int, int]  # a stream: number of the unit that makes it, and of its output; (-1, 0) is the input


class AxiStreamTop(wiring.Component):
    """Units between an AXI4-Stream slave port and a master port.

    Each lane takes whole bytes of tdata, lane 0 the lowest: a signed element is sign-extended, an unsigned one is
    zero-extended, a bipolar one is the int8 -1 or +1 (at the input its sign bit alone counts). So a host sends plain
    little-endian integers. Bits of tdata above an element's word length are ignored at the input. `m_axis_tlast` marks
    the last beat of each frame; `s_axis_tlast` is accepted and not needed, the units count beats. `aresetn` is active
    low and synchronous to `aclk`.

    Args:
        units: (name, unit), each behind those that it takes from; neighbours have equal element format and lanes.
        sources: for each unit the streams that it takes; by default each unit takes from the one before. The one
            stream that no unit takes is the output.
        output_beats: beats of a frame at the output.
        modules: if given, the Verilog module of each unit name; then each unit is an instance of that module, which
            is converted on its own (`emit_verilog`). Without it, units are submodules and the whole can be simulated.
    """

    _MustUse__silence = True  # it may be refused by a check after it is made
    aclk: Signal
    aresetn: Signal
    s_axis_tdata: Signal
    s_axis_tvalid: Signal
    s_axis_tready: Signal
    s_axis_tlast: Signal
    m_axis_tdata: Signal
    m_axis_tvalid: Signal
    m_axis_tready: Signal
    m_axis_tlast: Signal

    def __init__(
        self,
        *,
        units: Sequence[tuple[str, Unit]],
        output_beats: int,
        sources: Sequence[Sequence[Source]] | None = None,
        modules: Mapping[str, str] | None = None,
    ) -> None:
        require(len(units) > 0, _WHERE, "there is no unit", "give at least one unit")
        require(output_beats >= 1, _WHERE, f"a frame has {output_beats} output beats", "give at least one beat")
        self.sources = [[(number - 1, 0)] for number in range(len(units))] if sources is None else sources
        _check_names([name for name, _ in units])
        self._input, self._output = _check_streams(units, self.sources)
        self.units = dict(units)
        self.output_beats = output_beats
        self._modules = modules
        self.input_format, self.input_lanes = self._input
        self.output_format, self.output_lanes = units[self._output[0]][1].outputs[self._output[1]]
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axis_tdata": In(8 * element_bytes(self.input_format) * self.input_lanes),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(8 * element_bytes(self.output_format) * self.output_lanes),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain()
        domain.clk = self.aclk
        m.d.comb += ResetSignal().eq(~self.aresetn)
        links = {(-1, 0): _Link("input", self.input_lanes * self.input_format.word_length)}
        for number, (name, unit) in enumerate(self.units.items()):
            inputs = [links[source] for source in self.sources[number]]
            names = [name] if len(unit.outputs) == 1 else [f"{name}_{output}" for output in range(len(unit.outputs))]
            outputs = [
                _Link(own, lanes * format.word_length) for own, (format, lanes) in zip(names, unit.outputs, strict=True)
            ]
            links |= {(number, output): link for output, link in enumerate(outputs)}
            if self._modules is None:
                m.submodules[name] = unit
                m.d.comb += _attach(unit, inputs, outputs)
            else:
                m.submodules[name] = _instance(self._modules[name], unit, inputs, outputs)
        self._connect_input(m, links[-1, 0])
        self._connect_output(m, links[self._output])
        return m

    def _connect_input(self, m: Module, link: _Link) -> None:
        padded = lanes_of(self.s_axis_tdata, 8 * element_bytes(self.input_format))
        width = self.input_format.word_length
        is_bipolar = isinstance(self.input_format, BipolarFormat)
        elements = [~lane[-1] if is_bipolar else lane[:width] for lane in padded]
        m.d.comb += [
            link.payload.eq(Cat(*elements)),
            link.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(link.ready),
        ]

    def _connect_output(self, m: Module, link: _Link) -> None:
        elements = lanes_of(link.payload, self.output_format.word_length)
        width = 8 * element_bytes(self.output_format)
        beat = Signal(range(self.output_beats))
        m.d.comb += [
            self.m_axis_tdata.eq(Cat(*(extended(code_of(self.output_format, bits), width) for bits in elements))),
            self.m_axis_tvalid.eq(link.valid),
            link.ready.eq(self.m_axis_tready),
            self.m_axis_tlast.eq(beat == self.output_beats - 1),
        ]
        with m.If(self.m_axis_tvalid & self.m_axis_tready):
            m.d.sync += beat.eq(beat + 1)
            with m.If(self.m_axis_tlast):
                m.d.sync += beat.eq(0)


def element_bytes(format: IntegerFormat) -> int:
    """Bytes that one element takes on the AXI stream."""
    return -(-format.word_length // 8)


class _Link:
    """The wires of a stream between two units, named after the unit that sends."""

    def __init__(self, name: str, width: int) -> None:
        self.payload = Signal(width, name=f"{name}_payload")
        self.valid = Signal(name=f"{name}_valid")
        self.ready = Signal(name=f"{name}_ready")


def _attach(unit: Unit, inputs: Sequence[_Link], outputs: Sequence[_Link]) -> list[Assign]:
    statements: list[Assign] = []
    for stream, link in zip(unit.i_streams, inputs, strict=True):
        statements += [
            Value.cast(stream.payload).eq(link.payload),
            stream.valid.eq(link.valid),
            link.ready.eq(stream.ready),
        ]
    for stream, link in zip(unit.o_streams, outputs, strict=True):
        statements += [
            link.payload.eq(Value.cast(stream.payload)),
            link.valid.eq(stream.valid),
            stream.ready.eq(link.ready),
        ]
    return statements


def _instance(module: str, unit: Unit, inputs: Sequence[_Link], outputs: Sequence[_Link]) -> Instance:
    """An instance of the Verilog module that was converted from a unit; port names as `amaranth.back` makes them."""
    ports: dict[str, Value] = {}
    for name, link in zip(unit.input_names, inputs, strict=True):
        ports |= {f"i_{name}__payload": link.payload, f"i_{name}__valid": link.valid, f"o_{name}__ready": link.ready}
    for name, link in zip(unit.output_names, outputs, strict=True):
        ports |= {f"o_{name}__payload": link.payload, f"o_{name}__valid": link.valid, f"i_{name}__ready": link.ready}
    return Instance(module, i_clk=ClockSignal(), i_rst=ResetSignal(), **ports)


def _check_names(names: Sequence[str]) -> None:
    double = sorted({name for name in names if names.count(name) > 1})
    message = f"two units are named '{double[0] if double else ''}'"
    require(not double, _WHERE, message, "give each unit a name of its own")


def _check_streams(units: Sequence[tuple[str, Unit]], sources: Sequence[Sequence[Source]]) -> tuple[Beat, Source]:
    """(format and lanes of the input, the stream that is the output). Refuses streams that do not fit their users."""
    made = {(number, output) for number, (_, unit) in enumerate(units) for output in range(len(unit.outputs))}
    used = [source for taken in sources for source in taken]
    double = sorted({source for source in used if used.count(source) > 1})
    require(not double, _WHERE, f"the streams {double} have two users", "put a fork behind them")
    rest = sorted(made - set(used))
    message = f"streams of {', '.join(units[number][0] for number, _ in rest) or 'no unit'} go out"
    require(len(rest) == 1, _WHERE, message, "leave one stream without a unit that takes it")
    first: Beat | None = None
    for (b, target), taken in zip(units, sources, strict=True):
        for (number, output), (format, lanes) in zip(taken, target.inputs, strict=True):
            if number < 0:
                first = format, lanes
                continue
            a, source = units[number]
            sent = source.outputs[output]
            message = f"unit '{a}' sends {sent[1]} lanes of {sent[0]}, unit '{b}' takes {lanes} lanes of {format}"
            require(sent == (format, lanes), _WHERE, message, "put a width converter or a threshold unit between them")
    assert first is not None, "some unit takes the input"
    return first, rest[0]
