# SPDX-License-Identifier: Apache-2.0
"""`qopt run`: arguments in, agreement and accuracy out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_shape_option, batch_hint, load_module, parse_shapes, refuse_shapes

if TYPE_CHECKING:
    from ..backends.execute import Execution
    from ..qdialect.attrs import Array


def main(arguments: list[str]) -> int:
    """Run and print; 1 if anything differs."""
    options = _parser().parse_args(arguments)
    from ..backends.arrays import load_arrays
    from ..backends.build import level_of
    from ..backends.execute import BuildFolder, Request, run_folder, run_module
    from ..qdialect.errors import QoptError

    inputs, shapes = load_arrays(options.inputs, options.samples), parse_shapes(options.shape)
    path = Path(options.model)
    if path.is_dir():
        refuse_shapes(options.model, shapes)
        request = Request(inputs, options.engine, options.stall, options.seed)
        result = run_folder(BuildFolder.open(path), request)
    elif options.engine in ("amaranth", "verilog"):
        raise QoptError(
            f"'{path}' is no build folder, engine {options.engine} needs one", mend="run `qopt build` first"
        )
    else:
        module = load_module(options.model, shapes)
        if options.engine == "dataflow" and level_of(module) != "dataflow":
            raise QoptError(f"'{path}' is not at the dataflow level", mend="build first, then run the folder")
        with batch_hint(module, options.model):
            result = run_module(module, inputs)
    passed = _print(result, options)
    if options.save is not None:
        _save(options.save, result.outputs)
    return 0 if passed else 1


def _count(text: str) -> int:
    return _whole(text, 1, 2**63 - 1)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**31 - 1)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or len(text) > 19 or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {low} to {high}")
    return int(text)


def _probability(text: str) -> float:
    return _number_below(text, 1.0, "a probability: at least 0, below 1")


def _tolerance(text: str) -> float:
    return _number_below(text, float("inf"), "a number of at least 0")


def _number_below(text: str, end: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < end:  # NaN too
        raise argparse.ArgumentTypeError(f"'{text}' is not {what}")
    return number


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
    add("--tolerance", type=_tolerance, default=1e-5, help="of --expect, relative to the range of the outputs")
    add("--labels", metavar="L", help=".npy with the class of each frame: prints the accuracy")
    add("--samples", type=_count, metavar="N", help="use the first N frames only")
    add(
        "--stall",
        nargs="?",
        type=_probability,
        const=0.3,
        default=0.0,
        metavar="P",
        help="stall both ends at random (0.3)",
    )
    add("--seed", type=_seed, default=0, help="of the stalls")
    add("--save", metavar="OUT", help="write the outputs to this .npz")
    add_shape_option(parser)
    return parser


def _print(result: Execution, options: argparse.Namespace) -> bool:
    from ..backends.arrays import load_arrays
    from ..backends.execute import accuracy, compare_with_expected

    frames = len(result.outputs[0])
    print(
        f"{frames} frames on {result.engine}"
        + (f", stalls with probability {options.stall:g}" if options.stall else "")
    )
    comparisons = list(result.comparisons)
    if options.expect is not None:
        expected = list(load_arrays(options.expect, frames).values())
        comparisons += compare_with_expected(result.outputs, expected, options.tolerance)
    for comparison in comparisons:
        print(comparison)
    if result.timing is not None:
        interval = "-" if result.timing.initiation_interval is None else result.timing.initiation_interval
        print(f"initiation interval {interval} cycles, latency {result.timing.latency} cycles")
    if options.labels is not None:
        correct, total = accuracy(result.outputs[0], next(iter(load_arrays(options.labels, frames).values())))
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
