# SPDX-License-Identifier: Apache-2.0
"""The qonnx package as a judge: the codes that it gives every quantised value of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .models import Model

BATCH = 1000


@dataclass(frozen=True)
class Judgement:
    """Codes by name of the quantiser node, in the order of the graph, and the outputs of the network."""

    codes: dict[str, NDArray[np.int64]]
    outputs: NDArray[np.float32]


def judge(model: Model, frames: NDArray[np.float32]) -> Judgement:
    """Run qonnx on frames, `BATCH` at a time."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

    assert len(frames) % BATCH == 0
    # Shapes that are computed from the input's become those of a batch when cleaned up.
    proto = onnx.load(model.path)
    shape = next(i for i in proto.graph.input if i.name == model.input_name).type.tensor_type.shape
    shape.dim[0].dim_value = BATCH
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]
    wrapper = cleanup_model(ModelWrapper(proto))
    batch_shape = (BATCH, *(dim.dim_value for dim in shape.dim[1:]))
    name = wrapper.graph.input[0].name
    parts: list[Judgement] = []
    for start in range(0, len(frames), BATCH):
        batch = frames[start : start + BATCH].reshape(batch_shape)
        values = execute_onnx(wrapper, {name: batch}, return_full_exec_context=True)
        codes = {key: _codes(values, node) for key, node in _quantisers(wrapper, proto).items()}
        parts.append(Judgement(codes, values[wrapper.graph.output[0].name]))
    joined = {name: np.concatenate([part.codes[name] for part in parts]) for name in parts[0].codes}
    return Judgement(joined, np.concatenate([part.outputs for part in parts]))


def _quantisers(wrapper: Any, original: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Quantisers of activations by the name they have in the file: cleaning up gives nodes new names."""
    constants = {initializer.name for initializer in wrapper.graph.initializer}
    kinds = ("Quant", "BipolarQuant")
    cleaned = [node for node in wrapper.graph.node if node.op_type in kinds and node.input[0] not in constants]
    dynamic = [node for node in original.graph.node if node.op_type in kinds and _depends_on_input(node, original)]
    assert len(cleaned) == len(dynamic)
    return {old.name: new for old, new in zip(dynamic, cleaned, strict=True)}


def _depends_on_input(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    maker = {name: other for other in model.graph.node for name in other.output}
    inputs = {info.name for info in model.graph.input} - {tensor.name for tensor in model.graph.initializer}
    waiting = [node.input[0]]
    while waiting:
        name = waiting.pop()
        if name in inputs:
            return True
        waiting += [] if name not in maker else maker[name].input
    return False


def _codes(values: dict[str, Any], node: onnx.NodeProto) -> NDArray[np.int64]:
    """A quantiser's result divided by its scale, which gives integers but for float32's rounding."""
    scale = values[node.input[1]]
    zero_point = values[node.input[2]] if node.op_type == "Quant" else np.float32(0)
    assert not np.any(zero_point)
    numbers = values[node.output[0]].astype(np.float64) / np.asarray(scale, dtype=np.float64)
    codes = np.rint(numbers)
    assert np.abs(numbers - codes).max() < 1e-4
    return codes.astype(np.int64)
