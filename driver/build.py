# SPDX-License-Identifier: Apache-2.0
"""`qopt build`: arguments in, a build folder and its report out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_shape_option, batch_hint, load_module, parse_shapes
from .precision import apply_specification

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..backends.precision_report.figures import FloatOrigin


def main(arguments: list[str]) -> int:
    """Build and print the report."""
    options = _parser().parse_args(arguments)
    from ..backends.build import BuildOptions, build, level_of
    from ..backends.files import check_replaceable
    from ..qdialect.text import new_context

    out = Path(options.output)
    check_replaceable(out, options.force)
    module = load_module(options.model, parse_shapes(options.shape))
    build_options = BuildOptions(
        name=options.name or _model_name(options.model),
        clock=options.clock,
        fps=options.fps,
        max_lut=options.max_lut,
        max_dsp=options.max_dsp,
        max_bram18=options.max_bram18,
        input_formats=tuple(options.input_format),
        force=options.force,
    )
    with batch_hint(module, options.model):
        quantized, origin = _quantized(module, options.spec) if options.spec else ("", None)
        graph = module.clone() if level_of(module) == "graph" else None

        def finish(folder: Path, typed: ModuleOp | None) -> None:
            if quantized:
                (folder / "precision.txt").write_text(quantized, encoding="utf-8")
            if graph is not None:
                from ..backends.precision_report.writing import write_precision_report

                _progress("writing the precision report")
                write_precision_report(folder, build_options.name, graph, typed, origin)

        report = build(new_context(), module, out, build_options, _progress, finish)
    _progress("")
    if quantized:
        print(quantized)
    print(report, end="")
    print(f"wrote {out}")
    return 0


def _quantized(module: ModuleOp, path: str) -> tuple[str, FloatOrigin]:
    """Quantise `module` in place by the specification; what was done, and what it was before."""
    from ..backends.precision_report.figures import FloatOrigin
    from ..frontends.precision.parser import read_specification
    from ..passes.remarks import collected_searches
    from ..qdialect.text import new_context

    before = module.clone()
    with collected_searches() as searches:
        report = apply_specification(new_context(), module, path)
    return report, FloatOrigin(before, read_specification(path), searches)


def _model_name(path: str) -> str:
    """Name of the model: of its file, or of the build whose IR it is (DIR/ir/LEVEL.mlir)."""
    file = Path(path)
    if file.suffix == ".mlir" and file.parent.name == "ir":
        interface = file.parent.parent / "interface.json"
        if interface.is_file():
            import json

            try:
                return str(json.loads(interface.read_text(encoding="utf-8"))["name"])
            except (ValueError, KeyError):
                return file.parent.parent.name
    return "model" if path == "-" else file.stem


def _progress(text: str) -> None:
    """Show what is being done, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _clock(text: str) -> float:
    """`200e6`, `200MHz`, `200 MHz` -> hertz."""
    units = {"": 1.0, "hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}
    lowered = text.strip().lower()
    number = lowered.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = lowered[len(number) :].strip()
    try:
        clock = float(number) * units[unit]
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"'{text}' is no frequency: write 200e6 or 200MHz") from None
    if not 1e3 <= clock <= 1e10:
        raise argparse.ArgumentTypeError(f"a clock of {clock:g} Hz is not sensible: write 200e6 or 200MHz")
    return clock


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no positive number")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 18 or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no positive whole number")
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qopt build", description="From a model or IR of any level to Verilog, testbench, interface and report."
    )
    add = parser.add_argument
    add("model", metavar="MODEL_OR_IR", help=".onnx, or IR of any level (DIR/ir/LEVEL.mlir of an earlier build)")
    add("-o", "--output", required=True, metavar="DIR", help="the folder to make")
    add("--spec", metavar="FILE", help="quantise the float network as this precision specification says")
    add("--name", help="of the top module (default: the file's name)")
    add("--fps", type=_positive, help="fold for this many frames a second")
    add("--clock", type=_clock, default=200e6, help="clock: 200e6 (default), 100MHz")
    add("--max-lut", type=_count, metavar="N", help="fold for at most about N LUTs")
    add("--max-dsp", type=_count_or_none, metavar="N", help="fold for at most about N DSP blocks")
    add("--max-bram18", type=_count_or_none, metavar="N", help="fold for at most about N block RAMs of 18 kbit")
    add(
        "--input-format",
        action="append",
        default=[],
        metavar="'NAME: FORMAT [scale S]'",
        help="what the hardware is sent: 'x: uint<8> scale 1/255', 'x: fixed<16, 10>', 'x: bipolar'",
    )
    add("--force", action="store_true", help="replace the folder if it is an earlier build")
    add_shape_option(parser)
    return parser
