# SPDX-License-Identifier: Apache-2.0
"""Speed of the reference on the typed level: one frame alone and batches of 1000, one thread.

Judges: the qonnx package on the same files (goals: 20 times as fast alone, 3 times in batches), and onnxruntime on the
same networks written with QuantizeLinear and DequantizeLinear (goal: half as fast). Every engine runs in a process of
its own, the engines of a network right after each other, several rounds; the table has the medians of the rounds. All
must give the same output.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from common import DATA, Model, arguments, present_models, publish, run, table

ENGINES = Path(__file__).with_name("engines.py")
GOALS = {("qonnx", "1"): 20.0, ("qonnx", "1000"): 3.0, ("onnxruntime", "1"): 0.5, ("onnxruntime", "1000"): 0.5}
WHY_MISSED = """\
One frame alone takes as long as the calls of numpy that a run makes: 35 to 60, each 0.4 to 1 us for any size.
The smallest networks still feel these in batches, with the checks of codes against proven ranges. Of the batch time of
kwsmlp_w3a3 three quarters are float32 matrix products of OpenBLAS, which alone take longer than all of onnxruntime."""
TOLERANCE = 1e-4  # of the outputs' range


@dataclass
class Speed:
    """What one engine has shown on one network: milliseconds a frame of each round by batch size, and the output."""

    ms: dict[str, list[float]] = field(default_factory=dict)
    output: list[float] = field(default_factory=list)

    def add(self, report: str) -> None:
        data = json.loads(report.splitlines()[-1])
        self.output = data["output"]
        for batch, value in data["ms"].items():
            self.ms.setdefault(batch, []).append(value)


def measure(model: Model, peers_python: str, rounds: int, seconds: float) -> dict[str, Speed]:
    """Speed of each engine that runs the model."""
    frame = np.load(model.path.with_suffix(".in.npy"))
    if model.input_formats:
        frame = np.rint(frame * 1024) / 1024  # what the input format holds
    files = {"qopt": model.path, "qonnx": model.path}
    if model.twin and (DATA / f"{model.twin}.onnx").is_file():
        files["onnxruntime"] = DATA / f"{model.twin}.onnx"
    speeds = {engine: Speed() for engine in files}
    formats = [part for text in model.input_formats for part in ("--input-format", text)]
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "frames.npy", frame.astype(np.float32))
        for _ in range(rounds):
            for engine, file in files.items():
                python = sys.executable if engine == "qopt" else peers_python
                extra = formats if engine == "qopt" else []
                command = [python, ENGINES, engine, file, Path(folder) / "frames.npy", "--seconds", seconds, *extra]
                speeds[engine].add(run(command).output)
    return speeds


def check_outputs(model: Model, speeds: dict[str, Speed]) -> None:
    own = np.array(speeds["qopt"].output)
    for engine, speed in speeds.items():
        difference = np.abs(np.array(speed.output) - own).max()
        if difference > TOLERANCE * (np.ptp(own) or 1):
            sys.exit(f"{model.name}: the outputs of qopt and {engine} differ by {difference:g}")


def rows(model: Model, speeds: dict[str, Speed]) -> list[tuple[object, ...]]:
    result: list[tuple[object, ...]] = []
    for engine, speed in speeds.items():
        if engine == "qopt":
            continue
        for batch, times in speed.ms.items():
            own, other = statistics.median(speeds["qopt"].ms[batch]), statistics.median(times)
            goal = GOALS[engine, batch]
            met = "yes" if other / own >= goal else "no"
            result.append((model.name, batch, own, engine, other, f"{other / own:.2f}x", f"{goal:g}x", met))
    return result


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="Python that has qonnx and onnxruntime")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each round, engine and batch size")
    parser.add_argument("--model", action="append", help="only this model (may be repeated)")
    options = parser.parse_args()
    found: list[tuple[object, ...]] = []
    for model in present_models():
        if options.model and model.name not in options.model:
            continue
        speeds = measure(model, options.peers_python, options.rounds, options.seconds)
        check_outputs(model, speeds)
        found += rows(model, speeds)
        for row in found[-len(speeds) * 2 + 2 :]:
            print(*row, sep="\t", file=sys.stderr)
    titles = ["model", "batch", "qopt ms/frame", "judge", "ms/frame", "judge / qopt", "goal", "met"]
    text = "Typed reference, whole network, one thread; medians of processor time."
    missed = [f"{row[0]} against {row[3]}, batch {row[1]} ({row[5]})" for row in found if row[-1] == "no"]
    reason = [f"Missed: {'; '.join(missed)}. {WHY_MISSED}"] if missed else []
    publish(__file__, "Speed of the reference", [text, table(titles, found), *reason], options.write)


if __name__ == "__main__":
    main()
