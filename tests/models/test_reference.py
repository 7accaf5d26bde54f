# SPDX-License-Identifier: Apache-2.0
"""The reference gives what other engines recorded for real networks, and their accuracy."""

import pytest
from qopt_mlir.qdialect.reference import compile_function

from .models import MODELS, Model, assert_close, graph, mnist, typed


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


@pytest.mark.parametrize(("name", "right"), [("tfc_1w1a", 9296), ("tfc_2w2a", 9660)])
def test_accuracy_on_mnist(name: str, right: int) -> None:
    model = MODELS[name]
    if model.missing:
        pytest.skip(model.missing)
    images, labels = mnist()
    scores = compile_function(typed(model, ())).run({0: images})[0]
    assert int((scores.reshape(len(labels), -1).argmax(axis=1) == labels).sum()) == right
