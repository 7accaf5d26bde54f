# SPDX-License-Identifier: Apache-2.0
"""Sizes the FIFOs of networks of images: time and memory that it takes, bits that it finds, and the pace predicted."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

from common import DATA, arguments, publish, run, table

MODELS = (
    "mlperftiny_ic_resnet8_int8",
    "mlperftiny_kws_dscnn_int8",
    "nemo_frontnet",
    "nemo_penguinet32",
    "nemo_residual1",
    "nemo_dronet20",
    "mcunet_vww_int8",
    "espcn_subpixel_quant",
)
TITLES = (
    "model",
    "units",
    "beats a frame",
    "processor seconds",
    "of these prediction",
    "peak MiB",
    "FIFO bits",
    "busiest unit",
    "predicted interval",
)


def folded(path: Path) -> Any:
    """The model on the dataflow level but for FIFOs, with the input formats that it asks for."""
    from qopt_mlir.frontends.onnx import import_onnx
    from qopt_mlir.passes.pipelines import PIPELINES, to_typed
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.errors import QoptError
    from qopt_mlir.qdialect.text import new_context

    context, module = new_context(), import_onnx(path)
    try:
        run_passes(context, module, parse_passes(to_typed()))
    except QoptError as fault:
        asked = re.search(r"--input-format '([^']*)'", str(fault))
        if asked is None:
            raise
        module = import_onnx(path)
        run_passes(context, module, parse_passes(to_typed([asked[1]])))
    run_passes(context, module, parse_passes(",".join(PIPELINES["q-to-dataflow"][:-1])))
    return module


def measure(path: Path) -> list[object]:
    """A row of the table, in a process of its own."""
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.cost import predict_timing, total_cost, unit_network
    from qopt_mlir.qdialect.dataflow import FifoOp, hardware_function, unit_graph
    from qopt_mlir.qdialect.text import new_context

    module, context = folded(path), new_context()
    start = time.process_time()
    run_passes(context, module, parse_passes("q-insert-fifos"))
    sized = time.process_time()
    units = unit_graph(hardware_function(module))
    timing = predict_timing(units).timing
    predicted = time.process_time()
    return [
        len(units),
        sum(unit_network(units)[0].beats),
        predicted - start,
        predicted - sized,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        sum(unit.depth * unit.result_type.width for unit in units if isinstance(unit, FifoOp)),
        total_cost(units).cycles,
        str(timing.initiation_interval),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--match", default="", help="only models whose name has this in it")
    parser.add_argument("--one", type=Path, help="measure this file and print its row")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    rows: list[list[object]] = []
    for name in MODELS:
        path = DATA / f"{name}.onnx"
        if options.match not in name:
            continue
        if not path.is_file():
            print(f"skipped: no {name}.onnx in the model collection beside the checkout", file=sys.stderr)
            continue
        rows.append([name, *json.loads(run([sys.executable, __file__, "--one", path]).output)])
        print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    publish(__file__, "Sizing of FIFOs", [table(TITLES, rows)], options.write)


if __name__ == "__main__":
    main()
