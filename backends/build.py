# SPDX-License-Identifier: Apache-2.0
"""`qopt build`: from a module of any level to a folder with IR, Verilog, testbench, interface and report.

DIR/ir/graph.mlir, typed.mlir, dataflow.mlir   each level, to read, edit, run and build on from
DIR/rtl/*.v                                    the hardware, AXI4-Stream
DIR/sim/                                       golden vectors and a self-checking testbench
DIR/interface.json, DIR/host.py                what the host does, as data and as code
DIR/report.json, DIR/report.txt                formats, folding, cycles, memory, cost of each unit
DIR/precision.json, DIR/precision.html         what each layer's formats hold, use and lose (from the graph level)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from ..passes.check_ranges import check_ranges
from ..passes.pipelines import to_dataflow, to_typed
from ..passes.range_analysis import analyse
from ..passes.runner import parse_passes, run_passes
from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError
from ..qdialect.text import module_text
from . import host
from .amaranth.emit import sanitised
from .execute import run_hardware
from .files import new_folder
from .hardware import longest_silence
from .interface import check_host, describe, function
from .report import report_data, report_text
from .testbench import write_testbench
from .verilog import verilog_files

Level = Literal["graph", "typed", "dataflow"]
Progress = Callable[[str], None]
Finish = Callable[[Path, ModuleOp | None], None]

GOLDEN_FRAMES = 16  # random frames in the testbench
GOLDEN_SEED = 1  # the same build gives the same bytes


@dataclass(frozen=True)
class BuildOptions:
    """What a user may ask of a build; see `qopt build --help`."""

    name: str  # of the model; names the top module
    clock: float = 200e6  # Hz
    fps: float | None = None  # frames a second
    max_lut: int | None = None
    max_dsp: int | None = None
    max_bram18: int | None = None
    input_formats: tuple[str, ...] = ()  # 'NAME: uint<8> scale 1/255'
    force: bool = False


def build(
    context: Context,
    module: ModuleOp,
    out: Path,
    options: BuildOptions,
    progress: Progress,
    finish: Finish = lambda folder, typed: None,
) -> str:
    """Build `module` (of any level; changed in place) into the new folder `out`; returns the report's text.

    `finish` may add files: it gets the folder, which is `out` once all is well, and the typed level if it was passed.
    Raises QoptError where the model cannot become hardware; then `out` is left as it was.
    """
    with new_folder(out, options.force) as folder:
        typed = _write_levels(context, module, folder / "ir", options, progress)
        progress("writing Verilog")
        top = sanitised(options.name)
        sources = verilog_files(module, top)
        _write_texts(folder / "rtl", sources)
        interface = describe(module, options.name, top)
        _write_json(folder / "interface.json", interface)
        (folder / "host.py").write_text(Path(host.__file__).read_text(encoding="utf-8"), encoding="utf-8")
        progress("predicting cycles")
        report = report_data(module, options.name, options.clock)
        _check_rate(report, options.fps)
        _write_json(folder / "report.json", report)
        text = report_text(report)
        (folder / "report.txt").write_text(text, encoding="utf-8")
        progress("writing golden vectors")
        _write_golden(folder, host.Host(interface), typed or module, sorted(sources), longest_silence(module))
        finish(folder, typed)
    return text


def _check_rate(report: dict[str, Any], fps: float | None) -> None:
    """A build keeps the frame rate that was asked for, or says so."""
    timing = report["timing"]
    if fps is not None and timing["initiation_interval_cycles"] > report["clock_hz"] / fps:
        raise QoptError(
            f"the network takes a frame every {timing['initiation_interval_cycles']} cycles, which is "
            f"{timing['frames_per_second']:g} frames/s, not {fps:g}; {timing['bottleneck']} is the bottleneck",
            mend="ask for a higher --fps, or raise --clock",
        )


def level_of(module: ModuleOp) -> Level:
    """The level that a module is written at."""
    functions = {op.sym_name.data for op in module.ops if isinstance(op, FuncOp)}
    if any(op.name.startswith("dataflow.") for op in module.walk()):
        return "dataflow"
    if "main" not in functions:
        raise QoptError("the module has no function @main", mend="name the function to build @main")
    return "typed" if "hardware" in functions else "graph"


def _write_levels(
    context: Context, module: ModuleOp, folder: Path, options: BuildOptions, progress: Progress
) -> ModuleOp | None:
    """Lower `module` to the dataflow level, writing each level on the way; returns the typed level if it was passed."""
    level, typed = level_of(module), None
    if options.input_formats and level != "graph":
        raise QoptError(
            f"--input-format belongs to the graph level, this module is at the {level} level",
            mend="build from the .onnx file or from ir/graph.mlir",
        )
    limits = (options.fps, options.max_lut, options.max_dsp, options.max_bram18)
    if level == "dataflow" and limits != (None,) * len(limits):
        raise QoptError(
            "--fps and --max-lut, --max-dsp, --max-bram18 choose a folding, this module is folded already",
            mend="edit PE and SIMD in the file, or build from ir/typed.mlir",
        )
    check_ranges(module)
    folder.mkdir()
    if level == "graph":
        _write_level(folder, "graph", module)
        progress("streamlining")
        run_passes(context, module, parse_passes(to_typed(options.input_formats)))
    if level != "dataflow":
        typed = module.clone()
        _write_level(folder, "typed", module)
        check_host(module)
        progress("folding")
        run_passes(context, module, parse_passes(to_dataflow(options.clock, *limits)))
    else:
        run_passes(context, module, parse_passes("q-insert-forks,q-insert-width-converters,q-insert-fifos"))
    _write_level(folder, "dataflow", module)
    return typed


def _write_level(folder: Path, level: Level, module: ModuleOp) -> None:
    (folder / f"{level}.mlir").write_text(module_text(module), encoding="utf-8")


def _write_texts(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def _write_golden(folder: Path, interface: host.Host, module: ModuleOp, sources: list[str], timeout: int) -> None:
    """Random input codes and the codes that @hardware makes of them in the reference."""
    sent = analyse(module)[function(module, "hardware").args[0]]
    codes = random_codes(interface.input, GOLDEN_FRAMES, sent.lo, sent.hi)
    expected = run_hardware(module, codes).reshape(-1, *interface.output.shape)
    files = [f"../rtl/{name}" for name in sources]
    write_testbench(folder / "sim", interface, codes, expected, files, timeout_cycles=timeout)


def random_codes(port: host.Port, frames: int, low: Array, high: Array) -> Array:
    """Seeded codes between bounds that broadcast to a frame; the first two frames hold the least and the greatest."""
    generator = np.random.default_rng(GOLDEN_SEED)
    least, greatest = (_as_frame(np.clip(bound, -(1 << 62), 1 << 62), port.shape) for bound in (low, high))
    codes = generator.integers(least, greatest, (frames, *port.shape), endpoint=True)
    if port.bipolar:
        codes = np.where(codes > 0, greatest, least)
    codes[0], codes[1] = least, greatest
    return codes


def _as_frame(bound: Array, shape: tuple[int, ...]) -> Array:
    """Bounds that broadcast to a tensor, or those of all its elements in a row, for each element."""
    codes = bound.astype(np.int64)
    return codes.reshape(shape) if codes.size == prod(shape) else np.broadcast_to(codes, shape)
