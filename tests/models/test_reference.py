# SPDX-License-Identifier: Apache-2.0
"""The reference gives what other engines recorded for real networks, and their accuracy."""

import numpy as np
import pytest
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import new_context

from .models import DATA, MODELS, Model, assert_close, graph, mnist, typed


def test_graph_level(model: Model) -> None:
    given, expected = model.stored
    output = compile_function(graph(model)).run({0: given})[0]
    assert_close(output, expected)
    assert output.argmax() == expected.argmax()


def test_typed_level(model: Model) -> None:
    given, expected = model.stored
    output = compile_function(typed(model, model.wide_input_formats)).run({0: given})[0]
    assert_close(output, expected)
    assert output.argmax() == expected.argmax()


def test_merged_steps(model: Model) -> None:
    """A plan for many frames has fewer steps, and gives the same numbers."""
    module, frames = typed(model, model.input_formats), model.frames(20)
    plain, quick = compile_function(module), compile_function(module, many_frames=True)
    assert np.array_equal(plain.run({0: frames})[0], quick.run({0: frames})[0])


@pytest.mark.parametrize("name", ["mlperftiny_kws_dscnn_int8", "mlperftiny_ic_resnet8_int8"])
def test_merged_steps_of_images(name: str) -> None:
    path = DATA / "models" / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    module = import_onnx(path)
    run_passes(new_context(), module, parse_passes(to_typed([])))
    frame = np.load(path.with_suffix(".in.npy"))
    frames = np.rint(frame * np.linspace(-1, 1, 8).reshape(-1, *(1,) * (frame.ndim - 1))).clip(-128, 127)
    plain, quick = compile_function(module), compile_function(module, many_frames=True)
    assert quick.quick is not None
    assert len(quick.quick) < len(plain.steps) - 20
    assert np.array_equal(plain.run({0: frames})[0], quick.run({0: frames})[0])


@pytest.mark.parametrize(("name", "right"), [("tfc_1w1a", 9296), ("tfc_2w2a", 9660)])
def test_accuracy_on_mnist(name: str, right: int) -> None:
    model = MODELS[name]
    if model.missing:
        pytest.skip(model.missing)
    images, labels = mnist()
    scores = compile_function(typed(model, ())).run({0: images})[0]
    assert int((scores.reshape(len(labels), -1).argmax(axis=1) == labels).sum()) == right
