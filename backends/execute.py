# SPDX-License-Identifier: Apache-2.0
"""`qopt run`: execute a model at any level, or its hardware in a simulator, and compare with the reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..qdialect.attrs import Array
from ..qdialect.dataflow import StreamType
from ..qdialect.errors import QoptError
from ..qdialect.reference import code_values, compile_function, input_codes
from ..qdialect.text import parse_module, read_file, verify_module
from ..qdialect.types import shape_of
from .host import Host
from .interface import function, has_function
from .simulators import missing_engines, simulate
from .simulators.amaranth import simulate_amaranth
from .simulators.common import SimulationResult, Stimulus

Engine = Literal["reference", "dataflow", "amaranth", "verilog"]
ENGINES: tuple[Engine, ...] = ("reference", "dataflow", "amaranth", "verilog")

MANY_FRAMES = 1000  # from which it pays to make chains of ops one step


@dataclass(frozen=True)
class Comparison:
    """How many elements two runs have in common, and the first that differs."""

    what: str
    equal: int
    total: int
    first_difference: str | None = None

    @property
    def passed(self) -> bool:
        return self.equal == self.total

    def __str__(self) -> str:
        text = f"{self.what}: {self.equal} of {self.total} outputs equal"
        return text if self.first_difference is None else f"{text}; first difference: {self.first_difference}"


@dataclass(frozen=True)
class Timing:
    """Cycles seen in a simulation without stalls: between frames, and from first input to last output beat."""

    initiation_interval: int | None  # None: fewer than two frames
    latency: int


@dataclass(frozen=True)
class Execution:
    """What a run gives: the model's outputs, comparisons with the reference, and what a simulator measured."""

    outputs: list[Array]  # each (frames, *shape)
    engine: str
    comparisons: list[Comparison] = field(default_factory=list)
    timing: Timing | None = None


def run_module(module: ModuleOp, inputs: dict[str, Array]) -> Execution:
    """Run @main of a module of any level in the reference."""
    return Execution(_run_main(module, inputs), "reference")


def _run_main(module: ModuleOp, inputs: dict[str, Array]) -> list[Array]:
    main = function(module, "main")
    if not main.function_type.outputs.data:
        raise QoptError("@main has no outputs", main, "return what the network computes")
    codes = input_codes(main, inputs)
    many = any(len(array) >= MANY_FRAMES for array in codes)
    return compile_function(module, "main", many_frames=many).run(code_values(main, codes))


