# SPDX-License-Identifier: Apache-2.0
"""The report of a build: what each unit is, costs and takes; the whole's interval, latency and frame rate.

Cycles and memory bits are exact, and equal to what a simulation measures; LUT, FF, DSP and BRAM are estimates.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ..qdialect.cost import predict_timing, total_cost, unit_cost
from ..qdialect.dataflow import FifoOp, MatrixVectorOp, UnitOp, stream_type
from ..qdialect.dataflow.graph import check_lanes, hardware_function, unit_graph
from ..qdialect.errors import node_name
from ..qdialect.types import element_type
from .hardware import unit_names

Data = dict[str, Any]

_COSTS = ("lut", "ff", "dsp", "bram18", "memory_bits")


def report_data(module: ModuleOp, name: str, clock: float) -> Data:
    """The report of a dataflow-level module as JSON data; `clock` in hertz."""
    units = unit_graph(hardware_function(module))
    check_lanes(units)
    network = predict_timing(units)
    interval = network.timing.initiation_interval
    rows = [
        {"name": unit_name, **_unit_row(unit), "utilisation": round(used, 4)}
        for unit_name, unit, used in zip(unit_names(units), units, network.utilisation, strict=True)
    ]
    total = total_cost(units)
    busiest = max(rows, key=lambda row: row["cycles"])
    return {
        "name": name,
        "clock_hz": clock,
        "units": rows,
        "totals": {key: getattr(total, key) for key in _COSTS},
        "timing": {
            "initiation_interval_cycles": _number(interval),
            "latency_cycles": network.timing.latency,
            "frames_per_second": round(clock / float(interval), 1),
            "latency_seconds": network.timing.latency / clock,
            "bottleneck": busiest["name"],
        },
    }


def _number(value: Any) -> int | float:
    """A whole number as int (an interval is a fraction only if frames alternate)."""
    return int(value) if value.denominator == 1 else float(value)


def _unit_row(unit: UnitOp) -> Data:
    cost = asdict(unit_cost(unit))
    row: Data = {"unit": unit.name.removeprefix("dataflow."), "node": node_name(unit)}
    if isinstance(unit, MatrixVectorOp):
        row |= {"rows": unit.rows, "columns": unit.columns, "pe": unit.pe, "simd": unit.simd}
        row |= {"weights": str(element_type(unit.weights))}
    if isinstance(unit, FifoOp):
        row |= {"depth": unit.depth}
    row |= {
        "input": ", ".join(str(stream_type(stream).element_type) for stream in unit.streams_in),
        "output": str(unit.result_type.element_type),
        "input_lanes": unit.input_lanes,
        "output_lanes": unit.result_type.lanes,
    }
    return row | {key: cost[key] for key in ("cycles", "latency", *_COSTS)}


_COLUMNS = (
    ("unit", "name"),
    ("input", "input"),
    ("weights", "weights"),
    ("output", "output"),
    ("PE", "pe"),
    ("SIMD", "simd"),
    ("lanes", "output_lanes"),
    ("depth", "depth"),
    ("cycles", "cycles"),
    ("busy", "utilisation"),
    ("LUT", "lut"),
    ("FF", "ff"),
    ("DSP", "dsp"),
    ("BRAM18", "bram18"),
    ("memory bits", "memory_bits"),
)


def report_text(report: Data) -> str:
    """The report for people."""
    rows = [[_cell(row, key) for _, key in _COLUMNS] for row in report["units"]]
    totals = {"name": "total", **report["totals"]}
    rows.append([_cell(totals, key) for _, key in _COLUMNS])
    timing = report["timing"]
    lines = [
        f"{report['name']}: {timing['frames_per_second']:g} frames/s at {report['clock_hz'] / 1e6:g} MHz",
        f"initiation interval {timing['initiation_interval_cycles']} cycles, latency {timing['latency_cycles']} cycles "
        f"({timing['latency_seconds'] * 1e6:.3g} us), bottleneck {timing['bottleneck']}",
        "LUT, FF, DSP and BRAM18 are estimates; cycles and memory bits are exact",
        "",
        *_table([heading for heading, _ in _COLUMNS], rows),
    ]
    return "\n".join(lines) + "\n"


def _cell(row: Data, key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if key == "utilisation":
        return f"{100 * value:.0f} %"
    return str(value).replace("!q.", "")


def _table(headings: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(cells: list[str]) -> str:
        padded = [
            cell.ljust(w) if i < 4 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return [line(headings), "  ".join("-" * width for width in widths), *map(line, rows)]
