# SPDX-License-Identifier: Apache-2.0
"""How far each model of the collection gets, into docs/coverage.md (`--write`), or a check of that page (`--check`).

For each model: import, one frame on the reference against the stored output of another engine, the text of the IR
printed, parsed and printed again, and the steps of `qopt -t coverage`. The shape of a frame, and the format of an input
that reaches a layer without a quantiser, follow from the stored input. A network with float32 weights goes through the
steps once more, quantised by a specification. Each model has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, ONE_THREAD, ROOT, table
from numpy.typing import NDArray

PAGE = ROOT / "docs" / "coverage.md"
SECONDS = 900  # a model takes at most
LIMIT = 1e-4  # of the range of an output
FRACTION_BITS = 8  # of the format given to an input of real numbers
SPECIFICATION = 'layers "*" { weight = fixed<8> per channel; activation = fixed<8> }'
CALIBRATION_FRAMES = 4
QUANTIZED_ELEMENTS = 1 << 15  # a frame of a quantised network whose Verilog is written: more would take many minutes
SEED = 1
# models without a stored input whose file states a batch: the frame to run
SHAPES = {"hls4ml_three_layer_bn_pytorch": (1, 16)}
# model -> why it may stop, or differ by more than LIMIT from the stored output
_LAST_CODES = (
    "7 of the 196608 sums of its last convolution lie so close to the middle between two codes that the order in which "
    "float32 adds decides; each of these codes differs by 1, all codes before are equal"
)
EXCEPTIONS = {
    "espcn_subpixel_qcdq": _LAST_CODES,
    "espcn_subpixel_quant": _LAST_CODES,
    "mlperftiny_ic_resnet8_int8": "one of the 64 averages of its pooling lies exactly between two codes; the order in "
    "which float32 adds decides, and one output code differs by 1",
}
HEAD = """\
# Coverage

Written by `python benchmarks/coverage.py --write`. `qopt MODEL -t coverage` tells the same of a model, and names nodes.

- **imports**: the file becomes IR. **executes**: the reference runs it on one frame.
- **differs by**: largest distance to the stored output of another engine, relative to the range of that output (rounded
  up to a power of ten); for integer outputs, the number of codes that differ.
- **text**: the IR printed, parsed and printed again is the same text.
- **typed**: every matrix product and convolution works on exact integers. **typed by**: how far its output is from that
  of the graph level; with `input`, for numbers that the format given to the input holds.
- **dataflow**: everything from the first to the last layer has a hardware unit. **Verilog**: it is written.
"""
FLOAT_HEAD = f"""\
## Float networks at 8 bits

The networks with float32 weights, quantised as by `qopt build --spec` ([precision.md](precision.md)) with
`{SPECIFICATION}`. They are calibrated on {CALIBRATION_FRAMES}
frames, the stored input and its numbers in other orders: enough for formats, not for accuracy, which stands in
[figures.md](figures.md).

- **quantised**: the specification is carried out. **typed by**: how far the output of the last level that is reached is
  from that of the quantised network in exact arithmetic; float32 rounds sums, which moves a few codes by one.
