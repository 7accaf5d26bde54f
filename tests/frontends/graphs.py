# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models, and running what they are imported to."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, parse_module, verify_module
from xdsl.dialects.builtin import ModuleOp

QONNX = "qonnx.custom_op.general"
MODELS = Path(__file__).parents[3] / "shared" / "data" / "models"
needs_models = pytest.mark.skipif(not MODELS.is_dir(), reason=f"the real models ({MODELS}) are not here")

Shape = Sequence[int | str | None] | None


def op(
    op_type: str, inputs: str, outputs: str = "y", *, name: str = "node", domain: str = "", **attributes: Any
) -> Any:
    """A node; inputs and outputs are names between blanks, `-` an absent one."""
    names = [["" if n == "-" else n for n in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op_type, *names, name=name, domain=domain, **attributes)


def model(
    nodes: Sequence[Any],
    constants: Mapping[str, Any] | None = None,
    *,
    x: Shape = (1, 4),
    y: Shape = None,
    x_type: int = TensorProto.FLOAT,
    y_type: int = TensorProto.FLOAT,
    opset: int = 13,
    outputs: str = "y",
) -> onnx.ModelProto:
    """A model with input `x`; `constants` become initialisers (Python floats in float32)."""
    arrays = {name: np.asarray(value) for name, value in (constants or {}).items()}
    arrays = {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in arrays.items()}
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", x_type, x)],
        [helper.make_tensor_value_info(name, y_type, y) for name in outputs.split()],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def imported(proto: onnx.ModelProto, **options: Any) -> ModuleOp:
    """The import of a model, verified."""
    module = import_onnx(proto.SerializeToString(), **options)
    verify_module(module)
    return module


def reread(module: ModuleOp) -> ModuleOp:
    """The module written as text and read again, which is the same module."""
    text = module_text(module)
    again = parse_module(text, "again")
    assert module_text(again) == text
    return again


def anonymous_text(module: ModuleOp) -> str:
    """The module's text without locations and names, values numbered: equal for equal networks."""
    text = re.sub(r' loc\((?:"[^"]*"|unknown)\)', "", module_text(module))
    numbers: dict[str, str] = {}
    text = re.sub(r"%[\w$.-]+", lambda match: numbers.setdefault(match[0], f"%{len(numbers)}"), text)
    return re.sub(r'q\.name = "[^"]*"', "q.name", text)


def run(module: ModuleOp, *inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs of the reference for one frame."""
    results = compile_function(module, "main").run({i: array[None] for i, array in enumerate(inputs)})
    return [np.asarray(result)[0] for result in results]


def expected(proto: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    """Outputs of onnx's own reference."""
    return [np.asarray(result) for result in ReferenceEvaluator(proto).run(None, {"x": x})]


def check_refusal(what: str, proto: onnx.ModelProto) -> None:
    """The import is refused: `what` says why, the node called 'node' says where, and there is a mend."""
    with pytest.raises(QoptError) as caught:
        import_onnx(proto.SerializeToString())
    assert what in caught.value.what
    assert "node 'node'" in str(caught.value)
    assert caught.value.mend


def op_names(module: ModuleOp) -> list[str]:
    """Names of the ops of @main in order, without constants, `q.` and the return."""
    names = [op.name.removeprefix("q.") for op in module.walk() if op.name.startswith("q.")]
    return [name for name in names if name != "constant"]
