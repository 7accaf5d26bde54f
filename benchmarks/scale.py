# SPDX-License-Identifier: Apache-2.0
"""Time and memory of the compiler on networks of full size: import, IR as text, and the passes to the typed level.

Goals: import within 5 s, printing and parsing together within 5 s, the passes within 60 s, and in no process more
memory than four times the weights, as the file stores them, plus 500 MB. Each network goes through three processes of
one thread: import, verify and print; parse and verify; import and passes. The networks are those of topologies.py.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import arguments, publish, run, table

GENERATOR = Path(__file__).with_name("topologies.py")
CASES = (
    ("mobilenet_v1", "qonnx", 4),
    ("mobilenet_v1", "qdq", 8),
    ("mobilenet_v2", "qonnx", 4),
    ("mobilenet_v2", "qdq", 8),
    ("resnet50", "qonnx", 4),
    ("resnet50", "qonnx", 8),
    ("resnet50", "qdq", 8),
    ("cnv", "qonnx", 1),
    ("cnv", "qonnx", 2),
)
NOT_MEASURED = ("q-partition",)  # what can be hardware is another question than how fast the passes are
IMPORT_GOAL, TEXT_GOAL, PASSES_GOAL = 5.0, 5.0, 60.0  # seconds
MEMORY_FACTOR, MEMORY_REST = 4, 500e6  # bytes
MIB = 1 << 20


# --- in a process of its own ---


class Clock:
    """Seconds of the steps of this process, by name."""

    def __init__(self) -> None:
        self.seconds: list[tuple[str, float]] = []

    def time(self, name: str, step: Callable[[], Any]) -> Any:
        gc.collect()
        start = time.perf_counter()
        result = step()
        self.seconds.append((name, time.perf_counter() - start))
        return result


def import_and_print(clock: Clock, model: Path, text: Path) -> None:
    from qopt_mlir.frontends.onnx import import_onnx
    from qopt_mlir.qdialect.text import print_module, verify_module

    module = clock.time("import", lambda: import_onnx(model))
    clock.time("verify", lambda: verify_module(module))
    with text.open("w", encoding="utf-8") as stream:
        clock.time("print", lambda: print_module(module, stream))


def parse(clock: Clock, model: Path, text: Path) -> None:
    from qopt_mlir.qdialect.text import parse_module, read_file, verify_module

    module = clock.time("parse", lambda: parse_module(read_file(text), text.name))
    clock.time("verify", lambda: verify_module(module))


def passes(clock: Clock, model: Path, text: Path) -> None:
    from qopt_mlir.frontends.onnx import import_onnx
    from qopt_mlir.passes.pipelines import PIPELINES
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.text import new_context

    module, context = import_onnx(model), new_context()
    for pass_ in parse_passes(",".join(PIPELINES["q-to-typed"])):
        if pass_.name not in NOT_MEASURED:
            clock.time(pass_.name, lambda pass_=pass_: run_passes(context, module, [pass_]))


PROCESSES = {"import": import_and_print, "parse": parse, "passes": passes}


def run_process(name: str, model: Path, text: Path) -> None:
    """The work of one process; prints its seconds and its peak of memory in bytes."""
    clock = Clock()
    PROCESSES[name](clock, model, text)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"seconds": clock.seconds, "peak": peak}))


# --- the tables ---


@dataclass
class Figures:
    """What one network has taken: seconds of each step by process, the largest peak of memory in bytes."""

    weights: int
    seconds: dict[str, list[tuple[str, float]]] = field(default_factory=dict[str, list[tuple[str, float]]])
    peak: int = 0

    def of(self, process: str, *steps: str) -> float:
        """Seconds of the steps, by default of all, of a process."""
        return sum(seconds for step, seconds in self.seconds[process] if not steps or step in steps)

    @property
    def memory_goal(self) -> float:
        return MEMORY_FACTOR * self.weights + MEMORY_REST

    @property
    def ratios(self) -> list[float]:
        """Import, text, passes, memory, each as a part of its limit."""
        text = self.of("import", "print") + self.of("parse", "parse")
        times = self.of("import", "import") / IMPORT_GOAL, text / TEXT_GOAL, self.of("passes") / PASSES_GOAL
        return [*times, self.peak / self.memory_goal]


def measure(name: str, form: str, bits: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        model, text = Path(folder) / f"{name}.onnx", Path(folder) / f"{name}.mlir"
        # not in this process: its peak of memory would count as that of the processes that it starts
        written = run([sys.executable, GENERATOR, name, "--form", form, "--bits", bits, "-o", model]).output
        figures = Figures(int(written.split()[0]))
        for process in PROCESSES:
            output = run([sys.executable, __file__, "--process", process, model, text]).output
            report = json.loads(output.splitlines()[-1])
            figures.seconds[process] = [(step, seconds) for step, seconds in report["seconds"]]
            figures.peak = max(figures.peak, report["peak"])
    return figures


def row(label: str, figures: Figures) -> tuple[object, ...]:
    return (
        label,
        f"{figures.weights / MIB:.1f}",
        figures.of("import", "import"),
        figures.of("import", "verify"),
        figures.of("import", "print"),
        figures.of("parse", "parse"),
        figures.of("passes"),
        f"{figures.peak / MIB:.0f}",
        *(f"{ratio:.2f}x" for ratio in figures.ratios),
        "yes" if max(figures.ratios) <= 1 else "no",
    )


def passes_table(found: dict[str, Figures]) -> str:
    """Seconds of each pass, one row a pass in order, one column a network."""
    names = [step for step, _ in next(iter(found.values())).seconds["passes"]]
    columns = [[seconds for _, seconds in figures.seconds["passes"]] for figures in found.values()]
    return table(
        ["seconds", *found], [(name, *(f"{s:.2f}" for s in row)) for name, *row in zip(names, *columns, strict=True)]
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", action="append", help="only these networks (may be repeated)")
    parser.add_argument("--process", nargs=3, metavar=("NAME", "MODEL", "TEXT"), help="one process of a measurement")
    options = parser.parse_args()
    if options.process:
        name, model, text = options.process
        run_process(name, Path(model), Path(text))
        return
    found: dict[str, Figures] = {}
    for name, form, bits in CASES:
        if not options.model or name in options.model:
            label = f"{name} {form} {bits}"
            found[label] = measure(name, form, bits)
            print(*row(label, found[label]), sep="\t", file=sys.stderr)
    titles = ["network", "weights MiB", "import s", "verify s", "print s", "parse s", "passes s", "peak MiB"]
    titles += ["import", "text", "passes", "memory", "met"]
    text = "Weights: as the file stores them. The last columns: parts of the limits that the benchmark states."
    rows = [row(label, figures) for label, figures in found.items()]
    texts = [text, table(titles, rows), "Each pass:", passes_table(found)]
    publish(__file__, "Networks of full size", texts, options.write)


if __name__ == "__main__":
    main()
