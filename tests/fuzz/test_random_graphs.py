# SPDX-License-Identifier: Apache-2.0
"""Random graphs at graph level against another engine: exact values are equal, others nearly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from qopt_mlir.backends.execute import run_module
from qopt_mlir.frontends.onnx import import_onnx

from .graphs import Array
from .random_ops import random_graph

TOLERANCE = 1e-4  # of the largest number


# ops for which the reference evaluator of onnx gives wrong shapes or numbers, or raises, for some attributes
MISJUDGED = {"MaxPool", "AveragePool", "ConvTranspose", "GlobalMaxPool"}


def judged(proto: onnx.ModelProto, x: Array) -> list[Array] | None:
    """Outputs as onnxruntime computes them, else as onnx's reference evaluator does; None if neither can be asked."""
    try:
        import onnxruntime
    except ImportError:
        if any(node.op_type in MISJUDGED for node in proto.graph.node):
            return None
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs: Any = ReferenceEvaluator(proto).run(None, {"x": x})
            return outputs
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session: Any = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def check(seed: int) -> bool:
    """Whether the graph could be judged."""
    graph = random_graph(seed)
    proto, x = graph.model(), graph.frame(seed)
    outputs = run_module(import_onnx(proto.SerializeToString()), {"x": x[None]}).outputs
    expected = judged(proto, x)
    for value, output in zip(graph.outputs, outputs, strict=True):
        assert output[0].shape == value.shape, f"seed {seed}: {value} has the shape {output[0].shape}"
    for value, output, wanted in zip(graph.outputs, outputs, expected or outputs, strict=True):
        if expected is None:
            continue
        assert wanted.shape == value.shape, f"seed {seed}: {value} is judged to have the shape {wanted.shape}"
        actual, wanted = output[0].astype(np.float64), np.asarray(wanted, np.float64)
        tolerance = 0.0 if value.exact else TOLERANCE * np.abs(wanted).max(initial=1.0)
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance, err_msg=f"seed {seed}: {value}")
    return expected is not None


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_graphs(start: int) -> None:
    assert sum(check(seed) for seed in range(start, start + 50)) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 4000, 250))
def test_many_random_graphs(start: int) -> None:
    assert sum(check(seed) for seed in range(start, start + 250)) >= 100
