# SPDX-License-Identifier: Apache-2.0
"""Ops that become several: those that ONNX defines by others, normalisations, Einsum, unrolled loops; against onnx."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from qopt_mlir.frontends.onnx import import_onnx
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.text import module_text

from .graphs import expected, imported, model, op, op_names, reread, run

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
C = np.array([0.5, -1, 2, 3], np.float32)
IMAGE = (1, 4, 2, 3)

# (node, constants, shape of x, opset)
COMPOSITE: dict[str, tuple[Any, dict[str, Any], tuple[int, ...], int]] = {
    "elu": (op("Elu", "x", alpha=0.5), {}, (1, 4), 22),
    "elu 6": (op("Elu", "x"), {}, (1, 4), 7),
    "selu 6": (op("Selu", "x"), {}, (1, 4), 9),
    "celu": (op("Celu", "x", alpha=2.0), {}, (1, 4), 12),
    "gelu": (op("Gelu", "x"), {}, (1, 4), 20),
    "gelu tanh": (op("Gelu", "x", approximate="tanh"), {}, (1, 4), 20),
    "mish": (op("Mish", "x"), {}, (1, 4), 18),
    "hard sigmoid": (op("HardSigmoid", "x", alpha=0.3), {}, (1, 4), 9),
    "hard swish": (op("HardSwish", "x"), {}, (1, 4), 14),
    "softsign": (op("Softsign", "x"), {}, (1, 4), 9),
    "shrink": (op("Shrink", "x", lambd=0.5, bias=0.25), {}, (1, 4), 9),
    "thresholded relu": (op("ThresholdedRelu", "x", alpha=0.5), {}, (1, 4), 10),
    "layer norm": (op("LayerNormalization", "x s b", axis=-1), {"s": C[:3], "b": C[1:]}, IMAGE, 17),
    "layer norm without bias": (op("LayerNormalization", "x s", axis=2), {"s": np.ones((2, 3))}, IMAGE, 17),
    "group norm": (op("GroupNormalization", "x s b", num_groups=2), {"s": C, "b": -C}, IMAGE, 21),
    "rms norm": (op("RMSNormalization", "x s"), {"s": C[:3]}, IMAGE, 23),
    "variance norm": (op("MeanVarianceNormalization", "x"), {}, IMAGE, 13),
    "instance norm": (op("InstanceNormalization", "x s b", epsilon=0.1), {"s": C, "b": -C}, IMAGE, 9),
    "l2 norm": (op("LpNormalization", "x"), {}, IMAGE, 9),
    "log softmax": (op("LogSoftmax", "x", axis=1), {}, IMAGE, 13),
    "hardmax": (op("Hardmax", "x", axis=2), {}, IMAGE, 13),
    "rotary": (
        op("RotaryEmbedding", "x c s"),
        {"c": np.cos(np.arange(6.0).reshape(1, 3, 2)), "s": np.sin(np.arange(6.0).reshape(1, 3, 2))},
        (1, 2, 3, 4),
        23,
    ),
    "attention": (op("Attention", "x x x"), {}, (1, 2, 3, 4), 23),
}


@pytest.mark.parametrize("case", COMPOSITE)
def test_composite(case: str) -> None:
    node, constants, shape, opset = COMPOSITE[case]
    proto = model([node], constants, x=shape, opset=opset)
    module = reread(imported(proto))
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = rng.normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(run(module, x)[0], expected(proto, x)[0], rtol=1e-5, atol=1e-6)


def test_a_form_that_the_definition_does_not_know() -> None:
    with pytest.raises(QoptError, match="approximate is 'other', not one of none, tanh"):
        import_onnx(model([op("Gelu", "x", approximate="other")], opset=20).SerializeToString())


def test_the_parts_carry_the_name_of_the_whole() -> None:
    module = imported(model([op("Gelu", "x", name="/act/Gelu")], opset=20))
    assert {"div", "erf", "add", "mul"} == set(op_names(module))
    assert 'loc("/act/Gelu/Erf")' in module_text(module)


def test_l1_norm() -> None:
    """By its formula: onnx's reference adds the numbers themselves, not their sizes."""
    x = np.array([[[-1, 3], [2, 0], [0, 0]]], np.float32)
    got = run(imported(model([op("LpNormalization", "x", p=1)], x=(1, 3, 2), opset=9)), x)[0]
    np.testing.assert_array_equal(got, [[[-0.25, 0.75], [1, 0], [0, 0]]])


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_lrn(size: int) -> None:
    """By its formula: onnx's reference takes the frames for the channels."""
    node = op("LRN", "x", size=size, alpha=0.5, beta=0.6, bias=2.0)
    x = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    want = np.empty(IMAGE)
    for c in range(4):
        around = x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1].astype(np.float64)
        want[:, c] = x[:, c] / (2 + 0.5 / size * (around**2).sum(1)) ** 0.6
    np.testing.assert_allclose(run(imported(model([node], x=IMAGE, opset=9)), x)[0], want, rtol=1e-5)