@dataclass(frozen=True)
class BuildFolder:
    """A folder that `qopt build` has written."""

    path: Path

    @staticmethod
    def open(path: Path) -> BuildFolder:
        """QoptError unless `path` is a build."""
        if not (path / "interface.json").is_file():
            raise QoptError(f"'{path}' is no build folder: it has no interface.json", mend="run `qopt build` first")
        return BuildFolder(path)

    @property
    def host(self) -> Host:
        try:
            return Host(json.loads((self.path / "interface.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise QoptError(f"cannot use '{self.path / 'interface.json'}': {fault}", mend="build again") from None

    @property
    def sources(self) -> list[Path]:
        sources = sorted((self.path / "rtl").glob("*.v"))
        if not sources:
            raise QoptError(f"the build has no '{self.path / 'rtl'}/*.v'", mend="build again, or use another engine")
        return sources

    @property
    def highest_level(self) -> str:
        """The level whose run is the reference: typed, or dataflow if the build began there."""
        return "typed" if (self.path / "ir" / "typed.mlir").is_file() else "dataflow"

    def module(self, level: str) -> ModuleOp:
        """The IR of a level: graph, typed or dataflow."""
        path = self.path / "ir" / f"{level}.mlir"
        if not path.is_file():
            raise QoptError(f"the build has no '{path}'", mend="build again, or use another engine")
        module = parse_module(read_file(path), str(path))
        verify_module(module)
        return module


@dataclass(frozen=True)
class Request:
    """What to run: frames by input name ('' for the one input), on which engine, with which stalls."""

    inputs: dict[str, Array]
    engine: Engine
    stall: float = 0.0
    seed: int = 0
    warn: Callable[[str], None] = print  # is told where something else is done than was asked for


def run_folder(folder: BuildFolder, request: Request) -> Execution:
    """Run a build on an engine; whatever is not the reference is compared with it, element by element."""
    if request.engine == "reference":
        return run_module(folder.module(folder.highest_level), request.inputs)
    dataflow = folder.module("dataflow")
    dataflow_codes = reference_codes = _hardware_codes(dataflow, request.inputs)
    comparisons: list[Comparison] = []
    if folder.highest_level == "typed":
        reference_codes = _hardware_codes(folder.module("typed"), request.inputs)
        comparisons.append(_compare("dataflow run and reference", dataflow_codes.outputs, reference_codes.outputs))
    if request.engine == "dataflow":
        return Execution(_run_main(dataflow, request.inputs), "dataflow", comparisons)
    host = folder.host
    codes = host.before(_only(input_codes(function(dataflow, "main"), request.inputs)))
    comparisons.append(_compare("host codes and reference", codes, reference_codes.inputs))
    result = _simulate(folder, dataflow, host, codes, request)
    outputs = host.from_beats(result.beats)
    comparisons.append(_compare(f"{result.engine} and reference", outputs, reference_codes.outputs))
    timing = None if request.stall else _timing(result, len(codes))
    return Execution(host.after(outputs), result.engine, comparisons, timing)


@dataclass(frozen=True)
class _Codes:
    inputs: Array  # of the hardware, (frames, *shape)
    outputs: Array


def _hardware_codes(module: ModuleOp, inputs: dict[str, Array]) -> _Codes:
    """Codes that enter and leave the hardware when @main runs on `inputs`."""
    codes: object = _only(input_codes(function(module, "main"), inputs))
    if has_function(module, "host_before"):
        codes = compile_function(module, "host_before").run_codes({0: codes})[0]
    assert isinstance(codes, np.ndarray)
    return _Codes(codes, run_hardware(module, codes))


def run_hardware(module: ModuleOp, codes: Array) -> Array:
    """Codes (frames, *shape) through @hardware in the reference; at the dataflow level as beats."""
    taken = function(module, "hardware").args[0].type
    shape = (taken.beats, taken.lanes) if isinstance(taken, StreamType) else shape_of(taken)
    outputs = compile_function(module, "hardware").run_codes({0: codes.reshape(len(codes), *shape)})[0]
    assert isinstance(outputs, np.ndarray)
    return outputs


def _only(arrays: list[Array]) -> Array:
    if len(arrays) != 1:
        raise QoptError(f"the model has {len(arrays)} inputs, hardware has one", mend="cut the model to one input")
    return arrays[0]


def _simulate(folder: BuildFolder, dataflow: ModuleOp, host: Host, codes: Array, request: Request) -> SimulationResult:
    from .hardware import hardware_top, longest_silence

    common: dict[str, Any] = {
        "beats": host.to_beats(codes),
        "num_output_beats": len(codes) * host.output.beats,
        "output_bytes": host.output.beat_bytes,
        "input_frame_beats": host.input.beats,
        "output_frame_beats": host.output.beats,
        "stall": request.stall,
        "seed": request.seed,
        "timeout_cycles": longest_silence(dataflow),
    }
    if request.engine == "verilog":
        missing = missing_engines()
        if missing is None:
            return simulate(sources=folder.sources, top=host.top, **common)
        request.warn(f"{missing}; running Amaranth's simulator instead, which is slow")
    return simulate_amaranth(hardware_top(dataflow), Stimulus(**common))


def _timing(result: SimulationResult, frames: int) -> Timing:
    ends = result.output_cycles.reshape(frames, -1)[:, -1]
    interval = int(ends[-1] - ends[-2]) if frames > 1 else None
    return Timing(interval, int(ends[0] - result.input_cycles[0]))


def _compare(what: str, actual: Array, expected: Array) -> Comparison:
    expected = expected.reshape(actual.shape)
    same = np.asarray(actual == expected)
    first = None
    if not same.all():
        index = tuple(int(i) for i in np.argwhere(~same)[0])
        first = f"frame {index[0]}, element {list(index[1:])} is {actual[index]}, not {expected[index]}"
    return Comparison(what, int(same.sum()), int(same.size), first)


def compare_with_expected(outputs: list[Array], expected: list[Array], tolerance: float) -> list[Comparison]:
    """Outputs against a file's; numbers may differ by `tolerance` times the range of the expected values."""
    if len(outputs) != len(expected):
        raise QoptError(
            f"the model has {len(outputs)} outputs, the file of expected values {len(expected)}",
            mend="give one array for each output",
        )
    return [
        _compare_close(f"output {index} and expected", actual, wanted, tolerance)
        for index, (actual, wanted) in enumerate(zip(outputs, expected, strict=True))
    ]


def _compare_close(what: str, actual: Array, expected: Array, tolerance: float) -> Comparison:
    if actual.size != expected.size:
        raise QoptError(
            f"{what}: {list(actual.shape)} against {list(expected.shape)}", mend="give expected values for each frame"
        )
    values, wanted = actual.astype(np.float64), expected.reshape(actual.shape).astype(np.float64)
    finite = wanted[np.isfinite(wanted)] if not np.isfinite(wanted).all() else wanted
    span = float(np.ptp(finite)) if finite.size else 0.0
    span = span or float(np.abs(finite).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore"):
        close = (np.abs(values - wanted) <= tolerance * span) | (values == wanted)
    first = None
    if not close.all():
        index = tuple(int(i) for i in np.argwhere(~close)[0])
        first = f"frame {index[0]}, element {list(index[1:])} is {values[index]}, not {wanted[index]}"
    return Comparison(f"{what} (within {tolerance:g} of the range)", int(close.sum()), int(close.size), first)


def accuracy(output: Array, labels: Array) -> tuple[int, int]:
    """(correct, frames): by arg-max of each frame's scores; by the value itself (or its sign) if there is only one."""
    if labels.size != len(labels) or not (labels == np.rint(labels)).all():
        raise QoptError(
            f"labels of shape {list(labels.shape)} are not one whole number a frame",
            mend="save the class of each frame",
        )
    if len(labels) < len(output):
        raise QoptError(f"{len(labels)} labels for {len(output)} frames", mend="give a label for each frame")
    scores = output.reshape(len(output), -1)
    if scores.shape[1] > 1:
        predicted = scores.argmax(axis=1)
    else:
        predicted = scores[:, 0] if output.dtype.kind in "iu" else (scores[:, 0] > 0)
    return int((predicted.astype(np.int64) == labels[: len(output)].reshape(-1).astype(np.int64)).sum()), len(output)