"""

Array = NDArray[Any]


@dataclass
class Row:
    """What is known of a model.

    Attributes:
        quantized: whether the specification was carried out; empty: the model is as it was stored.
        reasons: step -> what stands in the way, with the number of ops.
    """

    name: str
    imports: str = "no"
    executes: str = ""
    differs: str = ""
    text: str = ""
    typed: str = ""
    typed_differs: str = ""
    dataflow: str = ""
    verilog: str = ""
    quantized: str = ""
    reasons: dict[str, list[str]] = field(default_factory=dict)

    @property
    def cells(self) -> list[str]:
        steps = [self.typed, self.typed_differs, self.dataflow, self.verilog]
        stored = [self.imports, self.executes, self.differs, self.text]
        return [f"`{self.name}`", *([self.quantized] if self.quantized else stored), *steps]


STEPS = ("typed", "typed by", "dataflow", "Verilog")
TITLES = ("model", "imports", "executes", "differs by", "text", *STEPS)
FLOAT_TITLES = ("model", "quantised", *STEPS)


def models() -> list[Path]:
    """The files of the collection; none where it is absent."""
    return sorted(DATA.parent.glob("models*/*.onnx"), key=lambda path: path.stem)


def vectors(path: Path, end: str) -> list[Array]:
    """The stored arrays NAME.in.npy, NAME.in1.npy, ... or those of NAME.in.npz; none if there are none."""
    packed = path.with_suffix(f".{end}.npz")
    if packed.is_file():
        with np.load(packed) as arrays:
            return [arrays[name] for name in arrays.files]
    found = [path.with_suffix(f".{end}{index or ''}.npy") for index in range(10)]
    return [np.load(file) for file in found if file.is_file()]


# --- one model, in a process of its own --------------------------------------------------------------------------


def survey(path: Path) -> list[Row]:
    """Take a model as far as it gets; one with float32 weights once more, quantised."""
    from qopt_mlir.backends.coverage import random_inputs
    from qopt_mlir.backends.interface import function
    from qopt_mlir.frontends.onnx import import_onnx
    from qopt_mlir.frontends.onnx.loader import load
    from qopt_mlir.qdialect.errors import QoptError
    from qopt_mlir.qdialect.text import verify_module

    row = Row(path.stem)
    given = vectors(path, "in")
    try:
        inputs = load(path).inputs
        shapes = {info.name: array.shape for info, array in zip(inputs, given, strict=False) if _fits(info, array)}
        if path.stem in SHAPES:
            shapes[inputs[0].name] = SHAPES[path.stem]
        module = import_onnx(path, shapes=shapes)
        verify_module(module)
    except QoptError as fault:
        row.reasons["imports"] = [_short(fault.what)]
        return [row]
    row.imports = "yes"
    frames = {info.name: array for info, array in zip(inputs, given, strict=False)}
    frames = frames or random_inputs(function(module, "main"))
    outputs = _execute(row, module, frames, vectors(path, "out"))
    _round_trip(row, module)
    _to_hardware(row, module, frames, outputs)
    has_float_weights = any(reason.startswith("the weights of") for reason in row.reasons.get("typed", []))
    return [row, _survey_quantized(row.name, module, frames)] if has_float_weights else [row]


def _survey_quantized(name: str, module: Any, frames: dict[str, Array]) -> Row:
    """A float32 network by the specification; changes `module`."""
    from qopt_mlir.backends.execute import run_module
    from qopt_mlir.frontends.precision.parser import parse_specification
    from qopt_mlir.passes.calibration.quantization import quantize_network
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.errors import QoptError
    from qopt_mlir.qdialect.text import new_context

    row = Row(name, quantized="no")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "frames.npz", x=calibration_frames(next(iter(frames.values()))))
        data = 'data { file = "frames.npz"; calibration = x }'
        try:
            specification = parse_specification(f"{SPECIFICATION}\n{data}", "coverage", Path(folder))
            quantize_network(new_context(), module, specification, hardware=True)
        except QoptError as fault:
            row.reasons["quantised"] = [_short(fault.what)]
            return row
    row.quantized = "yes"
    exact = module.clone()
    run_passes(new_context(), exact, parse_passes("q-fold-constants,q-convert-to-typed"))
    _to_hardware(row, module, frames, run_module(exact, frames).outputs)
    return row


def calibration_frames(frame: Array) -> Array:
    """A frame, and its numbers in other orders, which have the same range."""
    generator = np.random.default_rng(SEED)
    others = [generator.permutation(frame.reshape(-1)).reshape(frame.shape) for _ in range(CALIBRATION_FRAMES - 1)]
    return np.stack([frame, *others])


def _fits(info: Any, array: Array) -> bool:
    return info.shape is not None and len(info.shape) == array.ndim


def _short(text: str) -> str:
    return " ".join(text.split())[:300]


def _execute(row: Row, module: Any, frames: dict[str, Array], expected: list[Array]) -> list[Array] | None:
    from qopt_mlir.backends.execute import run_module
    from qopt_mlir.qdialect.errors import QoptError

    try:
        outputs = run_module(module, frames).outputs
    except QoptError as fault:
        row.executes, row.reasons["executes"] = "no", [_short(fault.what)]
        return None
    row.executes = "yes"
    row.differs = difference(outputs, expected) if expected else "no vectors"
    return outputs


def difference(outputs: Sequence[Array], expected: Sequence[Array]) -> str:
    """The largest difference of all outputs, as the page shows it."""
    if len(outputs) != len(expected):
        return f"{len(outputs)} outputs, not {len(expected)}"
    shown = list[str]()
    for actual, wanted in zip(outputs, expected, strict=True):
        if actual.size != wanted.size:
            return f"{actual.size} elements, not {wanted.size}"
        shown.append(_difference(actual.reshape(wanted.shape), wanted))
    return max(shown, key=lambda text: float(text.split()[0]))


def _difference(actual: Array, wanted: Array) -> str:
    wanted = wanted.astype(np.float64)  # also: the range of int8 numbers is no int8
    distance = np.abs(actual.astype(np.float64) - wanted)
    largest = float(distance.max(initial=0.0))
    if not largest:
        return "0"
    if not np.isfinite(largest):
        return "inf"
    span = float(np.ptp(wanted)) or float(np.abs(wanted).max()) or 1.0
    wrong = int((distance > LIMIT * span).sum())
    if not wrong:
        return f"{10.0 ** np.ceil(np.log10(largest / span)):.0e}"
    if (wanted == np.rint(wanted)).all():
        return f"{wrong} of {distance.size} codes, by {largest:.3g}"
    return f"{wrong} of {distance.size} numbers, by {largest / span:.2g}"


def _round_trip(row: Row, module: Any) -> None:
    from qopt_mlir.qdialect.errors import QoptError
    from qopt_mlir.qdialect.text import module_text, parse_module, verify_module

    text = module_text(module)
    try:
        again = parse_module(text, "printed")
        verify_module(again)
    except QoptError as fault:
        row.text, row.reasons["text"] = "no", [_short(fault.what)]
        return
    row.text = "same" if module_text(again) == text else "differs"


def _to_hardware(row: Row, module: Any, frames: dict[str, Array], outputs: list[Array] | None) -> None:
    """The steps behind the graph level; once more with input formats if a layer asks for these."""
    from qopt_mlir.backends.execute import run_module

    lowered = module.clone()
    limit = {"max_elements": QUANTIZED_ELEMENTS} if row.quantized else {}
    steps, formatted = _steps(lowered, limit), ""
    if frames and any("without a quantiser" in reason.what for reason in steps["typed"].reasons):
        held = {name: np.rint(array * 2.0**FRACTION_BITS) / 2.0**FRACTION_BITS for name, array in frames.items()}
        with_formats = _with_input_formats(module, held)
        again = _steps(with_formats, limit)
        if again["typed"].verdict == "yes":
            steps, lowered, frames, formatted = again, with_formats, held, "input, "
            outputs = run_module(module, held).outputs
    row.typed, row.dataflow, row.verilog = (steps[name].verdict for name in ("typed", "dataflow", "Verilog"))
    for name, step in steps.items():
        if step.reasons and step.verdict == "no":
            row.reasons[name] = [_counted(reason) for reason in step.reasons]
    if row.verilog == "not tried" and row.dataflow == "yes":
        row.reasons["Verilog"] = [steps["Verilog"].reasons[0].what]
    if row.typed == "yes" and outputs is not None:
        row.typed_differs = formatted + difference(run_module(lowered, frames).outputs, outputs)


def _counted(reason: Any) -> str:
    return f"{_short(reason.what)} ({len(reason.places)})" if len(reason.places) > 1 else _short(reason.what)


def _steps(module: Any, limit: dict[str, int]) -> dict[str, Any]:
    from qopt_mlir.backends.coverage import dataflow_step, typed_step, verilog_step
    from qopt_mlir.qdialect.text import new_context

    context = new_context()
    typed = typed_step(context, module)
    dataflow = dataflow_step(context, module, typed)
    return {"typed": typed, "dataflow": dataflow, "Verilog": verilog_step(context, module, dataflow, **limit)}


def _with_input_formats(module: Any, frames: dict[str, Array]) -> Any:
    """A copy of `module` whose float32 inputs have formats that hold the frames."""
    from qopt_mlir.backends.interface import function
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.reference.boundary import argument_names
    from qopt_mlir.qdialect.text import new_context
    from qopt_mlir.qdialect.types import element_type, is_f32

    copy = module.clone()
    main = function(copy, "main")
    inputs = [name for name, arg in zip(argument_names(main), main.args, strict=True) if is_f32(element_type(arg))]
    formats = [f'q-set-input-format{{input-format="{name}: {held_by(frames[name])}"}}' for name in inputs]
    run_passes(new_context(), copy, parse_passes(",".join(["q-fold-constants", *formats])))
    return copy


def held_by(array: Array) -> str:
    """A format for numbers like those of `array`: integers if they are, else fixed point."""
    low, high = float(array.min()), float(array.max())
    if (np.abs(array) == 1).all():
        return "bipolar"
    integer_bits = max(int(np.ceil(np.log2(max(high + 1, -low, 1)))), 1) + (low < 0)
    if (array == np.rint(array)).all():
        return f"{'int' if low < 0 else 'uint'}<{integer_bits}>"
    return f"fixed<{integer_bits + (low >= 0) + FRACTION_BITS}, {FRACTION_BITS}>"


# --- all models --------------------------------------------------------------------------------------------------


def survey_apart(path: Path) -> list[Row]:
    """`survey` in a process of its own: what happens to one model does not touch the others."""
    command = [sys.executable, __file__, "--one", str(path)]
    try:
        process = subprocess.run(
            command, env=os.environ | ONE_THREAD, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [Row(path.stem, reasons={"imports": [f"no end within {SECONDS} s"]})]
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f"ended by signal {-process.returncode}"]
        return [Row(path.stem, reasons={"imports": [f"qopt fails: {lines[-1]}"]})]
    return [Row(**row) for row in json.loads(process.stdout.splitlines()[-1])]


def page(rows: Sequence[Row]) -> str:
    """docs/coverage.md"""
    stored, quantized = [row for row in rows if not row.quantized], [row for row in rows if row.quantized]
    text = [HEAD, _summary(stored), table(TITLES, [row.cells for row in stored])]
    text += ["## What stands in the way", _by_reason(stored)]
    text += [FLOAT_HEAD, _summary_of_quantized(quantized), table(FLOAT_TITLES, [row.cells for row in quantized])]
    text += ["What stands in the way:", _by_reason(quantized)]
    exceptions = [f"- `{name}`: {why}" for name, why in EXCEPTIONS.items()]
    if exceptions:
        text += ["## Exceptions", "\n".join(exceptions)]
    return "\n\n".join(part.strip() for part in text) + "\n"


def _count(rows: Sequence[Row], key: str) -> int:
    return sum(getattr(row, key) == "yes" for row in rows)


def _summary_of_quantized(rows: Sequence[Row]) -> str:
    return (
        f"Of {len(rows)} networks {_count(rows, 'quantized')} are quantised, {_count(rows, 'typed')} become typed, "
        f"{_count(rows, 'dataflow')} dataflow, {_count(rows, 'verilog')} Verilog."
    )


def _summary(rows: Sequence[Row]) -> str:
    stored = [row for row in rows if row.differs not in ("", "no vectors")]
    equal = sum(agrees(row) is None and row.name not in EXCEPTIONS for row in stored)
    return (
        f"Of {len(rows)} models {_count(rows, 'imports')} import and {_count(rows, 'executes')} execute; "
        f"{equal} of the {len(stored)} with a stored output give it. {_count(rows, 'typed')} become typed, "
        f"{_count(rows, 'dataflow')} dataflow, {_count(rows, 'verilog')} Verilog."
    )


def _by_reason(rows: Iterable[Row]) -> str:
    lines = list[str]()
    for row in rows:
        steps = [f"{step}: {'; '.join(reasons)}" for step, reasons in row.reasons.items()]
        if steps:
            lines.append(f"- `{row.name}`: {'. '.join(steps)}")
    return "\n".join(lines)


def agrees(row: Row) -> str | None:
    """What is wrong with the row, beyond hardware that does not exist yet; None if nothing is."""
    if row.name in EXCEPTIONS:
        return None
    if row.quantized:
        small = not row.typed_differs or _is_small(row.typed_differs)
        return None if small else f"{row.name} quantised: differs by {row.typed_differs}"
    if row.executes != "yes":
        return f"{row.name}: {row.reasons}"
    if row.text != "same":
        return f"{row.name}: the text {row.text}"
    if row.differs not in ("0", "no vectors"):
        codes = " " in row.differs
        if codes or float(row.differs) > LIMIT:
            return f"{row.name}: differs by {row.differs}"
    return None


def comparable(text: str) -> list[str]:
    """The page without blanks that align tables, and without rounding errors of one machine's float32."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [_without_noise(line) for line in lines if not line.startswith("|-")]


