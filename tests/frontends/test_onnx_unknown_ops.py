# SPDX-License-Identifier: Apache-2.0
"""Ops without importer are refused all together, by name, with a remedy."""

import pytest

from .graphs import model, op
from .test_onnx_errors import refusal


@pytest.mark.parametrize(
    ("op_type", "mend"),
    [
        ("LSTM", "LSTM: export one step of the recurrence"),
        ("SequenceAt", "tensors in place of sequences"),
        ("RandomNormalLike", "input of the network"),
        ("NonMaxSuppression", "host program"),
        ("TfIdfVectorizer", "leave texts"),
    ],
)
def test_remedies_for_ops_that_are_not_supported(op_type: str, mend: str) -> None:
    error = refusal(model([op(op_type, "x")]))
    assert f"{op_type} at" in error.what
    assert mend in (error.mend or "")


def test_unknown_ops_are_listed_together() -> None:
    nodes = [
        op("Rellu", "x", "a", name="first"),
        op("Relu", "a", "b"),
        op("Foo", "b", "c", name="second", domain="bar"),
    ]
    nodes += [op("Foo", "x", "d", name="third", domain="bar"), op("Add", "c d")]
    error = refusal(model(nodes), name="net.onnx")
    assert error.what == "ops that are not supported: Rellu at 'first'; bar.Foo at 'second', 'third'"
    assert error.where == "net.onnx"
    assert error.mend is not None
    assert error.mend == "did you mean Relu?; did you mean Floor?; docs/onnx_nodes.md lists the supported ops"
    many = [op("Foo", "x", f"f{i}", name=f"n{i}") for i in range(6)] + [op("Max", " ".join(f"f{i}" for i in range(6)))]
    assert refusal(model(many)).what.endswith("Foo at 'n0', 'n1', 'n2' and 3 more")
    assert "Foo at 'Foo_y'" in refusal(model([op("Foo", "x", name="")])).what
