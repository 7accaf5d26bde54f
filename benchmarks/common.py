# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the models, tables, sections of docs/figures.md, processes of one thread."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "models"
FIGURES = ROOT / "docs" / "figures.md"
HEAD = """\
# Measured figures

Each section is written by the benchmark that it names, in one run on one machine; compare figures within a section.
"""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Model:
    """A network of the collection beside the checkout.

    Attributes:
        input_formats: what a build needs to have its first layer in hardware.
        twin: the same network as QuantizeLinear and DequantizeLinear, which onnxruntime executes.
    """

    name: str
    input_formats: tuple[str, ...] = ()
    twin: str | None = None

    @property
    def path(self) -> Path:
        return DATA / f"{self.name}.onnx"


MODELS = (
    Model("tfc_1w1a"),
    Model("tfc_2w2a", twin="tfc_2w2a_qcdq"),
    Model("kwsmlp_w3a3", twin="kwsmlp_w3a3_qcdq"),
    Model("qkeras_jettagging", ("global_in: fixed<16, 10>",), "qkeras_jettagging_qcdq"),
    Model("unsw_nb15_mlp_w2a2", ("onnx::Add_0: bipolar",)),
)
IMAGE_MODELS = (
    Model("qkeras_mnist_cnn", ("global_in: ufixed<8, 8>",)),
    Model("espcn_subpixel_quant", ("x.7: ufixed<8, 8>",)),
    Model("mlperftiny_ic_resnet8_int8"),
    Model("mlperftiny_kws_dscnn_int8"),
)


def present_models(models: Sequence[Model] = MODELS) -> list[Model]:
    """The models that are there; says which are not."""
    for model in models:
        if not model.path.is_file():
            print(f"skipped: no {model.name}.onnx in the model collection beside the checkout", file=sys.stderr)
    return [model for model in models if model.path.is_file()]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables to docs/figures.md")
    return parser


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with aligned columns, numbers on the right."""
    cells = [[*titles], *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    numeric = [all(_is_number(row[column]) for row in cells[1:]) for column in range(len(titles))]
    rule = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, numeric, strict=True)]
    lines = [
        "| " + " | ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)) + " |"
        for row in (cells[0], rule, *cells[1:])
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.]*(e[-+]?\d+)?x?", text) is not None


def publish(script: str, title: str, texts: Sequence[str], write: bool) -> None:
    """Print the texts; with `write`, make them the section `title` of docs/figures.md."""
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    source = f"`python benchmarks/{Path(script).name}`, qopt {version('qopt-mlir')}, {machine}."
    body = "\n\n".join([source, *texts])
    print(f"\n## {title}\n\n{body}\n")
    if write:
        _write_section(title, body)


def _write_section(title: str, body: str) -> None:
    text = FIGURES.read_text(encoding="utf-8") if FIGURES.is_file() else HEAD
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    contents = {section.partition("\n")[0]: section.partition("\n")[2].strip() for section in sections}
    contents[title] = body
    parts = [head.strip(), *(f"## {name}\n\n{content}" for name, content in sorted(contents.items()))]
    FIGURES.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Finished:
    """A process that has ended well: seconds of wall clock and of processor time, and what it printed."""

    wall: float
    cpu: float
    output: str


def run(command: Sequence[object]) -> Finished:
    """Run a program with one thread for its arithmetic; ends this one with the program's message if it fails."""
    before, start = os.times(), time.perf_counter()
    process = subprocess.run(
        [str(part) for part in command], env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - start, os.times()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{process.stdout}{process.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Finished(wall, cpu, process.stdout)