def _without_noise(line: str) -> str:
    cells = line.split("|")
    return "|".join(" small " if _is_small(cell) else cell for cell in cells)


def _is_small(cell: str) -> bool:
    try:
        return 0 <= float(cell.replace("input,", "")) <= LIMIT
    except ValueError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/coverage.md")
    parser.add_argument("--check", action="store_true", help="compare with docs/coverage.md; 1 if it differs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="models at a time")
    parser.add_argument("--model", action="append", help="only this model (may be repeated); nothing is written")
    parser.add_argument("--one", type=Path, help="survey one file in this process, print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps([asdict(row) for row in survey(options.one)]))
        return
    paths = [path for path in models() if not options.model or path.stem in options.model]
    if not paths:
        sys.exit("skipped: no model collection beside the checkout")
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = [row for rows in pool.map(survey_apart, paths) for row in rows]
    text = page(rows)
    print(text)
    wrong = [fault for row in rows if (fault := agrees(row)) is not None]
    print(*wrong, sep="\n", file=sys.stderr)
    if options.write and not options.model:
        PAGE.write_text(text, encoding="utf-8")
    if options.check:
        stale = Counter(comparable(text)) - Counter(comparable(PAGE.read_text(encoding="utf-8")))
        print(*[f"not on the page: {line}" for line in stale], sep="\n", file=sys.stderr)
        sys.exit(1 if wrong or stale else 0)


if __name__ == "__main__":
    main()