def test_log_softmax_before_opset_13_takes_all_axes_from_its_axis() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 3)).astype(np.float32)
    got = run(imported(model([op("LogSoftmax", "x")], x=(1, 2, 3), opset=11)), x)[0]
    np.testing.assert_allclose(got, x - np.log(np.exp(x.astype(np.float64)).sum()), rtol=1e-5)


def test_log_softmax_of_far_apart_numbers_is_finite() -> None:
    x = np.array([[0, 500, -500, 1]], np.float32)
    np.testing.assert_array_equal(run(imported(model([op("LogSoftmax", "x")])), x)[0], [[-500, 0, -1000, -499]])


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(axis: int) -> None:
    nodes = [op("ArgMax", "x", "i", axis=1, keepdims=0), op("OneHot", "i d v", axis=axis)]
    proto = model(nodes, {"d": np.int64(5), "v": np.array([-1, 2], np.float32)}, x=(3, 4), opset=13)
    module = reread(imported(proto))
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def test_one_hot_of_negative_indices_and_integers() -> None:
    nodes = [op("Cast", "x", "i", to=INT64), op("OneHot", "i d v")]
    proto = model(nodes, {"d": np.int64(3), "v": np.array([7, 9])}, y_type=INT64)
    x = np.array([[-1, 0, 2, -3]], np.float32)
    np.testing.assert_array_equal(run(imported(proto), x)[0], expected(proto, x)[0])


# equation, shape of the constant operand
EQUATIONS = {
    "nk,km->nm": (4, 3),
    "ij,kj->ki": (3, 4),
    "ij,ij->i": (2, 4),
    "ij,ij": (2, 4),
    "ij->ji": None,
    "ij->j": None,
    "ij->": None,
    "...j,jk->...k": (4, 3),
    "ij,k->ikj": (3,),
    "ij,ij->ji": (2, 4),
    "i...,k...->ik...": (3, 4),
    "ij, jk , kl -> il": (4, 3),
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str) -> None:
    shape, rng = EQUATIONS[equation], np.random.default_rng(0)
    constants = {"c": rng.normal(size=shape), "d": rng.normal(size=(3, 2))} if shape else {}
    names = "x c d" if equation.count(",") == 2 else "x c" if shape else "x"
    proto = model([op("Einsum", names, equation=equation)], constants, x=(2, 4))
    module = reread(imported(proto))
    x = rng.normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(run(module, x)[0], expected(proto, x)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("equation", ["ii->i", "ijk->i", "ij->k", "ij,jk->ik"])
def test_einsum_refused(equation: str) -> None:
    with pytest.raises(QoptError, match=r"a diagonal|does not fit the operands"):
        import_onnx(model([op("Einsum", "x", equation=equation)], x=(4, 4)).SerializeToString())


def body(nodes: list[Any], inputs: dict[str, int], outputs: str) -> Any:
    """A graph inside a node: inputs with their element types, outputs."""
    infos = [helper.make_tensor_value_info(name, type_, None) for name, type_ in inputs.items()]
    results = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs.split()]
    return helper.make_graph(nodes, "body", infos, results)


