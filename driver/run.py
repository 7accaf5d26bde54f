# SPDX-License-Identifier: Apache-2.0
"""`qopt run`: arguments in, agreement and accuracy out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_shape_option, load_module, parse_shapes

if TYPE_CHECKING:
    from ..backends.execute import Execution
    from ..qdialect.attrs import Array


def main(arguments: list[str]) -> int:
    """Run and print; 1 if anything differs."""
    options = _parser().parse_args(arguments)
    from ..backends.execute import BuildFolder, Request, run_folder, run_module
    from ..qdialect.errors import QoptError
    from .arrays import load_arrays

    inputs = _first(load_arrays(options.inputs), options.samples)
    path = Path(options.model)
    if path.is_dir():
        request = Request(inputs, options.engine, options.stall, options.seed)
        result = run_folder(BuildFolder.open(path), request)
    elif options.engine in ("amaranth", "verilog"):
        raise QoptError(
            f"'{path}' is no build folder, engine {options.engine} needs one", mend="run `qopt build` first"
        )
    else:
        result = run_module(load_module(options.model, parse_shapes(options.shape)), inputs)
    passed = _print(result, options)
    if options.save:
        _save(options.save, result.outputs)
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qopt run", description="Execute an .onnx, IR of any level, or a build folder on some inputs, and compare."
    )
    add = parser.add_argument
    add("model", metavar="FILE_OR_DIR", help=".onnx, textual IR, or a folder that `qopt build` wrote")
    add(
        "--inputs",
        required=True,
        metavar="X",
        help=".npy or .npz; first axis: frames. Integers to an integer input are codes",
    )
    add("--engine", default="reference", choices=["reference", "dataflow", "amaranth", "verilog"], help="what executes")
    add("--expect", metavar="Y", help=".npy or .npz with the outputs to expect")
    add("--tolerance", type=float, default=1e-5, help="of --expect, relative to the range of the outputs")
    add("--labels", metavar="L", help=".npy with the class of each frame: prints the accuracy")
    add("--samples", type=int, metavar="N", help="use the first N frames only")
    add("--stall", nargs="?", type=float, const=0.3, default=0.0, metavar="P", help="stall both ends at random (0.3)")
    add("--seed", type=int, default=0, help="of the stalls")
    add("--save", metavar="OUT", help="write the outputs to this .npz")
    add_shape_option(parser)
    return parser


def _first(arrays: dict[str, Array], samples: int | None) -> dict[str, Array]:
    return arrays if samples is None else {name: array[:samples] for name, array in arrays.items()}


def _print(result: Execution, options: argparse.Namespace) -> bool:
    from ..backends.execute import accuracy, compare_with_expected
    from .arrays import load_arrays

    frames = len(result.outputs[0])
    print(
        f"{frames} frames on {result.engine}"
        + (f", stalls with probability {options.stall:g}" if options.stall else "")
    )
    comparisons = list(result.comparisons)
    if options.expect:
        expected = [array[:frames] for array in load_arrays(options.expect).values()]
        comparisons += compare_with_expected(result.outputs, expected, options.tolerance)
    for comparison in comparisons:
        print(comparison)
    if result.timing is not None:
        interval = "-" if result.timing.initiation_interval is None else result.timing.initiation_interval
        print(f"initiation interval {interval} cycles, latency {result.timing.latency} cycles")
    if options.labels:
        correct, total = accuracy(result.outputs[0], next(iter(load_arrays(options.labels).values())))
        print(f"accuracy {100 * correct / total:.2f} % ({correct} of {total})")
    return all(comparison.passed for comparison in comparisons)


def _save(path: str, outputs: list[Array]) -> None:
    import numpy as np

    from ..qdialect.errors import QoptError

    try:
        np.savez(path, allow_pickle=False, **{f"output{index}": output for index, output in enumerate(outputs)})
    except OSError as fault:
        raise QoptError(
            f"cannot write '{path}': {fault.strerror}", mend="choose a place that can be written to"
        ) from None
