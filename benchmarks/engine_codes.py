# SPDX-License-Identifier: Apache-2.0
"""Run one network with onnxruntime and save the codes of tensors inside it; for layers_vs_onnxruntime.py.

The tensors are those of the graph as onnxruntime has optimised it, saved to a file and loaded again without further
changes: asked of the first session, they would keep it from joining ops. Codes are less their zero point.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from engines import batched
from onnx import TensorProto, helper, numpy_helper

LEVELS = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def session(content: bytes, level: str, saved: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = LEVELS[level]
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")  # int8 stays int8, under its name
    if saved is not None:
        options.optimized_model_filepath = str(saved)
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def zero_points(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Of each tensor of codes that is dequantised."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    dequantised = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and len(node.input) > 2]
    return {node.input[0]: constants[node.input[2]] for node in dequantised if node.input[2] in constants}


def codes(model: Path, frames: np.ndarray, tensors: list[str], level: str) -> dict[str, np.ndarray]:
    """Codes by tensor of those that the optimised graph still has, and the output as `output`; frame by frame."""
    proto = batched(model, 1)
    points, given = zero_points(proto), [info.name for info in proto.graph.input]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "optimised.onnx"
        session(proto.SerializeToString(), level, file)
        optimised = onnx.load(file)
    output = optimised.graph.output[0].name
    made = {name for node in optimised.graph.node for name in node.output} | set(given)
    kept = [name for name in tensors if name in made and name in points]
    for name in kept:
        type_ = TensorProto.UINT8 if points[name].dtype == np.uint8 else TensorProto.INT8
        if name != output and name not in given:
            optimised.graph.output.append(helper.make_tensor_value_info(name, type_, None))
    run = session(optimised.SerializeToString(), "none")
    wanted, found = [output, *(name for name in kept if name not in given)], dict[str, list[Any]]()
    for frame in frames:
        feed = {run.get_inputs()[0].name: frame.reshape(1, *frames.shape[1:])}
        values = dict(zip(wanted, run.run(wanted, feed), strict=True)) | {
            name: feed[name] for name in kept if name in feed
        }
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    results = {
        name: np.concatenate(parts).astype(np.int16) - points[name].astype(np.int16)
        for name, parts in found.items()
        if name in kept
    }
    return results | {"output": np.concatenate(found[output])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("frames", type=Path, help=".npy, [frames, ...]")
    parser.add_argument("tensors", help="JSON list of the names")
    parser.add_argument("result", type=Path, help=".npz to write")
    parser.add_argument("--level", choices=LEVELS, default="extended")
    options = parser.parse_args()
    found = codes(options.model, np.load(options.frames), json.loads(options.tensors), options.level)
    np.savez(options.result, **{name.replace("/", "\\"): array for name, array in found.items()})
    print(json.dumps({"onnxruntime": ort.__version__}))


if __name__ == "__main__":
    main()
