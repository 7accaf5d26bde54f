# SPDX-License-Identifier: Apache-2.0
"""Small modules in textual form, and what an engine computes for their files."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

from .engines import exported, run_onnx_reference


def module_of(body: str, inputs: str, output: str) -> ModuleOp:
    """`@main` of these arguments; the body ends with the value %y of type `output`."""
    text = f"func.func @main({inputs}) -> ({output}) {{\n{body}\nfunc.return %y : {output}\n}}"
    module = parse_module(text, "network", new_context())
    verify_module(module)
    return module


def reference(module: ModuleOp, *frames: NDArray[Any]) -> NDArray[Any]:
    """The first output of the module for one frame of each input."""
    with np.errstate(all="ignore"):
        return compile_function(module).run({i: frame[None] for i, frame in enumerate(frames)})[0][0]


def run_file(model: onnx.ModelProto, *frames: NDArray[Any]) -> NDArray[Any]:
    """The first output of a file of standard operators for one frame of each input."""
    given = {info.name: frame for info, frame in zip(model.graph.input, frames, strict=True)}
    return run_onnx_reference(model, given)[0]


def read_again(module: ModuleOp, options: str) -> ModuleOp:
    """What the importer makes of the module's file."""
    return import_onnx(exported(module, options).SerializeToString(), name="again.onnx")
