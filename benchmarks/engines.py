# SPDX-License-Identifier: Apache-2.0
"""Run one network on one engine and print, as JSON, how many milliseconds a frame takes; for reference_speed.py.

Each engine is imported only where it is asked for, so that this file runs in the environment of any of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], Any]
PRODUCT_BYTES = 1 << 19  # of the rows of a product: they are in a cache, as where a layer has just copied them


def typed_plan(model: Path, input_formats: list[str]) -> Any:
    """The network at the typed level, ready to run."""
    from qopt_mlir.frontends.onnx import import_onnx
    from qopt_mlir.passes.pipelines import to_typed
    from qopt_mlir.passes.runner import parse_passes, run_passes
    from qopt_mlir.qdialect.reference import compile_function
    from qopt_mlir.qdialect.text import new_context

    module = import_onnx(model)
    run_passes(new_context(), module, parse_passes(to_typed(input_formats)))
    return compile_function(module, many_frames=True)


def qopt(model: Path, input_formats: list[str], frames: Any) -> Run:
    """The typed reference: the whole network, host parts included."""
    plan = typed_plan(model, input_formats)
    return lambda: plan.run({0: frames})[0]


def products(model: Path, input_formats: list[str], frames: Any) -> Run:
    """No more than the products of matrices of its dense layers, in float32: a limit for engines that make them so."""
    from qopt_mlir.qdialect.q import ConvOp, MatMulOp
    from qopt_mlir.qdialect.types import shape_of

    calls: list[tuple[Any, Any, Any, int]] = []
    for step in typed_plan(model, input_formats).steps:
        if isinstance(step.op, ConvOp) and step.op.groups == 1:
            columns, *taps = shape_of(step.op.weights)
        elif isinstance(step.op, MatMulOp):
            columns, taps = shape_of(step.op.rhs)[-1], [shape_of(step.op.rhs)[-2]]
        else:
            continue
        depth, rows = prod(taps), len(frames) * prod(step.results[0].shape) // columns
        block = min(rows, max(1, PRODUCT_BYTES // (4 * depth)))
        arrays = (np.ones(shape, np.float32) for shape in ((block, depth), (depth, columns), (block, columns)))
        calls.append((*arrays, -(-rows // block)))

    def run() -> Any:
        for left, right, result, times in calls:
            for _ in range(times):
                np.dot(left, right, out=result)
        return np.zeros(len(frames))

    return run


def batched(model: Path, batch: int) -> Any:
    """The ONNX model with its first dimension, and that of constant Reshape shapes, set to `batch`."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(model)
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    given = next(info for info in proto.graph.input if info.name not in constants)
    given.type.tensor_type.shape.dim[0].dim_value = batch
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        if node.op_type == "Reshape" and node.input[1] in constants:
            shape = numpy_helper.to_array(constants[node.input[1]]).copy()
            shape[0] = batch
            constants[node.input[1]].CopyFrom(numpy_helper.from_array(shape, node.input[1]))
    return proto


def onnxruntime(model: Path, _: list[str], frames: Any) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = batched(model, len(frames)).SerializeToString()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: frames})[0]


def qonnx(model: Path, _: list[str], frames: Any) -> Run:
    """execute_onnx of the cleaned model. It starts an onnxruntime session for each node, here of one thread."""
    import onnxruntime as ort
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    ort.InferenceSession = partial(ort.InferenceSession, sess_options=options)
    wrapper = cleanup_model(ModelWrapper(batched(model, len(frames))))
    name, result = wrapper.graph.input[0].name, wrapper.graph.output[0].name
    return lambda: execute_onnx(wrapper, {name: frames})[result]


ENGINES = {"qopt": qopt, "products": products, "onnxruntime": onnxruntime, "qonnx": qonnx}


def median_ms(run: Run, frames: int, seconds: float) -> float:
    """Median milliseconds of processor time a frame, of the runs that fit in `seconds`, at least 5.

    With one thread that is the wall clock's time of a machine with nothing else to do.
    """
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3 / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model", type=Path)
    parser.add_argument("frames", type=Path, help=".npy of the frames")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each batch size")
    parser.add_argument("--input-format", action="append", default=[])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    frame = np.load(options.frames)
    report: dict[str, Any] = {"ms": {}}
    for batch in options.batches:
        run = ENGINES[options.engine](options.model, options.input_format, np.repeat(frame, batch, axis=0))
        output = np.asarray(run()).reshape(batch, -1)
        report["output"] = output[0].astype(float).tolist()
        report["ms"][str(batch)] = median_ms(run, batch, options.seconds)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