@pytest.mark.parametrize("taken", [True, False])
def test_if(taken: bool) -> None:
    """The branches see the names around them, and call their results the same."""
    then, other = (body([op(name, "a", "r")], {}, "r") for name in ("Relu", "Neg"))
    nodes = [op("Add", "x x", "a"), op("If", "c", then_branch=then, else_branch=other)]
    proto = model(nodes, {"c": np.array(taken)})
    module = imported(proto)
    assert op_names(module) == ["add", "relu" if taken else "mul"]
    x = np.array([[-1, 2, -3, 4]], np.float32)
    np.testing.assert_array_equal(run(module, x)[0], expected(proto, x)[0])


def loop_body(condition: Any) -> Any:
    nodes = [condition, op("Add", "s x", "t"), op("Cast", "i", "f", to=FLOAT), op("Mul", "t f", "u")]
    return body([*nodes, op("Identity", "t", "v")], {"i": INT64, "go": BOOL, "s": FLOAT}, "on t u v")


@pytest.mark.parametrize("rounds", ["n", "-"])
def test_loop(rounds: str) -> None:
    """By the number of rounds, or until a condition on the number of the round is false; one carried, two stacked.

    By its formula: onnx's reference stacks matrices along their first axis.
    """
    condition = op("Identity", "go", "on") if rounds == "n" else op("Less", "i n", "on")
    loop = op("Loop", f"{rounds} true x", "y u v", body=loop_body(condition))
    proto = model([loop], {"n": np.int64(3), "true": np.array(True)}, outputs="y u v")
    module = reread(imported(proto))
    x = np.array([[-1, 2, -3, 4]], np.float32)
    count = 3 if rounds == "n" else 4  # the condition is asked after the round
    carried = [x * (i + 2) for i in range(count)]
    wanted = [carried[-1], np.stack([value * i for i, value in enumerate(carried)]), np.stack(carried)]
    for got, want in zip(run(module, x), wanted, strict=True):
        np.testing.assert_array_equal(got, want)


def test_scan() -> None:
    """A running sum, from the last column to the first."""
    inner = body([op("Add", "s e", "t"), op("Identity", "t", "o")], {"s": FLOAT, "e": FLOAT}, "t o")
    options = {"num_scan_inputs": 1, "scan_input_axes": [1], "scan_input_directions": [1], "scan_output_axes": [1]}
    proto = model([op("Scan", "z x", "last y", body=inner, **options)], {"z": np.zeros(2, np.float32)}, x=(2, 4))
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    module = reread(imported(proto))
    np.testing.assert_array_equal(run(module, x)[0], x[:, ::-1].cumsum(1))


REFUSED = {
    "condition": (
        "the condition 'go0' is not a constant",
        [
            op("ReduceSum", "x", "r", keepdims=0),
            op("Cast", "r", "go0", to=BOOL),
            op("Loop", "n go0 x", body=loop_body(op("Identity", "go", "on"))),
        ],
    ),
    "endless": (
        "more than 4096 rounds",
        [
            op(
                "Loop",
                "- true x",
                body=body(
                    [op("Identity", "go", "on"), op("Identity", "s", "t")], {"i": INT64, "go": BOOL, "s": FLOAT}, "on t"
                ),
            )
        ],
    ),
    "outputs": (
        "do not fit the node",
        [op("Loop", "n true x", body=body([], {"i": INT64, "go": BOOL, "s": FLOAT}, "go"))],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_loops(case: str) -> None:
    what, nodes = REFUSED[case]
    proto = model(nodes, {"n": np.int64(3), "true": np.array(True)})
    with pytest.raises(QoptError) as caught:
        import_onnx(proto.SerializeToString())
    assert (
        what in caught.value.what or what.replace("depends on the inputs", "'t' is not a constant") in caught.value.what
    )
    assert caught.value.where is not None
    assert "(Loop)" in caught.value.where
    assert caught.value.mend
