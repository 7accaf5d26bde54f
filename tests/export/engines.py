# SPDX-License-Identifier: Apache-2.0
"""Exporting a module, and running the file on engines that have nothing to do with this project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO, TextIOWrapper
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from qopt_mlir.backends import make_target
from qopt_mlir.qdialect.text import new_context
from xdsl.dialects.builtin import ModuleOp

Arrays = Mapping[str, NDArray[Any]]


def exported(module: ModuleOp, options: str) -> onnx.ModelProto:
    """The file that `-t onnx{options}` writes, checked as far as onnx knows its operators."""
    data = BytesIO()
    output = TextIOWrapper(data)
    make_target(f"onnx{{{options}}}").emit(new_context(), module, output)
    model = onnx.load_model_from_string(data.getvalue())
    standard = all(opset.domain == "" for opset in model.opset_import)
    onnx.checker.check_model(model, full_check=standard)
    return model


def run_onnx_reference(model: onnx.ModelProto, inputs: Arrays) -> list[NDArray[Any]]:
    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(model).run(None, dict(inputs)))  # pyright: ignore[reportArgumentType]


def run_onnxruntime(model: onnx.ModelProto, inputs: Arrays) -> list[NDArray[Any]]:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install -e '.[test]'")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # it warns of initialisers that its own optimiser has left over
    session = runtime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, dict(inputs))


def run_qonnx(model: onnx.ModelProto, inputs: Arrays) -> list[NDArray[Any]]:
    reason = "the qonnx package is not installed: pip install -e '.[test]'"
    execution = pytest.importorskip("qonnx.core.onnx_exec", reason=reason)
    wrapper = pytest.importorskip("qonnx.core.modelwrapper", reason=reason).ModelWrapper(model)
    with np.errstate(all="ignore"):
        results = execution.execute_onnx(wrapper, dict(inputs))
    return [results[output.name] for output in model.graph.output]


# how a file is written -> what can run it
ENGINES: dict[str, Callable[[onnx.ModelProto, Arrays], list[NDArray[Any]]]] = {
    "qcdq": run_onnxruntime,
    "qonnx": run_qonnx,
}
