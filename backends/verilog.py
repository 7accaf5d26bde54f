# SPDX-License-Identifier: Apache-2.0
"""`qopt -t verilog`, and the rtl/ folder of a build: the Verilog of a dataflow-level module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ..qdialect.cost import refuse_deadlock, unit_network
from ..qdialect.dataflow import check_lanes, hardware_function, unit_graph


def verilog_files(module: ModuleOp, top: str) -> dict[str, str]:
    """File name -> Verilog: the top module `top` first, then one file for each distinct unit."""
    from .amaranth.emit import emit_verilog
    from .hardware import hardware_top

    hardware = hardware_top(module)
    units = list(hardware.units.items())
    return emit_verilog(name=top, units=units, output_beats=hardware.output_beats, sources=hardware.sources)


@dataclass(frozen=True)
class VerilogTarget(Target):
    """All Verilog of the hardware in one text: the top module, then its units."""

    name = "verilog"
    top: str = "top"  # name of the top module

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        units = unit_graph(hardware_function(module))
        if units:
            check_lanes(units)
            refuse_deadlock(units, *unit_network(units))
        output.write("\n".join(verilog_files(module, self.top).values()))
