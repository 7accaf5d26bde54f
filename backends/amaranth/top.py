# SPDX-License-Identifier: Apache-2.0
"""The top level: a chain of units as an AXI4-Stream IP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal, Value
from amaranth.hdl._ast import Assign
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...qdialect.formats import BipolarFormat, IntegerFormat
from .shapes import code_of, extended, lanes_of
from .stream_unit import StreamUnit, require

_WHERE = "AxiStreamTop"


class AxiStreamTop(wiring.Component):
    """Units in a chain between an AXI4-Stream slave port and a master port.

    Each lane takes whole bytes of tdata, lane 0 the lowest: a signed element is sign-extended, an unsigned one is
    zero-extended, a bipolar one is the int8 -1 or +1 (at the input its sign bit alone counts). So a host sends plain
    little-endian integers. Bits of tdata above an element's word length are ignored at the input. `m_axis_tlast` marks
    the last beat of each frame; `s_axis_tlast` is accepted and not needed, the units count beats. `aresetn` is active
    low and synchronous to `aclk`.

    Args:
        units: (name, unit) in stream order; neighbours have equal element format and lanes.
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
        units: Sequence[tuple[str, StreamUnit]],
        output_beats: int,
        modules: Mapping[str, str] | None = None,
    ) -> None:
        require(len(units) > 0, _WHERE, "there is no unit", "give at least one unit")
        require(output_beats >= 1, _WHERE, f"a frame has {output_beats} output beats", "give at least one beat")
        _check_chain(units)
        self.units = dict(units)
        self.output_beats = output_beats
        self._modules = modules
        first, last = units[0][1], units[-1][1]
        self.input_format, self.input_lanes = first.input_format, first.input_lanes
        self.output_format, self.output_lanes = last.output_format, last.output_lanes
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
        units = list(self.units.items())
        source = first = _Link("input", len(Value.cast(units[0][1].i_stream.payload)))
        for name, unit in units:
            target = _Link(name, len(Value.cast(unit.o_stream.payload)))
            if self._modules is None:
                m.submodules[name] = unit
                m.d.comb += _attach(unit, source, target)
            else:
                m.submodules[name] = _instance(self._modules[name], source, target)
            source = target
        self._connect_input(m, first)
        self._connect_output(m, source)
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


def _attach(unit: StreamUnit, source: _Link, target: _Link) -> list[Assign]:
    return [
        Value.cast(unit.i_stream.payload).eq(source.payload),
        unit.i_stream.valid.eq(source.valid),
        source.ready.eq(unit.i_stream.ready),
        target.payload.eq(Value.cast(unit.o_stream.payload)),
        target.valid.eq(unit.o_stream.valid),
        unit.o_stream.ready.eq(target.ready),
    ]


def _instance(module: str, source: _Link, target: _Link) -> Instance:
    """An instance of the Verilog module that was converted from a unit; port names as `amaranth.back` makes them."""
    return Instance(
        module,
        i_clk=ClockSignal(),
        i_rst=ResetSignal(),
        i_i_stream__payload=source.payload,
        i_i_stream__valid=source.valid,
        o_i_stream__ready=source.ready,
        o_o_stream__payload=target.payload,
        o_o_stream__valid=target.valid,
        i_o_stream__ready=target.ready,
    )


def _check_chain(units: Sequence[tuple[str, StreamUnit]]) -> None:
    names = [name for name, _ in units]
    double = sorted({name for name in names if names.count(name) > 1})
    require(
        not double, _WHERE, f"two units are named '{double[0] if double else ''}'", "give each unit a name of its own"
    )
    for (a, source), (b, target) in pairwise(units):
        sent = (source.output_format, source.output_lanes)
        taken = (target.input_format, target.input_lanes)
        message = f"unit '{a}' sends {sent[1]} lanes of {sent[0]}, unit '{b}' takes {taken[1]} lanes of {taken[0]}"
        require(sent == taken, _WHERE, message, "put a width converter or a threshold unit between them")
