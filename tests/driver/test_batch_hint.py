# SPDX-License-Identifier: Apache-2.0
"""A fixed first dimension is part of the frame; what goes wrong with such a model says how to take it for a batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from qopt_mlir.driver.cli import main


def relu_of(shape: tuple[int, ...], path: Path) -> str:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)


@pytest.mark.parametrize("command", [["-p", "q-to-typed"], ["build", "-o", "out"], ["run", "--inputs", "x.npy"]])
def test_hint(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = relu_of((8, 4), tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", np.zeros((3, 5), np.float32))
    words = [str(tmp_path / word) if word in ("out", "x.npy") else word for word in command]
    verbs, options = (words[:1], words[1:]) if not words[0].startswith("-") else ([], words)
    assert main([*verbs, path, *options]) == 1
    message = capsys.readouterr().err
    assert message.rstrip().endswith("; if the first dimension counts frames, pass --shape x=1,4")
    main([*verbs, path, *options, "--shape", "x=1,4"])
    assert "--shape" not in capsys.readouterr().err


def test_no_hint_for_one_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([relu_of((1, 4), tmp_path / "net.onnx"), "-p", "q-to-typed"]) == 1
    assert "--shape" not in capsys.readouterr().err


def test_the_import_keeps_the_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = relu_of((8, 4), tmp_path / "net.onnx")
    assert main([path]) == 0
    assert "tensor<8x4xf32>" in capsys.readouterr().out
    assert main([path, "--shape", "x=1,4"]) == 0
    assert "tensor<1x4xf32>" in capsys.readouterr().out
