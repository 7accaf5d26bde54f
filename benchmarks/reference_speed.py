# SPDX-License-Identifier: Apache-2.0
"""Speed of the reference on the typed level: one frame alone and batches, one thread.

Judges: the qonnx package on the same files (goals: 20 times as fast alone, 3 times in batches; 5 times on networks of
images), and onnxruntime on the same networks written with QuantizeLinear and DequantizeLinear (goal: half as fast).
Every engine runs in a process of its own, the engines of a network right after each other, several rounds; the table
has the medians of the rounds. All must give the same output.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from common import DATA, IMAGE_MODELS, Model, arguments, present_models, publish, run, table

ENGINES = Path(__file__).with_name("engines.py")
GOALS = {"qonnx": {1: 20.0, 1000: 3.0}, "onnxruntime": {1: 0.5, 1000: 0.5}}
IMAGE_GOALS = {"qonnx": {1: 5.0}, "onnxruntime": {1: 0.5, 100: 0.5}}
WHY_MISSED = """\
One frame alone takes as long as the calls of numpy that a run makes: 35 to 60, each 0.4 to 1 us for any size."""
WHY_IMAGES = """\
'products' is the time of the products of matrices of the dense layers alone, in float32 and from a cache, in the same
rounds: numpy has none that are quicker. Only sums of less than 12 bits are two to a number, which halves the products
of two layers of espcn_subpixel_quant."""
WHY_IMAGES_MISSED = """\
qonnx multiplies in float32 too. onnxruntime multiplies codes of 8 bits with instructions made for them, four times as
many a cycle, and requantises sums while they are in registers; numpy has neither. What qopt takes beyond the products
are the rows that it copies for them, four or five passes over the numbers of each layer to requantise them (in float32
where that is proven exact), the sweep of each depthwise layer, as many products as it has taps for each number, at an
eighth of the speed of a product of matrices; and, for a frame alone, some 200 calls of numpy, each 0.4 us to 10 us."""
TOLERANCE, IMAGE_TOLERANCE = 1e-4, 2e-2  # of the outputs' range; a code of 8 bits may differ along a chain


@dataclass(frozen=True)
class Contest:
    """A network and the judges that it is run against: their files, the batches, and the least ratios wanted."""

    model: Model
    judges: dict[str, Path]
    goals: dict[str, dict[int, float]]
    tolerance: float

    @property
    def batches(self) -> list[int]:
        return sorted({batch for judge in self.judges for batch in self.goals[judge]})


def contests() -> list[Contest]:
    found: list[Contest] = []
    for model in present_models():
        judges = {"qonnx": model.path}
        if model.twin and (DATA / f"{model.twin}.onnx").is_file():
            judges["onnxruntime"] = DATA / f"{model.twin}.onnx"
        found.append(Contest(model, judges, GOALS, TOLERANCE))
    for model in present_models(IMAGE_MODELS):
        judge = "onnxruntime" if model.name.endswith("int8") else "qonnx"
        found.append(Contest(model, {judge: model.path}, IMAGE_GOALS, IMAGE_TOLERANCE))
    return found


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


def frame_of(model: Model) -> np.ndarray:
    """A frame that the model's input format holds."""
    frame = np.load(model.path.with_suffix(".in.npy"))
    if model in IMAGE_MODELS and model.input_formats:
        return (np.rint(frame * 256).clip(0, 255) / 256).astype(np.float32)
    return (np.rint(frame * 1024) / 1024).astype(np.float32) if model.input_formats else frame


def measure(contest: Contest, peers_python: str, rounds: int, seconds: float) -> dict[str, Speed]:
    """Speed of each engine that runs the model."""
    files = {"qopt": contest.model.path, "products": contest.model.path} | contest.judges
    speeds = {engine: Speed() for engine in files}
    formats = [part for text in contest.model.input_formats for part in ("--input-format", text)]
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames.npy"
        np.save(frames, frame_of(contest.model))
        for _ in range(rounds):
            for engine, file in files.items():
                python = peers_python if engine in contest.judges else sys.executable
                extra = ["--batches", *contest.batches, *([] if engine in contest.judges else formats)]
                speeds[engine].add(run([python, ENGINES, engine, file, frames, "--seconds", seconds, *extra]).output)
    return speeds


def check_outputs(contest: Contest, speeds: dict[str, Speed]) -> None:
    own = np.array(speeds["qopt"].output)
    for engine in contest.judges:
        difference = np.abs(np.array(speeds[engine].output) - own).max()
        if difference > contest.tolerance * (np.ptp(own) or 1):
            sys.exit(f"{contest.model.name}: the outputs of qopt and {engine} differ by {difference:g}")


def rows(contest: Contest, speeds: dict[str, Speed]) -> list[tuple[object, ...]]:
    result: list[tuple[object, ...]] = []
    for engine in contest.judges:
        for batch, goal in contest.goals[engine].items():
            own, bare, other = (statistics.median(speeds[name].ms[str(batch)]) for name in ("qopt", "products", engine))
            met = "yes" if other / own >= goal else "no"
            row = (contest.model.name, batch, own, bare, engine, other, f"{other / own:.2f}x", f"{goal:g}x", met)
            print(*row, sep="\t", file=sys.stderr)
            result.append(row)
    return result


def missed(found: list[tuple[object, ...]], why: str) -> list[str]:
    names = [f"{row[0]} against {row[4]}, batch {row[1]} ({row[6]})" for row in found if row[-1] == "no"]
    return [f"Missed: {'; '.join(names)}. {why}"] if names else []


def machine_load() -> str:
    """What else the machine does: processor time does not count it, but it takes caches and clock."""
    return f"Load of the machine at the end (processes that want to run): {os.getloadavg()[1]:.1f}."


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="Python that has qonnx and onnxruntime")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each round, engine and batch size")
    parser.add_argument("--model", action="append", help="only this model (may be repeated)")
    options = parser.parse_args()
    found: list[tuple[object, ...]] = []
    images: list[tuple[object, ...]] = []
    for contest in contests():
        if options.model and contest.model.name not in options.model:
            continue
        speeds = measure(contest, options.peers_python, options.rounds, options.seconds)
        check_outputs(contest, speeds)
        (images if contest.goals is IMAGE_GOALS else found).extend(rows(contest, speeds))
    titles = ["model", "batch", "qopt ms/frame", "products", "judge", "ms/frame", "judge / qopt", "goal", "met"]
    text = "Typed reference, whole network, one thread; medians of processor time, engines in turn. " + machine_load()
    parts = [text, table(titles, found), *missed(found, WHY_MISSED)]
    why = missed(images, WHY_IMAGES_MISSED)
    of_images = ["Networks of images:", table(titles, images), WHY_IMAGES, *why] if images else []
    publish(__file__, "Speed of the reference", [*parts, *of_images], options.write)


if __name__ == "__main__":
    main()
